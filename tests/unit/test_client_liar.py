"""A device against a relay that lies: nothing unverified is believed.

The lying relay is a WebSocket server of the tests' own, since the real one does not lie.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from relay.client import Device
from relay.client.codec import pack_array, unpack_array
from relay.errors import AccessError, CandorError, ProtocolError, SignatureError
from relay.model import DeviceKey, Signal
from relay.protocol.transcript import device_hash, sha256, stream_id
from tests.vectors.craft import (
    PROGRAMME,
    Json,
    canonical_text,
    changed,
    drawn,
    encoded,
    hashed,
    packed,
    policy_document,
    signing,
)

NOTICE = b"A notice."
CODE = drawn("enrolment code", 16)
POINTER = {Signal.POINTER: [[0], [1], [2]]}
NOW = 20_800 * 86_400_000
Talk = Callable[["Liar", ServerConnection], Awaitable[None]]


class Liar:
    """A relay that is honest except for what a test changes.

    Args:
        talk: What it says after the welcome.
    """

    def __init__(self, talk: Talk | None = None) -> None:
        self.talk = talk
        self.origin = ""
        self.changes: list[tuple[str, Json]] = []
        self.signers = ("controller", "representative")
        self.ledger = signing("ledger")
        self.notice = NOTICE
        self.key = b""
        self.salt = b""

    @property
    def body(self) -> bytes:
        document = changed(changed(policy_document(), "mark", "demo"), "relay", self.origin)
        for path, value in self.changes:
            document = changed(document, path, value)
        return canonical_text(document)

    @property
    def enrolment(self) -> str:
        pinned = hashed(
            "candor/v1/fingerprint", signing("controller").public, signing("representative").public
        )
        signature = signing("codes").sign("candor/v1/code", PROGRAMME, CODE)
        return "candor1." + encoded(packed(self.origin, pinned, CODE, signature))

    def answer(self, _: ServerConnection, request: Request) -> Response | None:
        if request.path == "/v1/policy":
            roles = ("controller", "representative")
            signatures = [
                signing(signer).sign("candor/v1/policy", role, self.body)
                for signer, role in zip(self.signers, roles, strict=True)
            ]
            return _response(pack_array(self.body, *signatures))
        return _response(self.notice) if request.path.startswith("/v1/notices/") else None

    async def converse(self, socket: ServerConnection) -> None:
        nonce = drawn("challenge")
        await socket.send(pack_array(1, nonce, 1, None))
        message = unpack_array(_bytes(await socket.recv()))
        if message[0] == 33:
            hash_of = device_hash(DeviceKey(_bytes(message[1])))
            proof = self.ledger.sign("candor/v1/enrolled", nonce, hash_of, 1)
            await socket.send(pack_array(7, hash_of, 1, proof))
            return
        self.key, self.salt = _bytes(message[1]), _bytes(message[2])
        await socket.send(pack_array(2, 1, 0, None, None, NOW, 64, None, None))
        if self.talk is not None:
            await self.talk(self, socket)
        await socket.wait_closed()

    async def grant(self, socket: ServerConnection, **lies: bytes) -> None:
        """Confirm a grant, with a signature over something else where a test lies."""
        _, body, _ = unpack_array(_bytes(await socket.recv()))
        receipt = lies.get("receipt", sha256(_bytes(body)))
        stream = lies.get("stream", stream_id(DeviceKey(self.key), self.salt))
        proof = self.ledger.sign("candor/v1/granted", stream, receipt, 1)
        await socket.send(pack_array(8, receipt, 1, proof))


def _response(body: bytes) -> Response:
    return Response(
        HTTPStatus.OK,
        "OK",
        Headers({"Content-Length": str(len(body)), "Connection": "close"}),
        body,
    )


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value


@asynccontextmanager
async def listening(liar: Liar) -> AsyncIterator[Liar]:
    server: Server
    async with serve(
        liar.converse,
        "127.0.0.1",
        0,
        process_request=liar.answer,
        subprotocols=["candor.v1"],  # type: ignore[list-item]  # a NewType of the library
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        liar.origin = f"http://127.0.0.1:{port}"
        yield liar


def device() -> Device:
    return Device(clock=lambda: NOW)


async def enrolled(liar: Liar, one: Device) -> None:
    await one.enrol(liar.enrolment)


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        ({"signers": ("controller", "controller")}, "bad_signature"),
        ({"signers": ("representative", "controller")}, "bad_signature"),
        ({"changes": [("relay", "http://127.0.0.1:9")]}, "relay_mismatch"),
        ({"changes": [("mark", "none")]}, "policy"),
        ({"changes": [("programme", "other")]}, "bad_signature"),
        ({"notice": b"Another notice."}, "notice_mismatch"),
        ({"ledger": signing("someone else")}, "bad_signature"),
    ],
)
async def test_nothing_unverified_enrols(lie: dict[str, object], code: str) -> None:
    liar = Liar()
    for name, value in lie.items():
        setattr(liar, name, value)
    async with listening(liar), device() as one:
        with pytest.raises(CandorError) as raised:
            await one.enrol(liar.enrolment)
        assert raised.value.code == code
        assert not one.is_enrolled


async def test_other_policy_keys_than_the_string_pins_are_refused() -> None:
    liar = Liar()
    liar.changes = [("keys.controller", encoded(signing("someone else").public))]
    liar.signers = ("someone else", "representative")
    async with listening(liar), device() as one:
        with pytest.raises(SignatureError) as raised:
            await one.enrol(liar.enrolment)
        assert raised.value.code == "fingerprint_mismatch"


async def test_an_honest_answer_is_believed() -> None:
    async def talk(liar: Liar, socket: ServerConnection) -> None:
        await liar.grant(socket)
        for _ in range(2):
            await socket.recv()
        await socket.send(pack_array(3, 1, []))

    async with listening(Liar(talk)) as liar, device() as one:
        await enrolled(liar, one)
        await one.grant({1: Signal.POINTER})
        one.seal(1, 5, 7, POINTER)
        assert await one.settled() == 1


@pytest.mark.parametrize("lie", [{"receipt": bytes(32)}, {"stream": bytes(32)}])
async def test_a_forged_grant_is_not_believed(lie: dict[str, bytes]) -> None:
    async def talk(liar: Liar, socket: ServerConnection) -> None:
        await liar.grant(socket, **lie)

    async with listening(Liar(talk)) as liar, device() as one:
        await enrolled(liar, one)
        with pytest.raises((SignatureError, ProtocolError)):
            await one.grant({1: Signal.POINTER})
        with pytest.raises(AccessError):
            one.seal(1, 5, 7, POINTER)


async def test_a_forged_withdrawal_is_not_believed() -> None:
    async def talk(liar: Liar, socket: ServerConnection) -> None:
        await liar.grant(socket)
        _, through, body, *_ = unpack_array(_bytes(await socket.recv()))
        assert isinstance(through, int)
        proof = signing("someone else").sign(
            "candor/v1/withdrawn",
            stream_id(DeviceKey(liar.key), liar.salt),
            sha256(_bytes(body)),
            through,
            2,
        )
        await socket.send(pack_array(9, sha256(_bytes(body)), through, 2, proof))

    async with listening(Liar(talk)) as liar, device() as one:
        await enrolled(liar, one)
        await one.grant({1: Signal.POINTER})
        with pytest.raises(SignatureError):
            await one.withdraw()
        assert one.consent.signed("leaving") is not None
        with pytest.raises(AccessError) as raised:
            one.seal(1, 5, 7, POINTER)
        assert raised.value.code == "withdrawn"


@pytest.mark.parametrize(
    "frame",
    [
        pack_array(3, 9, []),
        pack_array(3, 0, [(1, "withdrawn")]),
        pack_array(1, bytes(32), 1, None),
        pack_array(3, 0, [], None),
        pack_array(39, 1),
        b"",
    ],
)
async def test_a_frame_that_breaks_the_protocol_ends_the_link(frame: bytes) -> None:
    async def talk(liar: Liar, socket: ServerConnection) -> None:
        await liar.grant(socket)
        await socket.send(frame)

    async with listening(Liar(talk)) as liar, device() as one:
        await enrolled(liar, one)
        with pytest.raises(ProtocolError):
            await _grant_and_settle(one)


async def _hear(socket: ServerConnection, count: int) -> list[list[object]]:
    return [unpack_array(_bytes(await socket.recv())) for _ in range(count)]


async def _grant_and_settle(one: Device) -> None:
    await one.grant({1: Signal.POINTER})
    one.seal(1, 5, 7, POINTER)
    await one.settled()


@pytest.mark.parametrize("code", [1003, 1009, 4403, 4409, 4426])
async def test_final_close_codes_are_told(code: int) -> None:
    async def talk(liar: Liar, socket: ServerConnection) -> None:
        await socket.close(code)

    async with listening(Liar(talk)) as liar, device() as one:
        await enrolled(liar, one)
        with pytest.raises(CandorError):
            await one.grant({1: Signal.POINTER})


async def test_it_waits_as_long_as_retry_says_and_comes_back() -> None:
    moments: list[float] = []

    async def talk(liar: Liar, socket: ServerConnection) -> None:
        moments.append(asyncio.get_running_loop().time())
        if len(moments) == 1:
            await socket.send(pack_array(4, 700, "store_full"))
            await socket.close(4503)
        else:
            await liar.grant(socket)

    async with listening(Liar(talk)) as liar, device() as one:
        await enrolled(liar, one)
        await one.grant({1: Signal.POINTER})
        assert moments[1] - moments[0] >= 0.7


async def test_a_stop_stops_and_a_conflict_starts_a_new_stream() -> None:
    async def talk(liar: Liar, socket: ServerConnection) -> None:
        if not stopped.is_set():
            await liar.grant(socket)
            await socket.send(pack_array(5, "stopped"))
            await stopped.wait()
            await socket.close(4424)

    stopped = asyncio.Event()
    async with listening(Liar(talk)) as liar, device() as one:
        await enrolled(liar, one)
        await one.grant({1: Signal.POINTER})
        stream = one.stream
        while one.state.get("stopped") is None:  # noqa: ASYNC110 - a frame is on its way
            await asyncio.sleep(0.01)
        with pytest.raises(AccessError) as raised:
            one.seal(1, 5, 7, POINTER)
        assert raised.value.code == "stopped"
        stopped.set()
        while one.stream == stream:  # noqa: ASYNC110 - the close is on its way
            await asyncio.sleep(0.01)


async def test_what_the_relay_lost_after_its_ack_is_declared() -> None:
    heard: list[list[object]] = []

    async def talk(liar: Liar, socket: ServerConnection) -> None:
        if not heard:
            await liar.grant(socket)
            heard.extend(await _hear(socket, 3))
            await socket.send(pack_array(3, 2, []))
            await again.wait()
            await socket.close(1001)
            return
        await liar.grant(socket)  # its receipt is unknown here too, so it comes again
        heard.extend(await _hear(socket, 3))
        await socket.send(pack_array(3, 3, []))

    again = asyncio.Event()
    async with listening(Liar(talk)) as liar, device() as one:
        await enrolled(liar, one)
        await one.grant({1: Signal.POINTER})
        one.seal(1, 5, 7, POINTER)
        one.seal(1, 5, 7, POINTER)
        await one.settled()
        again.set()
        one.seal(1, 5, 7, POINTER)
        assert await one.settled() == 3
    assert [message[0] for message in heard] == [36, 37, 37, 38, 36, 37]
    assert heard[3] == [38, 1, 2, "outbox_corrupt"]


async def test_an_unreachable_relay_is_said_so() -> None:
    liar = Liar()
    async with listening(liar):
        enrolment = liar.enrolment
    async with device() as one:
        with pytest.raises(CandorError, match="cannot be reached") as raised:
            await one.enrol(enrolment)
        assert raised.value.retryable
