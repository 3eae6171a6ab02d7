"""The client's own codec: strict, and of one mind with the relay's."""

from __future__ import annotations

import tracemalloc

import msgspec
import pytest
from hypothesis import strategies as st

from relay.client import parse_enrolment, wire
from relay.client.codec import pack_array, unpack_array
from relay.errors import ProtocolError
from relay.protocol import messages as m
from relay.vault.codes import enrolment_string, new_code
from relay.vault.sign import SigningKey

_HASH, _SIGNATURE = b"h" * 32, b"s" * 64
_POLICY = m.SignedPolicy(b"{}", _SIGNATURE, _SIGNATURE)
MESSAGES: list[m.Message] = [
    m.Challenge(_HASH, 1, None),
    m.Welcome(1, 0, None, None, 5, 64, None, None),
    m.Welcome(2, 7, _HASH, _POLICY, 5, 64, None, None),
    m.Ack(7, (m.RefusedSeq(6, "withdrawn"),)),
    m.Retry(100, "busy"),
    m.Stop("stopped"),
    m.Policy(_POLICY),
    m.Enrolled(_HASH, 1, _SIGNATURE),
    m.Granted(_HASH, 1, _SIGNATURE),
    m.Withdrawn(_HASH, 1, 2, _SIGNATURE),
    m.Refusal(34, "exceeds_policy"),
    m.Pong(3),
]


def flat(value: object) -> object:
    match value:
        case msgspec.Struct():
            return [flat(item) for item in msgspec.structs.astuple(value)]
        case list() | tuple():
            return [flat(item) for item in value]
        case _:
            return value


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_it_reads_what_the_relay_encodes(message: m.Message) -> None:
    assert flat(wire.unpack(m.encode(message))) == flat(message)


_ANYTHING: st.SearchStrategy[object] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.sampled_from(["withdrawn", "Stopped", "", "a" * 33])
    | st.binary(max_size=70),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


def test_text_and_long_frames_are_refused_by_their_codes() -> None:
    with pytest.raises(ProtocolError) as raised:
        wire.unpack("text")
    assert raised.value.close_code == 1003
    with pytest.raises(ProtocolError) as raised:
        wire.unpack(bytes(65_537))
    assert raised.value.close_code == 1009


def test_an_array_is_one_array() -> None:
    assert unpack_array(pack_array(1, b"x", "y", None)) == [1, b"x", "y", None]
    for packed in (b"\x01", b"\x90\x90", b"\x91", b"\xc1", b""):
        with pytest.raises(ProtocolError):
            unpack_array(packed)


def test_it_reads_the_enrolment_strings_that_are_issued() -> None:
    code, signer = new_code(), SigningKey.generate()
    text = enrolment_string(
        code,
        programme="pilot",
        relay="https://candor.corp.example",
        controller_key=_HASH,
        representative_key=b"r" * 32,
        signer=signer,
    )
    found = parse_enrolment(f"\n {text} ")
    assert (found.relay, found.code) == ("https://candor.corp.example", code)
    assert code.hex() not in repr(found)


def test_lists_that_claim_more_than_is_there_take_no_room() -> None:
    boasting = b"\xdd\x00\x00\xff\xff" * 1_000 + bytes(65_536)
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            unpack_array(boasting)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()
