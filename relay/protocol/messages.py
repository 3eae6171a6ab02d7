"""The frames of `candor.v1` as strict types, and the one codec for them (protocol.md section 4).

Owns layout and bounds on the wire; never decides whether a message may come now or what it permits.
"""

from __future__ import annotations

from typing import Annotated, Any, NewType

import msgspec
from msgspec import Meta

from relay.errors import ProtocolError
from relay.model import MAX_INT, DropReason, SegmentId, Seq, Signal

Int = Annotated[int, Meta(ge=0, le=MAX_INT)]
Positive = Annotated[int, Meta(ge=1, le=MAX_INT)]
Bin12 = Annotated[bytes, Meta(min_length=12, max_length=12)]
Bin16 = Annotated[bytes, Meta(min_length=16, max_length=16)]
Bin32 = Annotated[bytes, Meta(min_length=32, max_length=32)]
SignatureBytes = Annotated[bytes, Meta(min_length=64, max_length=64)]
ReceiptBody = Annotated[bytes, Meta(min_length=1, max_length=8192)]
Programme = Annotated[str, Meta(pattern=r"\A[a-z0-9-]{1,64}\Z")]
Reason = Annotated[str, Meta(pattern=r"\A[a-z_]{1,32}\Z")]
Credit = Annotated[int, Meta(ge=1, le=1024)]

MAX_DROPPED_RANGE = 1 << 20
"""Seqs one `dropped` may span, so that one frame cannot outweigh every honest count."""
PROTOCOL_VERSION = 1
Frame = NewType("Frame", bytes)
"""One encoded message, ready for the wire."""


class Message(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Base of all frames: a msgpack array with the type in position 0."""

    def __repr__(self) -> str:
        """Name the message without what it carries."""
        return f"{type(self).__name__}(…)"


class SignedPolicy(Message, frozen=True):
    """A policy body with both signatures, exactly as published."""

    body: Annotated[bytes, Meta(min_length=1, max_length=32768)]
    controller: SignatureBytes
    representative: SignatureBytes


# ------------------------------------------------------------------------------- relay to device


class Challenge(Message, frozen=True, tag=1):
    """What the device must sign next."""

    nonce: Bin32
    version: Annotated[int, Meta(ge=1, le=1)]
    reserved: None


class Welcome(Message, frozen=True, tag=2):
    """The session is the stream's newest; continue after `resume`."""

    session: Positive
    resume: Int
    receipt: Bin32 | None
    policy: SignedPolicy | None
    now_ms: Int
    credit: Credit
    checkpoint: None
    proof: None


class RefusedSeq(Message, frozen=True):
    """One refused batch in an ack."""

    seq: Positive
    reason: Reason


class Ack(Message, frozen=True, tag=3):
    """Every seq up to `through` has its outcome, durably."""

    through: Int
    refused: Annotated[tuple[RefusedSeq, ...], Meta(max_length=1024)]


class Retry(Message, frozen=True, tag=4):
    """Nothing was settled for a passing reason; come back after `after_ms`."""

    after_ms: Int
    reason: Reason


class Stop(Message, frozen=True, tag=5):
    """Record nothing any more."""

    reason: Reason


class Policy(Message, frozen=True, tag=6):
    """A newer policy was published."""

    policy: SignedPolicy


class Enrolled(Message, frozen=True, tag=7):
    """The relay knows the device now."""

    device: Bin32
    day: Int
    signature: SignatureBytes


class Granted(Message, frozen=True, tag=8):
    """The receipt is the device's newest, durably."""

    receipt: Bin32
    epoch: Int
    signature: SignatureBytes


class Withdrawn(Message, frozen=True, tag=9):
    """The withdrawal holds; everything up to `through` had its outcome before it."""

    receipt: Bin32
    through: Int
    epoch: Int
    signature: SignatureBytes


class Refusal(Message, frozen=True, tag=10):
    """A message of type `of` was refused."""

    of: Int
    reason: Reason


class Pong(Message, frozen=True, tag=11):
    """The answer to a ping."""

    echo: Int


# ------------------------------------------------------------------------------- device to relay


class Hello(Message, frozen=True, tag=32):
    """The device proves who it is and opens its stream."""

    device_key: Bin32
    stream_salt: Bin16
    programme: Programme
    receipt: Bin32 | None
    policy: Bin32
    version: Int
    transport: Annotated[int, Meta(ge=1, le=2)]
    last_epoch: None
    signature: SignatureBytes


class Enrol(Message, frozen=True, tag=33):
    """A new device spends its enrolment code."""

    device_key: Bin32
    participant_key: Annotated[bytes, Meta(min_length=1216, max_length=1216)]
    programme: Programme
    code: Bin16
    code_signature: SignatureBytes
    sealed_code: Annotated[bytes, Meta(min_length=1, max_length=2048)]
    identity: None
    signature: SignatureBytes


class Grant(Message, frozen=True, tag=34):
    """A signed receipt becomes the device's newest."""

    body: ReceiptBody
    signature: SignatureBytes


class Withdraw(Message, frozen=True, tag=35):
    """A signed empty receipt, bound to this stream and the seqs sent before it."""

    through: Int
    body: ReceiptBody
    receipt_signature: SignatureBytes
    signature: SignatureBytes


class Segment(Message, frozen=True, tag=36):
    """The header under which the batches that name it were sealed."""

    id: Bin16
    app: Annotated[int, Meta(ge=1, le=65535)]
    group: Annotated[int, Meta(ge=0, le=1)]
    receipt: Bin32
    policy: Bin32
    inner_key: Bin16
    outer_key: Bin16
    participant_key: Bin16
    root_hash: Bin32
    salt: Bin32
    sealed_root: Annotated[bytes, Meta(min_length=1, max_length=4096)]
    sealed_participant_root: Annotated[bytes, Meta(min_length=1, max_length=2048)]


class SealedBatch(Message, frozen=True, tag=37):
    """One sealed batch; the relay can read no more of it than this header."""

    seq: Annotated[Seq, Meta(ge=1, le=MAX_INT)]
    segment: Annotated[SegmentId, Meta(min_length=16, max_length=16)]
    signals: Annotated[int, Meta(ge=1, le=int(max(Signal)) * 2 - 1)]
    nonce: Bin12
    ciphertext: Annotated[bytes, Meta(min_length=1, max_length=65000)]


class Dropped(Message, frozen=True, tag=38):
    """These seqs will never come."""

    first: Annotated[Seq, Meta(ge=1, le=MAX_INT)]
    last: Annotated[Seq, Meta(ge=1, le=MAX_INT)]
    reason: DropReason

    def __post_init__(self) -> None:
        """Hold the range to its order and length.

        Raises:
            ValueError: msgspec turns it into its validation error.
        """
        if not self.first <= self.last < self.first + MAX_DROPPED_RANGE:
            raise ValueError


class Ping(Message, frozen=True, tag=39):
    """Keeps the session; answered with the same echo."""

    echo: Int


DeviceMessage = Hello | Enrol | Grant | Withdraw | Segment | SealedBatch | Dropped | Ping
RelayMessage = (
    Challenge
    | Welcome
    | Ack
    | Retry
    | Stop
    | Policy
    | Enrolled
    | Granted
    | Withdrawn
    | Refusal
    | Pong
)

_encoder = msgspec.msgpack.Encoder()
_device: msgspec.msgpack.Decoder[DeviceMessage] = msgspec.msgpack.Decoder(DeviceMessage)
_relay: msgspec.msgpack.Decoder[RelayMessage] = msgspec.msgpack.Decoder(RelayMessage)


def encode(message: Message) -> Frame:
    """Return the frame of a message."""
    return Frame(_encoder.encode(message))


def type_of(message: Message | type[Message]) -> int:
    """Return the number in position 0 of a message's frames."""
    tag = message.__struct_config__.tag
    assert isinstance(tag, int)  # noqa: S101 - every message that is sent alone has one
    return tag


def decode_device(frame: bytes) -> DeviceMessage:
    """Decode what a device sent.

    Args:
        frame: 0 to 65 536 bytes.

    Raises:
        ProtocolError: Not exactly one well-formed message; the text names the position only.
    """
    try:
        return _device.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        problem = _malformed(error)
    raise problem


def decode_relay(frame: bytes) -> RelayMessage:
    """Decode what a relay sent.

    Args:
        frame: 0 to 65 536 bytes.

    Raises:
        ProtocolError: Not exactly one well-formed message; the text names the position only.
    """
    try:
        return _relay.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        problem = _malformed(error)
    raise problem


def _malformed(error: Exception) -> ProtocolError:
    """Keep the position an error names and nothing of what stood there."""
    path: Any = str(error).rpartition(" - at `")[2].rstrip("`")
    where = f" at {path}" if path.startswith("$") else ""
    return ProtocolError(
        f"A frame is not a well-formed message{where}. "
        "Send exactly one message of protocol.md section 4 in each frame."
    )
