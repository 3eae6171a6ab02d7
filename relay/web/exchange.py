"""Sessions over HTTPS: one exchange of signed requests is the line of one conversation.

Owns which exchanges there are, their answers and the Origin rule for requests (protocol.md section
3, transport 2); takes no protocol decision.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import hdrs, web

from relay.errors import AccessError, StoreError
from relay.model import DeviceKey
from relay.protocol.effects import Fault, Transport
from relay.protocol.exchange import (
    LABEL,
    ExchangeId,
    Turn,
    Turns,
    read_frames,
    read_opening,
    read_request,
    write_answer,
)
from relay.protocol.messages import Message, encode
from relay.store.salts import Salt
from relay.store.writer import Transaction
from relay.vault.sign import is_valid
from relay.web.admission import full, refusal_of, turn_away
from relay.web.conversation import Conversation
from relay.web.problems import problem, problems, read_body
from relay.web.relay import Relay

log = structlog.get_logger()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PATH: Final = "/v1/frames"
ANSWER_S: Final = 10.0
"""How long an answer waits for the commit of what its request carried."""
MAX_UNGREETED: Final = 1_024
"""Exchanges that said nothing signed yet; unlike a socket, one costs whoever opens it nothing."""
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "7200",
}


class _Fence:
    """A job without work: when the store tells it, it has told everything before it."""

    salts: Sequence[Salt] = ()

    def __init__(self) -> None:
        self.passed = asyncio.Event()

    def apply(self, transaction: Transaction) -> None:
        """Write nothing."""

    def committed(self) -> None:
        """Let whoever waits go on."""
        self.passed.set()

    def failed(self, _error: StoreError) -> None:
        """Let whoever waits go on; the session was told why."""
        self.passed.set()


class Exchange:
    """A device's session, answer by answer.

    Args:
        relay: What all conversations share.
        key: The device that signs its requests.
        ended: Called once, when the session has ended.
    """

    def __init__(self, relay: Relay, key: DeviceKey, ended: Callable[[Exchange], None]) -> None:
        self.key = key
        self.conversation = Conversation(relay, self, Transport.HTTPS, key)
        self.id = ExchangeId(self.conversation.nonce)
        self._relay = relay
        self._ended = ended
        self._turns = Turns()
        self._unread: list[bytes] = []
        self._unread_bytes = 0
        self._answer: asyncio.Task[bytes] | None = None

    def open(self) -> bytes:
        """Return the first answer: the challenge."""
        self.conversation.carry_out(self.conversation.session.open())
        return self._take_unread()

    async def answer(self, counter: int, body: bytes) -> bytes | None:
        """Return the answer to a request whose signature verified, or None if it may not come now.

        Raises:
            ProtocolError: The body is malformed; the request does not count.
        """
        frames = read_frames(body)
        turn = self._turns.take(counter, body, answered=not self._is_read)
        if turn is Turn.NEW:
            self._answer = self._relay.loop.create_task(self._converse(frames))
        if turn is Turn.REFUSED or self._answer is None:
            return None
        # A request that is cut off takes nothing back: its repeat gets the same answer.
        return await asyncio.shield(self._answer)

    async def _converse(self, frames: Sequence[bytes]) -> bytes:
        relay, session = self._relay, self.conversation.session
        for frame in frames:
            now_ms = int(relay.loop.time() * 1000)
            self.conversation.carry_out(session.receive(frame, now_ms))
        if session.owes:
            fence = _Fence()
            relay.writer.submit(fence)
            try:
                async with asyncio.timeout(ANSWER_S):
                    await fence.passed.wait()
            except TimeoutError:
                log.info("exchange.answered_early", unsettled=session.waiting)
        return self._take_unread()

    @property
    def _is_read(self) -> bool:
        """Whether a request waits for its answer."""
        return self._answer is not None and not self._answer.done()

    def _take_unread(self) -> bytes:
        frames, self._unread, self._unread_bytes = tuple(self._unread), [], 0
        return write_answer(frames, self.conversation.fault)

    # -------------------------------------------------------------------- the conversation's line

    def send(self, message: Message) -> None:
        """Keep a message for the next answer; whoever does not fetch them is closed."""
        is_too_much = self._unread_bytes > self._relay.settings.slow_reader_bytes
        if is_too_much and not self._is_read:
            self.conversation.ended(Fault.SLOW_READER)
            return
        frame = encode(message)
        self._unread.append(frame)
        self._unread_bytes += len(frame)

    def hang_up(self, _fault: Fault) -> None:
        """End at once; the next answer tells why."""
        self.conversation.leave()
        self._ended(self)


class Exchanges:
    """The routes of transport 2, and every exchange of one relay."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._exchanges: dict[ExchangeId, Exchange] = {}
        self._ungreeted: set[Exchange] = set()

    def routes(self) -> list[web.RouteDef]:
        """Return every route."""
        paths = {f"{PATH}/open": self.open, PATH: self.exchange}
        return [
            route
            for path, handler in paths.items()
            for route in (
                web.post(path, self._admitting(handler)),
                web.options(path, self._admitting(self.preflight)),
            )
        ]

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Begin an exchange with a challenge."""
        relay = self._relay
        key = read_opening(await read_body(request))
        refused = refusal_of(relay, request)
        if refused is None and not self._has_room():
            refused = full("Too many devices are about to connect. Come back in a moment.")
        if refused is not None:
            return turn_away(relay, refused)
        exchange = Exchange(relay, key, self._ended)
        self._exchanges[exchange.id] = exchange
        self._ungreeted.add(exchange)
        relay.connections.add(exchange.conversation)
        relay.metrics.connections.set(len(relay.connections))
        return _answer(exchange.open())

    async def exchange(self, request: web.Request) -> web.StreamResponse:
        """Take frames and answer with what there is to say."""
        relay = self._relay
        asked = read_request(await read_body(request))
        exchange = self._exchanges.get(ExchangeId(asked.exchange))
        current = relay.current
        if exchange is None or current is None:
            return problem(
                HTTPStatus.NOT_FOUND,
                "session_unknown",
                "No such exchange is known here: it ended, or the relay restarted. Open another.",
            )
        parts = asked.signed_parts(current.policy.relay)
        if not is_valid(exchange.key, asked.signature, LABEL, *parts):
            raise AccessError(
                "The request is not signed by the device that opened this exchange. Nothing of it "
                "was used.",
                code="bad_signature",
            )
        self._ungreeted.discard(exchange)
        if relay.writer.is_full:
            await relay.writer.room()
        if relay.draining and exchange.conversation.fault is None:
            return _draining()
        answer = await exchange.answer(asked.counter, asked.body)
        if answer is None:
            return problem(
                HTTPStatus.CONFLICT,
                "counter_refused",
                "This counter may not come now. Only the newest request may be sent again, byte "
                "for byte, and the next one only after its answer.",
            )
        return _answer(answer)

    async def preflight(self, _request: web.Request) -> web.StreamResponse:
        """Allow the extension's browser to post with a content type."""
        return web.Response(status=HTTPStatus.NO_CONTENT, headers=_PREFLIGHT)

    def _admitting(self, handler: Handler) -> Handler:
        """Refuse web pages, and let the browser show answers to whoever is admitted."""

        async def admitting(request: web.Request) -> web.StreamResponse:
            refused = refusal_of(self._relay, request)
            if refused is not None and refused[0] == "origin":
                return turn_away(self._relay, refused)
            answer = await problems(request, handler)
            answer.headers[hdrs.CACHE_CONTROL] = "no-store"
            answer.headers[hdrs.VARY] = hdrs.ORIGIN
            if hdrs.ORIGIN in request.headers:
                answer.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = request.headers[hdrs.ORIGIN]
            return answer

        return admitting

    def _has_room(self) -> bool:
        return (
            len(self._ungreeted) < MAX_UNGREETED
            and len(self._exchanges) < self._relay.settings.max_connections
        )

    def _ended(self, exchange: Exchange) -> None:
        """Keep an ended exchange for as long as its device may come back to hear why."""
        relay = self._relay
        self._ungreeted.discard(exchange)
        relay.connections.discard(exchange.conversation)
        relay.metrics.connections.set(len(relay.connections))
        relay.loop.call_later(relay.settings.idle_timeout_s, self._exchanges.pop, exchange.id, None)


def _answer(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/msgpack")


def _draining() -> web.Response:
    return problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "draining",
        "The relay is about to restart. Come back in a moment.",
    )
