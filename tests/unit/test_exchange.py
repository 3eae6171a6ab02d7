"""Transport 2 without a network: layout of requests and answers, and which counter may come."""

from __future__ import annotations

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import ProtocolError
from relay.model import MAX_FRAME_BYTES
from relay.protocol.effects import Fault, Transport
from relay.protocol.exchange import (
    Turn,
    Turns,
    read_frames,
    read_opening,
    read_request,
    write_answer,
)
from relay.protocol.transcript import sha256

ID = b"x" * 32
SIGNATURE = b"s" * 64


def packed(value: object) -> bytes:
    data: bytes = msgpack.packb(value)
    return data


# ------------------------------------------------------------------------------------- the layout


def test_an_opening_names_the_device() -> None:
    assert read_opening(packed([b"k" * 32])) == b"k" * 32


def test_a_request_is_signed_over_origin_exchange_counter_and_hash() -> None:
    request = read_request(packed([ID, 7, SIGNATURE, b"body"]))
    assert (request.exchange, request.counter, request.signature) == (ID, 7, SIGNATURE)
    parts = request.signed_parts("https://candor.corp.example")
    assert parts == ("https://candor.corp.example", ID, 7, sha256(b"body"))


def test_frames_keep_their_order() -> None:
    assert read_frames(packed([b"1", b"2", b"3"])) == (b"1", b"2", b"3")
    assert len(read_frames(packed([b"x"] * 256))) == 256
    assert read_frames(packed([bytes(MAX_FRAME_BYTES)])) == (bytes(MAX_FRAME_BYTES),)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        packed([]),
        packed([b""]),
        packed(["text"]),
        packed([b"x"] * 257),
        packed([bytes(MAX_FRAME_BYTES + 1)]),
        packed([b"x"]) + b"\x00",
        packed({}),
    ],
)
def test_malformed_frames_are_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_frames(body)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [ID, 1, SIGNATURE],
        [ID, 1, SIGNATURE, b"b", None],
        [ID[1:], 1, SIGNATURE, b"b"],
        [ID, 0, SIGNATURE, b"b"],
        [ID, 2**53, SIGNATURE, b"b"],
        [ID, True, SIGNATURE, b"b"],
        [ID, 1, SIGNATURE[1:], b"b"],
        [ID, 1, SIGNATURE, b""],
        [ID, 1, SIGNATURE, "b"],
    ],
)
def test_a_malformed_request_is_refused(parts: list[object]) -> None:
    with pytest.raises(ProtocolError):
        read_request(packed(parts))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for read in (read_opening, read_request, read_frames):
        try:
            read(body)
        except ProtocolError as error:
            assert error.code == "malformed"  # noqa: PT017 - whatever else is raised fails the test


def test_an_answer_has_frames_and_the_close_code() -> None:
    assert msgpack.unpackb(write_answer((b"1", b"2"), None)) == [[b"1", b"2"], None]
    assert msgpack.unpackb(write_answer((), Fault.SUPERSEDED)) == [[], 4409]


def test_transports_have_the_numbers_of_the_hello() -> None:
    assert {transport.label: int(transport) for transport in Transport} == {
        "websocket": 1,
        "https": 2,
    }


# ------------------------------------------------------------------------------------- the counters


@given(
    st.lists(
        st.tuples(st.integers(-2, 2), st.sampled_from([b"a", b"b", b"c"]), st.booleans()),
        max_size=60,
    )
)
def test_each_counter_is_taken_once_and_only_the_newest_repeats(
    tries: list[tuple[int, bytes, bool]],
) -> None:
    turns = Turns()
    taken: list[tuple[int, bytes]] = []
    for step, body, answered in tries:
        counter = turns.counter + step
        turn = turns.take(counter, body, answered=answered)
        if turn is Turn.NEW:
            assert answered
            assert counter == len(taken) + 1
            taken.append((counter, body))
        elif turn is Turn.REPEAT:
            assert (counter, body) == taken[-1]
        else:
            is_next = counter == len(taken) + 1
            assert (counter, body) not in taken[-1:]
            assert not (is_next and answered)
    assert [counter for counter, _ in taken] == list(range(1, len(taken) + 1))
    assert turns.counter == len(taken)
