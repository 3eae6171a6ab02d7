"""What a session may ask its driver to do, where it may stand, and why it may end.

Owns names only; the rules are in `transitions` and `session`.
"""

from __future__ import annotations

import enum

import msgspec

from relay.model import DroppedRange, Refused, Stored
from relay.protocol.messages import (
    Dropped,
    Enrol,
    Grant,
    Hello,
    Message,
    SealedBatch,
    Segment,
    Withdraw,
)


class State(enum.StrEnum):
    """Where a session stands."""

    CHALLENGED = "challenged"
    ENROLLING = "enrolling"
    GREETING = "greeting"
    READY = "ready"
    CLOSED = "closed"


class Transport(enum.IntEnum):
    """How a session's frames travel; the value stands in its hello (protocol.md section 3)."""

    WEBSOCKET = 1
    HTTPS = 2

    @property
    def label(self) -> str:
        """The transport's name in metrics."""
        return self.name.lower()


class Fault(enum.IntEnum):
    """Why the relay closes a session; the value is the close code (protocol.md section 6)."""

    GOING_AWAY = 1001
    TEXT_FRAME = 1003
    TOO_LARGE = 1009
    MALFORMED = 4400
    BAD_SIGNATURE = 4401
    UNKNOWN_DEVICE = 4403
    TIMEOUT = 4408
    SUPERSEDED = 4409
    UNEXPECTED_MESSAGE = 4422
    SEQ_GAP = 4423
    SEQ_CONFLICT = 4424
    UPGRADE_REQUIRED = 4426
    CREDIT_EXCEEDED = 4429
    SLOW_READER = 4430
    UNAVAILABLE = 4503

    @property
    def label(self) -> str:
        """The name of the close code."""
        return self.name.lower()


# ----------------------------------------------------------------------------------------- effects


class Send(msgspec.Struct, frozen=True):
    """Send this message."""

    message: Message


class Close(msgspec.Struct, frozen=True):
    """Close the connection with this code; the session takes nothing more."""

    fault: Fault


class VerifyHello(msgspec.Struct, frozen=True):
    """Verify and record the hello, then call `greeted` or `rejected`."""

    hello: Hello
    nonce: bytes


class VerifyEnrol(msgspec.Struct, frozen=True):
    """Verify and record the enrolment, then call `enrolled` or `rejected`."""

    enrol: Enrol
    nonce: bytes


class Control(msgspec.Struct, frozen=True):
    """Act on a grant, withdrawal or segment in order, then call `answered`."""

    message: Grant | Withdraw | Segment


class Settle(msgspec.Struct, frozen=True, gc=False):
    """Give this batch or range its outcome in order, then call `settled` or `conflict`."""

    message: SealedBatch | Dropped


Effect = Send | Close | VerifyHello | VerifyEnrol | Control | Settle
Effects = tuple[Effect, ...]
Outcome = Stored | Refused | DroppedRange
