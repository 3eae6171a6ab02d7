"""Looks for canaries everywhere they could have gone.

Owns the list of places; the spellings are the searcher's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Protocol

import msgpack  # type: ignore[import-untyped]

from tests.support.canary import Canaries, Hit
from tests.support.posts import posts
from tests.support.proxy import Proxy
from tests.support.readers import Reading
from tests.support.relay import Relay
from tests.support.wire import messages


class HasStorage(Protocol):
    """A browser that tells what the extension keeps."""

    def storage(self) -> Iterator[tuple[str, bytes]]:
        """Yield what the extension keeps, by name."""


def on_the_wire(proxy: Proxy) -> Iterator[tuple[str, bytes]]:
    """Yield every recorded connection, its messages unmasked and inflated, its posts."""
    for number, recording in enumerate(proxy.recordings):
        for way in ("up", "down"):
            yield f"wire: connection {number} {way}", recording.bytes_of(way)
        for message in messages(recording):
            yield f"wire: message {message.direction} of {number}", message.payload
        for post in posts(recording):
            yield f"wire: {post.path} of {number}, asked", post.question
            yield f"wire: {post.path} of {number}, answered", post.answer


def everywhere(
    canaries: Canaries,
    browser: HasStorage,
    proxy: Proxy,
    relay: Relay,
    reading: Reading,
) -> tuple[list[Hit], dict[str, int]]:
    """Search wire, extension storage, relay files, logs, metrics, and decrypted bytes.

    Returns:
        Every hit, and how many bytes were searched by kind of place.
    """
    search = canaries.searcher()
    hits: list[Hit] = []
    sizes: Counter[str] = Counter()
    sources: list[tuple[str, Iterable[tuple[str, bytes]]]] = [
        ("wire", on_the_wire(proxy)),
        ("extension storage", browser.storage()),
        ("relay", relay.files()),
    ]
    for kind, source in sources:
        for place, data in source:
            sizes[kind] += len(data)
            hits += search.in_bytes(place, data)
    for opened in reading.decrypted():
        place = f"decrypted: batch {opened.seq}"
        sizes["decrypted"] += len(opened.plaintext)
        hits += search.in_bytes(place, opened.plaintext)
        hits += search.in_value(place, msgpack.unpackb(opened.plaintext, strict_map_key=False))
    return hits, dict(sizes)
