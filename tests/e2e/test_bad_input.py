"""Bad input, one by one, against a real relay: named, counted, no traceback, nobody disturbed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.programme import (
    Participant,
    Wire,
    enrolled,
    greeted,
    recording,
)
from tests.support.serving import Serving

MAX_FRAME = 65_536
STORM = 5_000


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    directory = tmp_path_factory.mktemp("bad-input")
    running = Serving(directory, hello_timeout_s=2, slow_reader_bytes=8192).start()
    yield running
    assert running.stop() == 0
    log = running.text()
    assert "Traceback" not in log
    assert "store.job_failed" not in log
    assert "session.failed" not in log
    assert "request.failed" not in log
    assert "library.warned" not in log


@pytest.fixture(autouse=True)
async def _closed_wires() -> AsyncIterator[None]:
    yield
    await Wire.close_all()


@pytest.fixture
async def bystander(serving: Serving) -> AsyncIterator[None]:
    """Another session, which must be able to store before and after."""
    person = Participant(serving.programme)
    wire = await recording(serving.url, person)
    await wire.send(person.batch(1))
    assert await wire.ack_of(1) == (1, {})
    yield
    await wire.send(person.batch(2))
    assert await wire.ack_of(2) == (2, {})
    await wire.socket.close()


@contextlib.contextmanager
def counted(serving: Serving, metric: str, by: int = 1) -> Iterator[None]:
    before = serving.metric(metric)
    yield
    until = time.monotonic() + 5
    while serving.metric(metric) < before + by and time.monotonic() < until:
        time.sleep(0.05)
    assert serving.metric(metric) == before + by


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Leave without a word, and wait until the socket is closed."""
    writer.transport.abort()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


def closed(code: int) -> str:
    return f'candor_sessions_closed_total{{close_code="{code}"}}'


# ------------------------------------------------------------------------- before any session


@pytest.mark.parametrize("offered", [None, ["candor.v2"], ["graphql-ws", "chat"]])
async def test_a_wrong_subprotocol_is_refused(
    serving: Serving, bystander: None, offered: list[str] | None
) -> None:
    with (
        counted(serving, 'candor_connections_refused_total{reason="subprotocol"}'),
        pytest.raises(InvalidStatus) as caught,
    ):
        await Wire.open(serving.url, subprotocols=offered)
    assert caught.value.response.status_code == 400
    assert b"candor.v1" in caught.value.response.body


@pytest.mark.parametrize(
    "origin",
    ["https://crm.corp.example", "http://127.0.0.1", "null", "chrome-extension://" + "a" * 32],
)
async def test_a_foreign_origin_is_refused(serving: Serving, bystander: None, origin: str) -> None:
    with (
        counted(serving, 'candor_connections_refused_total{reason="origin"}'),
        pytest.raises(InvalidStatus) as caught,
    ):
        await Wire.open(serving.url, origin=origin)
    assert caught.value.response.status_code == 403


@pytest.mark.parametrize("origin", [None, "moz-extension://0f1e2d3c-0000-4000-8000-000000000000"])
async def test_devices_origins_are_admitted(serving: Serving, origin: str | None) -> None:
    async with await Wire.open(serving.url, origin=origin) as wire:
        assert (await wire.receive())[0] == 1


# --------------------------------------------------------------------------------- any frame


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        pytest.param(b"\x92\x27\x01\x00", 4400, id="trailing bytes"),
        pytest.param(msgpack.packb([99, 1]), 4400, id="unknown type"),
        pytest.param(msgpack.packb([39, True]), 4400, id="bool for int"),
        pytest.param(msgpack.packb([39, 1.0]), 4400, id="float for int"),
        pytest.param(msgpack.packb([39, 2**53]), 4400, id="over 53 bits"),
        pytest.param(msgpack.packb([39]), 4400, id="missing position"),
        pytest.param(msgpack.packb([39, 1, None]), 4400, id="extra position"),
        pytest.param(msgpack.packb({0: 39, 1: 1}), 4400, id="map"),
        pytest.param(b"", 4400, id="empty"),
        pytest.param(b"\xc1", 4400, id="no msgpack"),
        pytest.param(b"\x91" * 60_000, 4400, id="nested without end"),
        pytest.param(os.urandom(1000), 4400, id="noise"),
        pytest.param(msgpack.packb([3, 1, []]), 4400, id="a relay's message"),
        pytest.param(b"\xc4" * MAX_FRAME, 4400, id="as large as allowed, no message"),
        pytest.param(b"\xc4" * (MAX_FRAME + 1), 1009, id="too large"),
    ],
)
@pytest.mark.parametrize("greet", [False, True], ids=["challenged", "greeted"])
async def test_a_bad_frame_closes_its_own_session(
    serving: Serving, bystander: None, frame: bytes, code: int, *, greet: bool
) -> None:
    person = Participant(serving.programme)
    with counted(serving, closed(code)):
        if greet:
            await enrolled(serving.url, person)
            wire, _ = await greeted(serving.url, person)
        else:
            wire = await Wire.open(serving.url)
            await wire.receive()
        await wire.send(frame)
        assert await wire.close_code() == code


async def test_the_largest_frame_is_taken(serving: Serving) -> None:
    person = Participant(serving.programme)
    async with await recording(serving.url, person) as wire:
        frame = msgpack.packb(person.batch(1, content=bytes(65_000)))
        assert len(frame) <= MAX_FRAME
        await wire.send(frame)
        assert await wire.ack_of(1) == (1, {1: "too_large"})


async def test_a_text_frame_closes(serving: Serving, bystander: None) -> None:
    with counted(serving, closed(1003)):
        wire = await Wire.open(serving.url)
        await wire.receive()
        await wire.socket.send("hello")
        assert await wire.close_code() == 1003


async def test_a_fragmented_frame_over_the_limit_closes(serving: Serving) -> None:
    wire = await Wire.open(serving.url)
    await wire.receive()
    with contextlib.suppress(ConnectionClosed):
        await wire.socket.send([bytes(40_000), bytes(40_000)])
    assert await wire.close_code() == 1009


async def test_broken_websocket_framing_ends_only_itself(serving: Serving, bystander: None) -> None:
    wire = await Wire.open(serving.url)
    await wire.receive()
    wire.socket.transport.write(b"\xff\xff\xff\xff garbage")
    assert await wire.close_code() in {1002, 1006}


# ------------------------------------------------------------------------------------- hello


async def test_a_replayed_hello_is_refused(serving: Serving, bystander: None) -> None:
    person = Participant(serving.programme)
    await enrolled(serving.url, person)
    first = await Wire.open(serving.url)
    hello = person.hello((await first.receive())[1])
    await first.send(hello)
    assert (await first.receive())[0] == 2
    with counted(serving, closed(4401)):
        second = await Wire.open(serving.url)
        await second.receive()
        await second.send(hello)
        assert await second.close_code() == 4401
    await first.send([39, 7])
    assert await first.receive() == [11, 7]
    await first.socket.close()


async def test_a_hello_signed_for_another_relay_is_refused(serving: Serving) -> None:
    person = Participant(serving.programme)
    await enrolled(serving.url, person)
    wire = await Wire.open(serving.url)
    nonce = (await wire.receive())[1]
    await wire.send(person.hello(nonce, origin="https://elsewhere.example"))
    assert await wire.close_code() == 4401


async def test_a_stale_hello_is_refused(serving: Serving) -> None:
    person = Participant(serving.programme)
    await enrolled(serving.url, person)
    with counted(serving, closed(4408)):
        wire = await Wire.open(serving.url)
        nonce = (await wire.receive())[1]
        await asyncio.sleep(2.1)
        with contextlib.suppress(ConnectionClosed):
            await wire.send(person.hello(nonce))
        assert await wire.close_code() == 4408


@pytest.mark.parametrize(
    ("changes", "code"),
    [({}, 4403), ({"programme": "other"}, 4403), ({"version": 2}, 4426)],
    ids=["unknown device", "another programme", "another version"],
)
async def test_a_hello_that_cannot_be_served(
    serving: Serving, bystander: None, changes: dict[str, Any], code: int
) -> None:
    with counted(serving, closed(code)):
        wire = await Wire.open(serving.url)
        nonce = (await wire.receive())[1]
        await wire.send(Participant(serving.programme).hello(nonce, **changes))
        assert await wire.close_code() == code


async def test_a_frame_before_hello_is_unexpected(serving: Serving) -> None:
    wire = await Wire.open(serving.url)
    await wire.receive()
    await wire.send([39, 1])
    assert await wire.close_code() == 4422


# ----------------------------------------------------------------------------------- enrolling


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"programme": "other"}, "programme_unknown"),
        ({"code_key": None}, "code_invalid"),
        ({"own": b"\xff" * 1216}, "key_invalid"),
    ],
)
async def test_a_bad_enrolment_is_refused_and_may_be_mended(
    serving: Serving, changes: dict[str, Any], reason: str
) -> None:
    person = Participant(serving.programme)
    if "code_key" in changes:
        changes = {"code_key": person.key}
    async with await Wire.open(serving.url) as wire:
        challenge = await wire.receive()
        with counted(serving, f'candor_refusals_total{{reason="{reason}"}}'):
            await wire.send(person.enrol(challenge[1], **changes))
            assert await wire.receive() == [10, 33, reason]
        challenge = await wire.receive()
        assert challenge[0] == 1
        await wire.send(person.enrol(challenge[1]))
        assert (await wire.receive())[0] == 7


async def test_a_code_is_spent_once_and_a_device_enrols_once(serving: Serving) -> None:
    code = os.urandom(16)
    person, other = Participant(serving.programme), Participant(serving.programme)
    async with await Wire.open(serving.url) as wire:
        await wire.send(person.enrol((await wire.receive())[1], code=code))
        assert (await wire.receive())[0] == 7
        await wire.send(other.enrol((await wire.receive())[1], code=code))
        assert await wire.receive() == [10, 33, "code_spent"]
        await wire.send(person.enrol((await wire.receive())[1]))
        assert await wire.receive() == [10, 33, "device_exists"]


async def test_an_enrolment_signed_under_an_older_nonce_closes(serving: Serving) -> None:
    wire = await Wire.open(serving.url)
    await wire.receive()
    await wire.send(Participant(serving.programme).enrol(os.urandom(32)))
    assert await wire.close_code() == 4401


# ---------------------------------------------------------------------------- seqs and credit


async def test_a_seq_gap_closes(serving: Serving, bystander: None) -> None:
    person = Participant(serving.programme)
    with counted(serving, closed(4423)):
        wire = await recording(serving.url, person)
        await wire.send(person.batch(2))
        assert await wire.close_code() == 4423


@pytest.mark.parametrize("content", [b"sealed", bytes(17_000)], ids=["stored", "refused"])
async def test_a_settled_seq_with_other_bytes_closes(
    serving: Serving, bystander: None, content: bytes
) -> None:
    person = Participant(serving.programme)
    wire = await recording(serving.url, person)
    await wire.send(person.batch(1, content=content))
    first = await wire.ack_of(1)
    await wire.send(person.batch(1, content=content))
    assert await wire.ack_of(1) == first
    with counted(serving, closed(4424)):
        await wire.send(person.batch(1, content=b"x" + content[1:]))
        assert await wire.close_code() == 4424


async def test_a_settled_seq_with_other_bytes_closes_a_later_session_too(
    serving: Serving,
) -> None:
    person = Participant(serving.programme)
    wire = await recording(serving.url, person)
    await wire.send(person.batch(1), [38, 2, 4, "outbox_full"])
    await wire.ack_of(4)
    await wire.socket.close()
    for message in (person.batch(1, content=b"other"), person.batch(3), [38, 2, 3, "outbox_full"]):
        wire, welcome = await greeted(serving.url, person)
        assert welcome[2] == 4
        await wire.send(person.segment(), message)
        assert await wire.close_code() == 4424


async def test_exceeded_credit_closes(serving: Serving, bystander: None) -> None:
    person = Participant(serving.programme)
    with counted(serving, closed(4429)):
        wire = await recording(serving.url, person)
        frames = [msgpack.packb(person.batch(seq)) for seq in range(1, 200)]
        # One write, so that no ack can come between.
        raw = b"".join(_masked(frame) for frame in frames)
        wire.socket.transport.write(raw)
        assert await wire.close_code() == 4429


def _masked(payload: bytes) -> bytes:
    """Return a client's binary frame with a mask of zeros."""
    size = len(payload)
    head = bytes([0x82, 0x80 | size]) if size < 126 else b"\x82\xfe" + size.to_bytes(2)
    return head + bytes(4) + payload


# --------------------------------------------------------------------------- what the gate asks


@pytest.mark.parametrize(
    ("segment", "batch", "reason"),
    [
        ({}, {"signals": 4}, "signal_not_granted"),
        ({}, {"signals": 16}, "signal_not_granted"),
        ({}, {"content": bytes(16_385)}, "too_large"),
        ({"app": 2}, {}, "app_not_allowed"),
        ({"app": 9}, {}, "app_not_allowed"),
        ({"inner": b"x" * 16}, {}, "wrong_recipient"),
        ({"outer": b"x" * 16}, {}, "wrong_recipient"),
        ({"own": b"x" * 16}, {}, "wrong_recipient"),
    ],
)
async def test_a_batch_that_may_not_be_kept_is_refused_and_acked(
    serving: Serving,
    segment: dict[str, Any],
    batch: dict[str, Any],
    reason: str,
) -> None:
    person = Participant(serving.programme)
    name = f'candor_batches_total{{outcome="refused",reason="{reason}"}}'
    async with await recording(serving.url, person) as wire:
        person.segment_id = os.urandom(16)
        with counted(serving, name):
            await wire.send(person.segment(**segment), person.batch(1, **batch))
            assert await wire.ack_of(1) == (1, {1: reason})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"receipt": b"r" * 32}, "receipt_unknown"),
        ({"policy": b"p" * 32}, "policy_unknown"),
    ],
)
async def test_a_segment_on_unknown_ground_is_refused(
    serving: Serving, changes: dict[str, Any], reason: str
) -> None:
    person = Participant(serving.programme)
    async with await recording(serving.url, person) as wire:
        person.segment_id = os.urandom(16)
        await wire.send(person.segment(**changes), person.batch(1))
        assert await wire.receive() == [10, 36, reason]
        assert await wire.ack_of(1) == (1, {1: "segment_unknown"})


@pytest.mark.parametrize("changes", [{"root_hash": b"x" * 32}, {"salt": b"x" * 32}])
async def test_a_segment_with_other_bytes_is_a_conflict(
    serving: Serving, changes: dict[str, Any]
) -> None:
    person = Participant(serving.programme)
    async with await recording(serving.url, person) as wire:
        await wire.send(person.segment(), person.segment(**changes), [39, 1])
        answers = [await wire.receive(), await wire.receive()]
        assert [10, 36, "segment_conflict"] in answers
        await wire.send(person.batch(1))
        assert await wire.ack_of(1) == (1, {})


# ---------------------------------------------------------------------------------- crowds


async def test_a_slow_reader_is_closed_and_nobody_waits(serving: Serving, bystander: None) -> None:
    person = Participant(serving.programme)
    await enrolled(serving.url, person)
    with counted(serving, closed(4430)):
        wire, _ = await greeted(serving.url, person)
        raw = wire.socket.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.socket.transport.pause_reading()
        frame = _masked(msgpack.packb([39, 2**52]))
        with contextlib.suppress(ConnectionClosed, ConnectionError, TimeoutError):
            async with asyncio.timeout(20):
                while not wire.socket.transport.is_closing():
                    wire.socket.transport.write(frame * 1000)
                    await asyncio.sleep(0.005)
                    if serving.process is None:
                        break
                    if serving.text().count('"close_code": 4430'):
                        break
        wire.socket.transport.abort()


async def test_thousands_who_never_say_hello_disturb_nobody(serving: Serving) -> None:
    person = Participant(serving.programme)
    wire = await recording(serving.url, person)
    await wire.send(person.batch(1))
    await wire.ack_of(1)
    host, port = serving.url.removeprefix("http://").split(":")
    request = (
        b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        b"Sec-WebSocket-Protocol: candor.v1\r\n\r\n"
    )
    silent: list[asyncio.StreamWriter] = []
    slowest = 0.0
    with counted(serving, closed(4408), by=STORM):
        seq = 1
        for number in range(STORM):
            _, writer = await asyncio.open_connection(host, int(port), limit=4096)
            writer.write(request)
            silent.append(writer)
            if number % 250 == 0:
                seq += 1
                began = time.monotonic()
                await wire.send(person.batch(seq))
                await wire.ack_of(seq)
                slowest = max(slowest, time.monotonic() - began)
        await asyncio.sleep(3)
    for writer in silent:
        await hang_up(writer)
    assert slowest < 2.0
    seq += 1
    await wire.send(person.batch(seq))
    assert (await wire.ack_of(seq))[0] == seq
    await wire.socket.close()


async def test_connections_that_never_send_a_request_are_closed(serving: Serving) -> None:
    host, port = serving.url.removeprefix("http://").split(":")
    for begun in (b"", b"GET /v1/stream HT"):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(begun)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        await hang_up(writer)


async def test_http_that_is_none_or_is_cut_off_disturbs_nobody(
    tmp_path: Path,
) -> None:
    running = Serving(tmp_path).start()
    host, port = running.url.removeprefix("http://").split(":")
    upgrade = b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Protocol: candor.v1\r\n"
    cases = [
        (b"\x16\x03\x01 a TLS hello, perhaps\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", b"400"),
        (upgrade + b"\r\n", b"400"),
        (upgrade + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", b"400"),
        (b"DELETE /v1/policy HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
        (b"POST /v1/policy HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\ncut", b""),
    ]
    try:
        for request, status in cases:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(request)
            if status:
                assert (await reader.read(12))[9:] == status
            await hang_up(writer)
        assert running.get("/readyz")[0] == 200
    finally:
        assert running.stop() == 0
    assert "Traceback" not in running.text()
    assert '"critical"' not in running.text()


async def test_more_connections_than_allowed_are_told_to_come_back(tmp_path: Path) -> None:
    running = Serving(tmp_path, max_connections=2).start()
    try:
        first, second = await Wire.open(running.url), await Wire.open(running.url)
        with pytest.raises(InvalidStatus) as caught:
            await Wire.open(running.url)
        assert caught.value.response.status_code == 503
        assert caught.value.response.headers["Retry-After"]
        await first.socket.close()
        await asyncio.sleep(0.1)
        third = await Wire.open(running.url)
        assert (await third.receive())[0] == 1
        await second.socket.close()
        await third.socket.close()
    finally:
        assert running.stop() == 0
