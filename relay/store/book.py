"""What the writer thread knows of live streams: a memory of committed rows.

Owns no decision. Only the writer thread touches it, inside transactions; when one is rolled back
everything here is forgotten, and every live stream must be opened again.
"""

from __future__ import annotations

import msgspec

from relay.consent.gate import (
    ConsentState,
    PolicyTerms,
    ReceiptTerms,
    SegmentFacts,
    SegmentVerdict,
)
from relay.consent.policy import Policy
from relay.model import (
    Day,
    DeviceKey,
    Epoch,
    PolicyHash,
    ReceiptHash,
    SegmentId,
    Session,
    StreamId,
)
from relay.protocol.messages import SignedPolicy

Ground = tuple[Day, ConsentState, PolicyTerms | None]
"""What a verdict stands on: the day, the device's consent, the terms of the policy in force."""


class Published(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A policy that was published here, with what was computed from it once."""

    hash: PolicyHash
    signed: SignedPolicy
    policy: Policy
    terms: PolicyTerms
    notice: bytes


class LiveDevice(msgspec.Struct, kw_only=True, eq=False):
    """A device with a live stream."""

    row: int
    key: DeviceKey
    epoch: Epoch
    consent: ConsentState
    receipts: dict[ReceiptHash, ReceiptTerms]
    ground: Ground | None = None
    live: int = 0


class LiveSegment(msgspec.Struct, kw_only=True, eq=False):
    """An accepted segment, with the verdict that holds on `ground`."""

    row: int
    facts: SegmentFacts
    verdict: SegmentVerdict | None = None
    ground: Ground | None = None


class LiveStream(msgspec.Struct, kw_only=True, eq=False):
    """The newest session of a stream. Once not `alive` it can append no more.

    `broken` tells that storage failed rather than that a newer session took over.
    """

    row: int
    id: StreamId
    device: LiveDevice
    session: Session
    through: int
    segments: dict[SegmentId, LiveSegment]
    alive: bool = True
    broken: bool = False


class Book:
    """Live streams and devices by id, and every published policy by hash."""

    def __init__(self) -> None:
        self.streams: dict[StreamId, LiveStream] = {}
        self.devices: dict[DeviceKey, LiveDevice] = {}
        self.policies: dict[PolicyHash, Published] = {}
        self.current: Published | None = None

    def publish(self, published: Published) -> None:
        """Put a policy in force."""
        self.policies[published.hash] = published
        self.current = published

    def enter(self, stream: LiveStream) -> None:
        """Make this the stream's newest session; an older one can append no more."""
        older = self.streams.get(stream.id)
        if older is not None:
            self.leave(older)
        self.streams[stream.id] = stream
        self.devices[stream.device.key] = stream.device
        stream.device.live += 1

    def leave(self, stream: LiveStream) -> None:
        """Forget a session that ended."""
        if not stream.alive:
            return
        stream.alive = False
        del self.streams[stream.id]
        stream.device.live -= 1
        if stream.device.live == 0:
            del self.devices[stream.device.key]

    def forget(self) -> None:
        """Drop everything after a rollback; policies are loaded again by the writer."""
        for stream in self.streams.values():
            stream.alive = False
            stream.broken = True
        self.streams.clear()
        self.devices.clear()
        self.policies.clear()
        self.current = None
