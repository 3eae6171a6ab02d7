"""Transport 2: a session's frames in signed requests (protocol.md section 3).

Owns the layout of requests and answers, and which counter may come when; never does I/O, verifies a
signature or looks into a frame.
"""

from __future__ import annotations

import enum
from typing import Annotated, Final, NewType, TypeVar

import msgspec
from msgspec import Meta

from relay.errors import ProtocolError
from relay.model import MAX_FRAME_BYTES, DeviceKey
from relay.protocol.effects import Fault
from relay.protocol.messages import Bin32, Message, Positive, SignatureBytes
from relay.protocol.transcript import Part, sha256

ExchangeId = NewType("ExchangeId", bytes)
"""Nonce of an exchange's first challenge, 32 bytes."""

LABEL: Final = "candor/v1/frames"
MAX_REQUEST_BYTES: Final = 262_144
MAX_FRAMES: Final = 256


class Opening(Message, frozen=True):
    """A device asks for a challenge."""

    device_key: Bin32


class Request(Message, frozen=True):
    """Frames of an exchange, signed with its counter."""

    exchange: Bin32
    counter: Positive
    signature: SignatureBytes
    body: Annotated[bytes, Meta(min_length=1, max_length=MAX_REQUEST_BYTES)]

    def signed_parts(self, origin: str) -> tuple[Part, ...]:
        """Return what the device key signed under `LABEL`.

        Args:
            origin: The relay's origin, from the policy.
        """
        return (origin, self.exchange, self.counter, sha256(self.body))


class Answer(Message, frozen=True):
    """All that the relay had to say, and the close code of a session that has ended."""

    frames: tuple[bytes, ...]
    close: int | None


OneFrame = Annotated[bytes, Meta(min_length=1, max_length=MAX_FRAME_BYTES)]
Frames = Annotated[tuple[OneFrame, ...], Meta(min_length=1, max_length=MAX_FRAMES)]
T = TypeVar("T")
_OPENING: msgspec.msgpack.Decoder[Opening] = msgspec.msgpack.Decoder(Opening)
_REQUEST: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_FRAMES: msgspec.msgpack.Decoder[tuple[bytes, ...]] = msgspec.msgpack.Decoder(Frames)


def read_opening(body: bytes) -> DeviceKey:
    """Return the device key that an exchange is opened for.

    Raises:
        ProtocolError: The body is malformed.
    """
    return DeviceKey(_read(_OPENING, body).device_key)


def read_request(body: bytes) -> Request:
    """Read a request; nothing of it is believed before its signature.

    Raises:
        ProtocolError: The body is malformed.
    """
    return _read(_REQUEST, body)


def read_frames(body: bytes) -> tuple[bytes, ...]:
    """Return the frames in a request's signed body, in order.

    Raises:
        ProtocolError: The body is malformed.
    """
    return _read(_FRAMES, body)


def write_answer(frames: tuple[bytes, ...], fault: Fault | None) -> bytes:
    """Write an answer."""
    return msgspec.msgpack.encode(Answer(frames, None if fault is None else int(fault)))


class Turn(enum.Enum):
    """What a counter means."""

    NEW = "take the frames"
    REPEAT = "give the newest answer again"
    REFUSED = "change nothing"


class Turns:
    """Counters of one exchange: each request is taken once, and only the newest may come again."""

    __slots__ = ("_digest", "counter")

    def __init__(self) -> None:
        self.counter = 0
        self._digest = b""

    def take(self, counter: int, body: bytes, *, answered: bool) -> Turn:
        """Tell what to do with a request.

        Args:
            counter: Its counter, already verified to be signed with the body.
            body: Its signed body.
            answered: Whether the newest request has its answer.
        """
        digest = sha256(body)
        if counter == self.counter and digest == self._digest:
            return Turn.REPEAT
        if counter != self.counter + 1 or not answered:
            return Turn.REFUSED
        self.counter, self._digest = counter, digest
        return Turn.NEW


def _read(decoder: msgspec.msgpack.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    raise ProtocolError("The request's body is not as protocol.md section 3 says. Mend it.")
