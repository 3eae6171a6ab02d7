"""Frames of `candor.v1` as the device packs and reads them, with msgpack (protocol.md section 4).

Owns its own codec, on purpose: the relay decodes with another library, so that a fault in either
shows. Never imports the relay's messages and never believes a frame that is not exactly as written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from relay.client.codec import pack_array, unpack_array
from relay.errors import ProtocolError
from relay.model import MAX_FRAME_BYTES, MAX_INT

HELLO: Final = 32
ENROL: Final = 33
GRANT: Final = 34
WITHDRAW: Final = 35
SEGMENT: Final = 36
BATCH: Final = 37
DROPPED: Final = 38
PING: Final = 39

VERSION: Final = 1
WEBSOCKET: Final = 1
HTTPS: Final = 2
_MAX_POLICY_BYTES: Final = 32_768
_MAX_REFUSED: Final = 1_024
_REASON: Final = re.compile(r"[a-z_]{1,32}")
_MAX_CREDIT: Final = 1_024
_SIGNATURE_BYTES: Final = 64
_HASH_BYTES: Final = 32

PolicyParts = tuple[bytes, bytes, bytes]
"""Policy body, the controller's signature, the representative's signature."""


class Challenge(NamedTuple):
    """The relay speaks first; the nonce is good for one answer within 10 s."""

    nonce: bytes
    version: int
    reserved: None


class Welcome(NamedTuple):
    """The session is open; continue with `resume` + 1."""

    session: int
    resume: int
    receipt: bytes | None
    policy: PolicyParts | None
    now_ms: int
    credit: int
    checkpoint: None
    proof: None


class Ack(NamedTuple):
    """Every seq up to `through` has its outcome; `refused` pairs seq and reason."""

    through: int
    refused: list[tuple[int, str]]


class Retry(NamedTuple):
    """Nothing was settled; wait and send again."""

    after_ms: int
    reason: str


class Stop(NamedTuple):
    """Record nothing from now on."""

    reason: str


class NewPolicy(NamedTuple):
    """A policy was published; verify it before use."""

    policy: PolicyParts


class Enrolled(NamedTuple):
    """The relay took this device; the ledger key signed it."""

    device: bytes
    day: int
    signature: bytes


class Granted(NamedTuple):
    """The relay holds this receipt; the ledger key signed it."""

    receipt: bytes
    epoch: int
    signature: bytes


class Withdrawn(NamedTuple):
    """Nothing after `through` is taken any more; the ledger key signed it."""

    receipt: bytes
    through: int
    epoch: int
    signature: bytes


class Refusal(NamedTuple):
    """A control message was refused."""

    of: int
    reason: str


class Pong(NamedTuple):
    """Answer to a ping with the same echo."""

    echo: int


RelayMessage = (
    Challenge
    | Welcome
    | Ack
    | Retry
    | Stop
    | NewPolicy
    | Enrolled
    | Granted
    | Withdrawn
    | Refusal
    | Pong
)


def _is_int(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_INT


def _is_positive(value: object) -> bool:
    return _is_int(value) and value != 0


def _is_version(value: object) -> bool:
    return type(value) is int and value == VERSION


def _is_credit(value: object) -> bool:
    return type(value) is int and 1 <= value <= _MAX_CREDIT


def _is_nil(value: object) -> bool:
    return value is None


def _is_hash(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == _HASH_BYTES


def _is_optional_hash(value: object) -> bool:
    return value is None or _is_hash(value)


def _is_signature(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == _SIGNATURE_BYTES


def _is_reason(value: object) -> bool:
    return isinstance(value, str) and _REASON.fullmatch(value) is not None


def is_policy(value: object) -> bool:
    """Tell whether a value is a SignedPolicy by its form; nothing of it is verified."""
    return (
        isinstance(value, list)
        and len(value) == len(("body", "controller", "representative"))
        and isinstance(value[0], bytes)
        and 1 <= len(value[0]) <= _MAX_POLICY_BYTES
        and _is_signature(value[1])
        and _is_signature(value[2])
    )


def _is_optional_policy(value: object) -> bool:
    return value is None or is_policy(value)


def _is_refused(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= _MAX_REFUSED
        and all(
            isinstance(pair, list)
            and len(pair) == len(("seq", "reason"))
            and _is_positive(pair[0])
            and _is_reason(pair[1])
            for pair in value
        )
    )


_Check = Callable[[object], bool]
_SHAPES: Final[dict[int, tuple[Callable[..., RelayMessage], tuple[_Check, ...]]]] = {
    1: (Challenge, (_is_hash, _is_version, _is_nil)),
    2: (
        Welcome,
        (
            _is_positive,
            _is_int,
            _is_optional_hash,
            _is_optional_policy,
            _is_int,
            _is_credit,
            _is_nil,
            _is_nil,
        ),
    ),
    3: (Ack, (_is_int, _is_refused)),
    4: (Retry, (_is_int, _is_reason)),
    5: (Stop, (_is_reason,)),
    6: (NewPolicy, (is_policy,)),
    7: (Enrolled, (_is_hash, _is_int, _is_signature)),
    8: (Granted, (_is_hash, _is_int, _is_signature)),
    9: (Withdrawn, (_is_hash, _is_int, _is_int, _is_signature)),
    10: (Refusal, (_is_int, _is_reason)),
    11: (Pong, (_is_int,)),
}


def pack(kind: int, *positions: object) -> bytes:
    """Encode one frame of a device: its type, then its positions as protocol.md lists them."""
    return pack_array(kind, *positions)


def unpack(frame: bytes | str) -> RelayMessage:
    """Read one frame of the relay.

    Raises:
        ProtocolError: It is text, too long, or no message of section 4 exactly as written.
    """
    if isinstance(frame, str):
        raise ProtocolError("The relay sent a text frame.", close_code=1003, code="text_frame")
    if len(frame) > MAX_FRAME_BYTES:
        raise ProtocolError("The relay sent too long a frame.", close_code=1009, code="too_large")
    array = unpack_array(frame)
    if not array or type(array[0]) is not int:
        raise ProtocolError("The relay sent a frame that is no message.")
    kind, positions = array[0], array[1:]
    if kind not in _SHAPES:
        raise ProtocolError("The relay sent a message of unknown type. Is this client too old?")
    make, checks = _SHAPES[kind]
    if len(positions) != len(checks) or not all(
        check(value) for check, value in zip(checks, positions, strict=True)
    ):
        raise ProtocolError(f"The relay sent a malformed message of type {kind}.")
    return make(*(_tuples(value) for value in positions))


def _tuples(value: object) -> object:
    """Turn the inner lists of a checked position into tuples."""
    if not isinstance(value, list) or not value:
        return value
    if isinstance(value[0], list):
        return [tuple(pair) for pair in value]
    return tuple(value)
