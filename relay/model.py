"""The words of the domain as types: ids, signals, reasons, and what a batch is at each stage.

Owns names only; never decides, reads a clock or touches I/O.
"""

from __future__ import annotations

import enum
from typing import NewType

import msgspec

DeviceKey = NewType("DeviceKey", bytes)
"""Ed25519 public key of one installation, 32 bytes."""
DeviceHash = NewType("DeviceHash", bytes)
"""32 bytes, see protocol.md section 2."""
StreamId = NewType("StreamId", bytes)
"""32 bytes, see protocol.md section 2."""
SegmentId = NewType("SegmentId", bytes)
"""16 random bytes drawn by the device."""
PolicyHash = NewType("PolicyHash", bytes)
"""SHA-256 of a policy body, 32 bytes."""
ReceiptHash = NewType("ReceiptHash", bytes)
"""SHA-256 of a receipt body, 32 bytes."""
KeyId = NewType("KeyId", bytes)
"""First 16 bytes of a labelled hash of a public key."""
Seq = NewType("Seq", int)
"""Number of a batch in its stream, from 1 without gaps."""
Session = NewType("Session", int)
"""How often this stream said hello, from 1; the newest wins."""
Epoch = NewType("Epoch", int)
"""How often this device's consent changed, from 0."""
Day = NewType("Day", int)
"""Whole UTC days since 1970-01-01."""

MAX_CIPHERTEXT_BYTES = 16_384
MAX_FRAME_BYTES = 65_536
MAX_INT = 2**53 - 1


class Signal(enum.IntFlag):
    """Kinds of observation a participant grants one by one; the bits of a batch's `signals`."""

    POINTER = 1
    CLICK = 2
    HOVER = 4
    TYPING = 8
    KEY_TIMING = 16
    SCROLL = 32
    ATTENTION = 64
    NAVIGATION = 128

    @property
    def label(self) -> str:
        """The signal's name in policies, receipts and pages."""
        return (self.name or "").lower()


SIGNAL_BY_NAME: dict[str, Signal] = {signal.label: signal for signal in Signal}
KEY_TIMING_GROUP = 1
GENERAL_GROUP = 0


def group_signals(group: int) -> Signal:
    """Return every signal that may stand in a segment of this group (0 or 1)."""
    return Signal.KEY_TIMING if group == KEY_TIMING_GROUP else Signal(255) & ~Signal.KEY_TIMING


def signals_of(names: list[str] | tuple[str, ...]) -> Signal:
    """Return the bits of these signal names.

    Raises:
        KeyError: A name is no signal.
    """
    bits = Signal(0)
    for name in names:
        bits |= SIGNAL_BY_NAME[name]
    return bits


class RefusalReason(enum.StrEnum):
    """Why the gate refused a batch; one of its possible outcomes (protocol.md section 7)."""

    TOO_LARGE = "too_large"
    SEGMENT_UNKNOWN = "segment_unknown"
    RECEIPT_UNKNOWN = "receipt_unknown"
    WITHDRAWN = "withdrawn"
    GRANT_LAPSED = "grant_lapsed"
    POLICY_UNKNOWN = "policy_unknown"
    PROGRAMME_ENDED = "programme_ended"
    WINDOW_CLOSED = "window_closed"
    STOPPED = "stopped"
    WRONG_RECIPIENT = "wrong_recipient"
    APP_NOT_ALLOWED = "app_not_allowed"
    SIGNAL_NOT_GRANTED = "signal_not_granted"


class DropReason(enum.StrEnum):
    """Why a device says that a batch will never come."""

    OUTBOX_FULL = "outbox_full"
    OUTBOX_EXPIRED = "outbox_expired"
    WITHDRAWN = "withdrawn"
    OUTBOX_CORRUPT = "outbox_corrupt"


class Batch(msgspec.Struct, frozen=True, gc=False):
    """One announced batch as it came from a session, before the gate."""

    stream: StreamId
    seq: Seq
    segment: SegmentId
    signals: int
    nonce: bytes
    ciphertext: bytes

    def __repr__(self) -> str:
        """Name the batch without its bytes."""
        return f"Batch(seq={self.seq}, bytes={len(self.ciphertext)})"


class Admitted(msgspec.Struct, frozen=True, gc=False):
    """A batch the gate let through; the only thing the store appends."""

    batch: Batch
    app: int
    day: Day


class Refused(msgspec.Struct, frozen=True, gc=False):
    """A batch the gate turned away, with its one reason."""

    batch: Batch
    app: int
    reason: RefusalReason
    day: Day


class Stored(msgspec.Struct, frozen=True, gc=False):
    """Proof that this seq is durably in the store; the only thing that makes an ack."""

    stream: StreamId
    seq: Seq


class DroppedRange(msgspec.Struct, frozen=True, gc=False):
    """Proof that these seqs durably have the outcome `dropped`."""

    stream: StreamId
    first: Seq
    last: Seq
    reason: DropReason
