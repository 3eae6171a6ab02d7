"""Frames: strict types, bounds, and errors that quote nothing."""

from __future__ import annotations

import msgpack  # type: ignore[import-untyped]
import pytest

from relay.errors import ProtocolError
from relay.model import MAX_INT, DropReason, SegmentId, Seq
from relay.protocol import messages as m

BATCH = [37, 1, b"s" * 16, 3, b"n" * 12, b"sealed"]
HELLO = [32, b"k" * 32, b"s" * 16, "pilot", None, b"p" * 32, 1, 1, None, b"x" * 64]


def pack(value: object) -> bytes:
    return bytes(msgpack.packb(value))


def changed(frame: list[object], place: int, value: object) -> bytes:
    return pack([*frame[:place], value, *frame[place + 1 :]])


def test_a_batch_decodes_to_its_fields() -> None:
    assert m.decode_device(pack(BATCH)) == m.SealedBatch(
        Seq(1), SegmentId(b"s" * 16), 3, b"n" * 12, b"sealed"
    )


def test_another_codec_reads_what_is_encoded() -> None:
    ack = m.Ack(through=7, refused=(m.RefusedSeq(6, "withdrawn"),))
    assert msgpack.unpackb(m.encode(ack)) == [3, 7, [[6, "withdrawn"]]]
    assert m.decode_relay(m.encode(ack)) == ack


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, True),
        (0, 99),
        (0, "37"),
        (1, 0),
        (1, -1),
        (1, True),
        (1, 1.0),
        (1, MAX_INT + 1),
        (2, b"short"),
        (2, "s" * 16),
        (3, 0),
        (3, 256),
        (4, b"n" * 13),
        (5, b""),
        (5, b"x" * 65_001),
        (5, [1]),
        (5, None),
    ],
)
def test_a_wrong_position_is_malformed(place: int, value: object) -> None:
    with pytest.raises(ProtocolError) as caught:
        m.decode_device(changed(BATCH, place, value))
    assert caught.value.close_code == 4400


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (3, "Pilot"),
        (3, ""),
        (3, "a" * 65),
        (3, "pilot\n"),
        (7, 0),
        (7, 3),
        (8, 1),
        (8, b""),
        (6, True),
    ],
)
def test_a_wrong_hello_is_malformed(place: int, value: object) -> None:
    with pytest.raises(ProtocolError):
        m.decode_device(changed(HELLO, place, value))


def test_a_hello_of_another_version_decodes_so_that_it_can_be_told() -> None:
    hello = m.decode_device(changed(HELLO, 6, 2))
    assert isinstance(hello, m.Hello)
    assert hello.version == 2


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xc1",
        pack(BATCH) + b"\x00",
        pack(BATCH)[:-1],
        pack(BATCH[:-1]),
        pack([*BATCH, None]),
        pack({"0": 37}),
        pack(37),
        pack([]),
        pack([[37]]),
        b"\x91" * 5000,
        b"\x92\x27\xc1",
        b"\x96" + b"\x22\xc4\x01x\xa1\xff",
    ],
)
def test_a_frame_that_is_not_one_message_is_malformed(frame: bytes) -> None:
    with pytest.raises(ProtocolError):
        m.decode_device(frame)


def test_text_that_is_no_utf8_is_malformed() -> None:
    frame = pack([34, b"body", b"x" * 64]).replace(b"\xc4\x04body", b"\xa4bo\xff\xff")
    with pytest.raises(ProtocolError):
        m.decode_device(frame)
    hello = pack(HELLO).replace(b"\xa5pilot", b"\xa5pi\xff\xfft")
    with pytest.raises(ProtocolError):
        m.decode_device(hello)


def test_errors_name_the_place_and_quote_nothing() -> None:
    with pytest.raises(ProtocolError) as caught:
        m.decode_device(changed(BATCH, 3, "a-secret-of-the-peer"))
    assert "$[3]" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    with pytest.raises(ProtocolError) as caught:
        m.decode_relay(pack([5, "a-secret-of-the-peer"]))
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [
        (2, 1, "outbox_full"),
        (1, 1 + (1 << 20), "outbox_full"),
        (1, 1, "boredom"),
        (0, 1, "withdrawn"),
    ],
)
def test_a_wrong_range_is_malformed(first: int, last: int, reason: str) -> None:
    with pytest.raises(ProtocolError):
        m.decode_device(pack([38, first, last, reason]))


def test_the_longest_range_is_taken() -> None:
    assert m.decode_device(pack([38, 1, 1 << 20, "withdrawn"])) == m.Dropped(
        Seq(1), Seq(1 << 20), DropReason.WITHDRAWN
    )


def test_a_relays_message_is_unknown_from_a_device() -> None:
    with pytest.raises(ProtocolError):
        m.decode_device(m.encode(m.Pong(1)))
    with pytest.raises(ProtocolError):
        m.decode_relay(m.encode(m.Ping(1)))


def test_every_message_has_its_own_number() -> None:
    kinds = [*m.DeviceMessage.__args__, *m.RelayMessage.__args__]
    numbers = [m.type_of(kind) for kind in kinds]
    assert len(set(numbers)) == len(numbers) == 19


def test_a_repr_shows_nothing_that_is_carried() -> None:
    assert (
        repr(m.SealedBatch(Seq(1), SegmentId(b"s" * 16), 3, b"n" * 12, b"secret"))
        == "SealedBatch(…)"
    )
