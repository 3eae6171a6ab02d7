"""What a decoder under test is: where its inputs come from, and what it must hold to.

Owns the type; `judging` holds decoders to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from relay.errors import CandorError
from tests.fuzz.mutation import Mutation

MAX_DOCUMENT_BYTES: Final = 32_768


class Target(NamedTuple):
    """One decoder.

    Args:
        seeds: Where mutation starts.
        mutate: How inputs are drawn from them.
        read: Takes an input and returns it in its one written form, or raises.
        errors: What it may raise.
        is_public: Whether its messages may quote input: documents that their own author mends.
    """

    seeds: Callable[[], list[bytes]]
    mutate: Mutation
    read: Callable[[bytes], str]
    errors: tuple[type[CandorError], ...]
    is_public: bool = False


def as_text(data: bytes) -> str:
    """Return an input as text: UTF-8 with lone surrogates, or else one character for each byte."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")
