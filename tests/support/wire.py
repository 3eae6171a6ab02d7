"""Reading recorded WebSocket traffic: from the bytes of one connection to its messages.

Owns the parts of RFC 6455 and RFC 7692 that a recording needs; never answers anybody.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["up", "down"]

_CONTINUATION = 0
_TEXT = 1
_BINARY = 2
_SHORT = 126
_MEDIUM = 127


@dataclass
class Recording:
    """What passed through one connection, after TLS, with the time of each piece."""

    chunks: dict[Direction, list[tuple[float, bytes]]] = field(
        default_factory=lambda: {"up": [], "down": []}
    )

    def bytes_of(self, direction: Direction) -> bytes:
        """Return all bytes of one direction."""
        return b"".join(data for _, data in self.chunks[direction])

    @property
    def size(self) -> int:
        """Return how many bytes passed, both ways."""
        return sum(len(data) for rows in self.chunks.values() for _, data in rows)

    def time_at(self, direction: Direction, offset: int) -> float:
        """Return when the byte before this offset had arrived."""
        passed = 0
        for when, data in self.chunks[direction]:
            passed += len(data)
            if passed >= offset:
                return when
        return self.chunks[direction][-1][0] if self.chunks[direction] else 0.0


@dataclass(frozen=True)
class Message:
    """One whole WebSocket message, unmasked and inflated."""

    direction: Direction
    when: float
    text: bool
    payload: bytes


def messages(recording: Recording) -> list[Message]:
    """Return both directions' messages as they arrived; none if it was no WebSocket."""
    head_up, _, _ = recording.bytes_of("up").partition(b"\r\n\r\n")
    head_down, _, _ = recording.bytes_of("down").partition(b"\r\n\r\n")
    if b"101" not in head_down.split(b"\r\n", 1)[0] or b"websocket" not in head_up.lower():
        return []
    deflated = b"permessage-deflate" in head_down.lower()
    found = [*_direction(recording, "up", deflated), *_direction(recording, "down", deflated)]
    return sorted(found, key=lambda message: message.when)


def _direction(recording: Recording, direction: Direction, deflated: bool) -> Iterator[Message]:  # noqa: FBT001
    data = recording.bytes_of(direction)
    at = data.find(b"\r\n\r\n") + 4
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    parts: list[bytes] = []
    text = compressed = False
    while (frame := _frame(data, at)) is not None:
        first, payload, at = frame
        opcode = first & 15
        if opcode > _BINARY:
            continue
        if opcode != _CONTINUATION:
            text, compressed, parts = opcode == _TEXT, bool(first & 64), []
        parts.append(payload)
        if first & 128:
            whole = b"".join(parts)
            if compressed and deflated:
                whole = inflater.decompress(whole + b"\x00\x00\xff\xff")
                if inflater.eof:  # the peer resets its context after each message
                    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            yield Message(direction, recording.time_at(direction, at), text, whole)


def _frame(data: bytes, at: int) -> tuple[int, bytes, int] | None:
    """Return first byte, unmasked payload and next offset of a frame; None if it is not whole."""
    if at + 2 > len(data):
        return None
    first, length = data[at], data[at + 1]
    masked, length = length & 128, length & 127
    at += 2
    extra = {_SHORT: 2, _MEDIUM: 8}.get(length, 0)
    if extra:
        length = int.from_bytes(data[at : at + extra], "big")
        at += extra
    mask = data[at : at + 4] if masked else b""
    at += len(mask)
    if at + length > len(data):
        return None
    payload = data[at : at + length]
    if mask:
        key = (mask * (length // 4 + 1))[:length]
        payload = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(
            length, "big"
        )
    return first, payload, at + length
