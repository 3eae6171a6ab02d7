"""What devices and relay said to each other, read from the recorded wire.

Owns the reading of protocol.md section 4 for counting; shares no codec with the product.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgpack  # type: ignore[import-untyped]

from tests.support.wire import Message, Recording, messages

WELCOME, ACK, WITHDRAWN = 2, 3, 9
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


def read(recordings: Iterable[Recording]) -> Traffic:
    """Read recorded connections.

    Args:
        recordings: From `Proxy.recordings`; those that are no WebSocket are passed over.
    """
    said: list[tuple[float, bytes, Message]] = []
    for recording in recordings:
        stream = b""
        for message in messages(recording):
            frame = _frame(message)
            if frame[0] == HELLO:
                stream = frame[2]
            said.append((message.when, stream, message))
    traffic = Traffic()
    for _, stream, message in sorted(said, key=lambda one: one[0]):
        _note(traffic, stream, message)
    return traffic


def _frame(message: Message) -> list[Any]:
    frame: list[Any] = msgpack.unpackb(message.payload, strict_map_key=False)
    return frame


def _note(traffic: Traffic, stream: bytes, message: Message) -> None:
    frame = _frame(message)
    kind = frame[0]
    traffic.kinds[kind] += 1
    if kind == BATCH:
        place = Place(stream, frame[1])
        traffic.batches.append(SentBatch(message.when, place, frame[3], len(message.payload)))
    elif kind == DROPPED:
        traffic.dropped[frame[3]] += frame[2] - frame[1] + 1
    elif kind in {ACK, WELCOME}:
        through = frame[1] if kind == ACK else frame[2]
        sent = traffic.sent
        traffic.acked |= {one for one in sent if one.stream == stream and one.seq <= through}
        if kind == ACK:
            traffic.refused |= {Place(stream, seq): reason for seq, reason in frame[2]}
    elif kind == WITHDRAWN:
        traffic.withdrawn_at.append(message.when)
