"""Vectors of frames: every message once, and one malformed frame a rule (protocol.md section 4)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tests.vectors.craft import (
    PROGRAMME,
    Json,
    Vector,
    canonical_text,
    drawn,
    packed,
    policy_document,
    receipt_document,
    vector,
)

_HASH = drawn("a hash")
_ID = drawn("an id", 16)
_SIGNATURE = drawn("a signature", 64)
_NONCE = drawn("a nonce", 12)
_POLICY = (canonical_text(policy_document())[:300], _SIGNATURE, drawn("other signature", 64))
_RECEIPT = canonical_text(receipt_document())
_LARGEST = 2**53 - 1

RELAY: dict[str, tuple[Json, ...]] = {
    "challenge": (1, _HASH, 1, None),
    "welcome_for_a_new_stream": (2, 1, 0, None, None, 1_795_600_000_000, 64, None, None),
    "welcome_with_newer_policy": (
        2,
        7,
        41,
        _HASH,
        _POLICY,
        1_795_600_000_000,
        1024,
        None,
        None,
    ),
    "ack": (3, 41, ()),
    "ack_with_refused": (3, 41, ((40, "withdrawn"), (41, "signal_not_granted"))),
    "retry": (4, 1_500, "store_full"),
    "stop": (5, "programme_ended"),
    "policy": (6, _POLICY),
    "enrolled": (7, _HASH, 20_781, _SIGNATURE),
    "granted": (8, _HASH, 3, _SIGNATURE),
    "withdrawn": (9, _HASH, 41, 4, _SIGNATURE),
    "refusal": (10, 34, "exceeds_policy"),
    "pong": (11, _LARGEST),
}
DEVICE: dict[str, tuple[Json, ...]] = {
    "hello_before_any_receipt": (
        32,
        _HASH,
        _ID,
        PROGRAMME,
        None,
        _HASH,
        1,
        1,
        None,
        _SIGNATURE,
    ),
    "hello_with_receipt": (32, _HASH, _ID, PROGRAMME, _HASH, _HASH, 1, 1, None, _SIGNATURE),
    "hello_over_https": (32, _HASH, _ID, PROGRAMME, _HASH, _HASH, 1, 2, None, _SIGNATURE),
    "enrol": (
        33,
        _HASH,
        drawn("key", 1216),
        PROGRAMME,
        _ID,
        _SIGNATURE,
        drawn("code", 1152),
        None,
        _SIGNATURE,
    ),
    "grant": (34, _RECEIPT, _SIGNATURE),
    "withdraw": (35, 41, _RECEIPT, _SIGNATURE, _SIGNATURE),
    "segment": (
        36,
        _ID,
        65_535,
        1,
        _HASH,
        _HASH,
        _ID,
        _ID,
        _ID,
        _HASH,
        _HASH,
        drawn("root", 2304),
        drawn("own", 1168),
    ),
    "batch": (37, 1, _ID, 3, _NONCE, drawn("sealed", 276)),
    "batch_of_the_largest_ciphertext": (37, 2, _ID, 255, _NONCE, drawn("large", 65_000)),
    "dropped": (38, 42, 99, "outbox_full"),
    "dropped_of_one": (38, 42, 42, "withdrawn"),
    "ping": (39, 0),
}

_BATCH = DEVICE["batch"]
_ACK = RELAY["ack_with_refused"]


def _hello(transport: int) -> bytes:
    """Return a hello that states this transport."""
    return packed(*DEVICE["hello_with_receipt"][:7], transport, None, _SIGNATURE)


MALFORMED: dict[str, tuple[str, str, bytes]] = {
    "trailing_bytes": ("device", "Nothing may follow the array", packed(39, 1) + b"\x00"),
    "empty": ("device", "A frame is not empty", b""),
    "cut_off": ("device", "A frame is whole", packed(*_BATCH)[:-1]),
    "no_array": ("device", "A frame is an array", b"\x27"),
    "map": ("device", "A frame is no map", b"\x82\x00\x27\x01\x00"),
    "empty_array": ("device", "An array begins with a type", b"\x90"),
    "unknown_type": ("device", "Only the listed types exist", packed(40, 1)),
    "type_of_the_other_side": ("device", "A device does not send acks", packed(*RELAY["ack"])),
    "type_of_a_device": ("relay", "A relay does not send pings", packed(39, 1)),
    "type_as_text": ("device", "A type is an integer", packed("39", 1)),
    "bool_for_int": ("device", "A boolean is no integer", packed(39, True)),  # noqa: FBT003
    "bool_for_type": ("relay", "A boolean is no type", packed(True, drawn("n"), 1, None)),  # noqa: FBT003
    "float_for_int": ("device", "A float is no integer", packed(39, 1.0)),
    "negative_int": ("device", "Integers are not negative", packed(39, -1)),
    "int_of_54_bits": ("device", "Integers have 53 bits", packed(39, 2**53)),
    "int_of_64_bits": (
        "device",
        "Integers have 53 bits, whatever msgpack holds",
        packed(39, 2**64 - 1),
    ),
    "extra_position": ("device", "Positions are counted", packed(39, 1, None)),
    "missing_position": ("device", "Positions are counted", packed(38, 1, 2)),
    "reserved_not_nil": ("relay", "Reserved positions are nil", packed(1, _HASH, 1, 0)),
    "other_version": ("relay", "A challenge has version 1", packed(1, _HASH, 2, None)),
    "transport_zero": ("device", "Transports are 1 and 2", _hello(0)),
    "transport_three": ("device", "Transports are 1 and 2", _hello(3)),
    "short_nonce": (
        "device",
        "bin(12) has exactly 12 bytes",
        packed(*_BATCH[:4], _NONCE[:11], _BATCH[5]),
    ),
    "text_for_bin": ("device", "Text is no binary", packed(*_BATCH[:4], "x" * 12, _BATCH[5])),
    "bin_for_text": ("device", "Binary is no text", packed(38, 1, 2, b"withdrawn")),
    "seq_zero": ("device", "Seqs begin at 1", packed(37, 0, *_BATCH[2:])),
    "signals_zero": ("device", "A batch declares a signal", packed(*_BATCH[:3], 0, *_BATCH[4:])),
    "signals_over_255": (
        "device",
        "There are eight signals",
        packed(*_BATCH[:3], 256, *_BATCH[4:]),
    ),
    "empty_ciphertext": ("device", "A ciphertext is not empty", packed(*_BATCH[:5], b"")),
    "ciphertext_too_long": (
        "device",
        "A ciphertext has at most 65 000 bytes",
        packed(*_BATCH[:5], bytes(65_001)),
    ),
    "app_zero": ("device", "App numbers begin at 1", packed(36, _ID, 0, *DEVICE["segment"][3:])),
    "group_two": ("device", "There are two groups", packed(36, _ID, 1, 2, *DEVICE["segment"][4:])),
    "dropped_backwards": ("device", "last is not below first", packed(38, 2, 1, "withdrawn")),
    "dropped_too_many": (
        "device",
        "One dropped spans at most 1 048 576 seqs",
        packed(38, 1, 1_048_577, "withdrawn"),
    ),
    "dropped_reason_unknown": (
        "device",
        "Reasons of dropped are a closed list",
        packed(38, 1, 2, "bored"),
    ),
    "reason_in_capitals": ("relay", "Reasons are lower case", packed(5, "Stopped")),
    "reason_too_long": ("relay", "Reasons have at most 32 characters", packed(5, "a" * 33)),
    "programme_in_capitals": (
        "device",
        "Programmes are a-z, 0-9 and -",
        packed(32, _HASH, _ID, "Assist", None, _HASH, 1, 1, None, _SIGNATURE),
    ),
    "text_not_utf8": ("relay", "Text is UTF-8", b"\x92\x05\xa2\xff\xfe"),
    "credit_zero": ("relay", "Credit is at least 1", packed(2, 1, 0, None, None, 0, 0, None, None)),
    "credit_over_1024": (
        "relay",
        "Credit is at most 1 024",
        packed(2, 1, 0, None, None, 0, 1025, None, None),
    ),
    "session_zero": (
        "relay",
        "Sessions begin at 1",
        packed(2, 0, 0, None, None, 0, 64, None, None),
    ),
    "refused_pair_of_three": (
        "relay",
        "A refused item is a pair",
        packed(3, 41, ((41, "withdrawn", 1),)),
    ),
    "refused_too_many": (
        "relay",
        "An ack refuses at most 1 024",
        packed(3, 2000, tuple((seq, "withdrawn") for seq in range(1, 1026))),
    ),
    "policy_of_two_parts": ("relay", "A policy has two signatures", packed(6, _POLICY[:2])),
    "receipt_too_long": (
        "device",
        "A receipt has at most 8 192 bytes",
        packed(34, bytes(8_193), _SIGNATURE),
    ),
    "nested_deeply": ("device", "Nothing nests deeply", b"\x91" * 500 + b"\xc0"),
    "array_longer_than_its_frame": (
        "device",
        "A length is no promise",
        b"\xdd\xff\xff\xff\xff\x27",
    ),
    "extension_type": ("device", "There are no extension types", b"\x92\x27\xd4\x01\x00"),
    "never_used_byte": ("device", "0xc1 is never used", b"\xc1"),
}

LONGER_FORMS: dict[str, tuple[str, str, bytes, tuple[Json, ...]]] = {
    "longer_integer_form": (
        "device",
        "An integer may be written longer than it need be",
        b"\x92\x27\xcd\x00\x01",
        (39, 1),
    ),
    "longer_array_form": (
        "device",
        "An array may be written longer than it need be",
        b"\xdc\x00\x02\x27" + struct.pack(">B", 1),
        (39, 1),
    ),
}


def make() -> Iterator[tuple[str, Vector]]:
    """Yield name and vector."""
    for side, messages in (("relay", RELAY), ("device", DEVICE)):
        for name, positions in messages.items():
            yield (
                f"frame_{name}",
                vector(
                    "frame",
                    f"{name.replace('_', ' ').capitalize()} is these positions in this order",
                    side=side,
                    frame=packed(*positions),
                    positions=wrapped(positions),
                    shortest=True,
                ),
            )
    for name, (side, claim, frame, positions) in LONGER_FORMS.items():
        yield (
            f"frame_{name}",
            vector(
                "frame", claim, side=side, frame=frame, positions=wrapped(positions), shortest=False
            ),
        )
    for name, (side, claim, frame) in MALFORMED.items():
        yield (
            f"frame_refused_{name}",
            vector("frame_refused", claim, side=side, frame=frame, error="malformed"),
        )


def wrapped(value: Json) -> Json:
    """Write positions as JSON: bytes as {"hex": …}, so that text stays text."""
    match value:
        case bytes():
            return {"hex": value.hex()}
        case list() | tuple():
            return [wrapped(item) for item in value]
        case _:
            return value
