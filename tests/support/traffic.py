"""What devices and relay said to each other, read from the recorded wire.

Owns the reading of protocol.md section 4 for counting; shares no codec with the product.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgpack  # type: ignore[import-untyped]

from tests.support.posts import posts
from tests.support.wire import Recording, messages

WELCOME, ACK, WITHDRAWN = 2, 3, 9
OPEN, FRAMES = "/v1/frames/open", "/v1/frames"
OK, UNANSWERED = 200, 0
HELLO, SEGMENT, BATCH, DROPPED = 32, 36, 37, 38


class Place(NamedTuple):
    """A batch's place: its stream's salt and its seq."""

    stream: bytes
    seq: int


class SentBatch(NamedTuple):
    """A batch seen on its way up."""

    when: float
    place: Place
    signals: int
    size: int


@dataclass
class Traffic:
    """Counts of recorded connections; built by `read`."""

    batches: list[SentBatch] = field(default_factory=list)
    acked: set[Place] = field(default_factory=set)
    refused: dict[Place, str] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    kinds: Counter[int] = field(default_factory=Counter)
    withdrawn_at: list[float] = field(default_factory=list)

    @property
    def sent(self) -> set[Place]:
        """Return every batch that was sent at least once."""
        return {batch.place for batch in self.batches}

    @property
    def stored(self) -> set[Place]:
        """Return every batch that was acked and not refused."""
        return (self.acked & self.sent) - set(self.refused)

    def first_sent_between(self, start: float, end: float) -> list[tuple[Place, float]]:
        """Return batches first sent between two times (seconds since 1970), each with its time."""
        first: dict[Place, float] = {}
        for batch in self.batches:
            first[batch.place] = min(batch.when, first.get(batch.place, batch.when))
        return sorted((place, when) for place, when in first.items() if start <= when <= end)


class _Said(NamedTuple):
    when: float
    stream: bytes
    frame: list[Any]


def read(recordings: Iterable[Recording]) -> Traffic:
    """Read recorded connections: WebSockets, and the same frames over HTTPS.

    Args:
        recordings: From `Proxy.recordings`; other connections are passed over.
    """
    kept = list(recordings)
    said = [*_over_sockets(kept), *_over_posts(kept)]
    traffic = Traffic()
    for when, stream, frame in sorted(said, key=lambda one: one.when):
        _note(traffic, when, stream, frame)
    return traffic


def _unpack(data: bytes) -> list[Any]:
    frame: list[Any] = msgpack.unpackb(data, strict_map_key=False)
    return frame


def _over_sockets(recordings: list[Recording]) -> Iterator[_Said]:
    for recording in recordings:
        stream = b""
        for message in messages(recording):
            frame = _unpack(message.payload)
            stream = frame[2] if frame[0] == HELLO else stream
            yield _Said(message.when, stream, frame)


def _over_posts(recordings: list[Recording]) -> Iterator[_Said]:
    """Read protocol.md section 3, transport 2; one exchange may use several connections."""
    asked = sorted(
        (post for recording in recordings for post in posts(recording)),
        key=lambda one: one.asked_at,
    )
    streams: dict[bytes, bytes] = {}
    for post in asked:
        if post.path not in {OPEN, FRAMES} or post.status not in {OK, UNANSWERED}:
            continue
        up: list[bytes] = []
        exchange = b""
        if post.path == FRAMES:
            exchange, _, _, body = _unpack(post.question)
            up = _unpack(body)
        for data in up:
            frame = _unpack(data)
            if frame[0] == HELLO:
                streams[exchange] = frame[2]
            yield _Said(post.asked_at, streams.get(exchange, b""), frame)
        down = _unpack(post.answer)[0] if post.answer else []
        for data in down:
            yield _Said(post.answered_at, streams.get(exchange, b""), _unpack(data))


def _note(traffic: Traffic, when: float, stream: bytes, frame: list[Any]) -> None:
    kind = frame[0]
    traffic.kinds[kind] += 1
    if kind == BATCH:
        place = Place(stream, frame[1])
        traffic.batches.append(SentBatch(when, place, frame[3], len(frame[5])))
    elif kind == DROPPED:
        traffic.dropped[frame[3]] += frame[2] - frame[1] + 1
    elif kind in {ACK, WELCOME}:
        through = frame[1] if kind == ACK else frame[2]
        sent = traffic.sent
        traffic.acked |= {one for one in sent if one.stream == stream and one.seq <= through}
        if kind == ACK:
            traffic.refused |= {Place(stream, seq): reason for seq, reason in frame[2]}
    elif kind == WITHDRAWN:
        traffic.withdrawn_at.append(when)
