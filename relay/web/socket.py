"""One WebSocket connection: drives a `protocol.session` and carries out its effects.

Owns the socket and its bounds; takes no protocol decision and never waits for one frame.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

import structlog
from aiohttp import WebSocketError, WSMsgType, web

from relay.errors import CandorError, ProtocolError, StoreError
from relay.ingest import Intake, accept_segment, salt_of
from relay.protocol.effects import (
    Close,
    Control,
    Effects,
    Fault,
    Outcome,
    Send,
    Settle,
    VerifyEnrol,
    VerifyHello,
)
from relay.protocol.messages import (
    Enrolled,
    Grant,
    Hello,
    Message,
    Refusal,
    SealedBatch,
    Segment,
    Welcome,
    Withdraw,
    encode,
)
from relay.protocol.session import Session
from relay.rights.consenting import Consented, check_consent, confirm, consent
from relay.rights.enrolment import check_enrol, enrol, enrolled
from relay.rights.greeting import Greeting, check_hello, greet
from relay.store.book import LiveStream
from relay.store.salts import Salt
from relay.store.writer import Call, Transaction
from relay.web.problems import fault_of
from relay.web.relay import Relay, today

T = TypeVar("T")
log = structlog.get_logger()
NONCE_BYTES: Final = 32
RETRY_AFTER_MS: Final = 2_000
CLOSE_TIMEOUT_S: Final = 2.0


class Connection:
    """A device's connection from its challenge to its close.

    Args:
        relay: What all connections share.
        socket: A prepared WebSocket.
        transport: The transport below it.
    """

    def __init__(
        self, relay: Relay, socket: web.WebSocketResponse, transport: asyncio.Transport
    ) -> None:
        settings = relay.settings
        self.session = Session(
            os.urandom(NONCE_BYTES),
            now_ms=int(relay.loop.time() * 1000),
            credit=settings.credit,
            challenge_ms=int(settings.hello_timeout_s * 1000),
            silence_ms=int(settings.idle_timeout_s * 1000),
        )
        self.gone = asyncio.Event()
        self._relay = relay
        self._socket = socket
        self._transport = transport
        self._stream: LiveStream | None = None
        self._intake: Intake | None = None
        self._intake_group = -1
        self._closing: asyncio.Task[None] | None = None
        self._fault: Fault | None = None

    async def run(self) -> None:
        """Converse until either side ends it."""
        relay, session, receive = self._relay, self.session, self._socket.receive
        clock, writer = relay.loop.time, relay.writer
        self.carry_out(session.open())
        try:
            while self._closing is None:
                message = await receive()
                if message.type is WSMsgType.BINARY:
                    if relay.draining:
                        continue
                    effects = session.receive(message.data, int(clock() * 1000))
                    if effects:
                        self.carry_out(effects)
                        if writer.is_full:
                            await writer.room()
                elif message.type is WSMsgType.TEXT:
                    self.ended(Fault.TEXT_FRAME)
                elif message.type is WSMsgType.ERROR:
                    self._note_broken(message.data)
                    break
                else:
                    break
        finally:
            if self._closing is not None:
                await self._closing
            self._leave()

    # ----------------------------------------------------------------------- what a session asks

    def carry_out(self, effects: Effects) -> None:
        """Do what the session asks for, in order."""
        for effect in effects:
            if type(effect) is Settle:
                self._settle(effect)
            elif type(effect) is Send:
                self._send(effect.message)
            elif type(effect) is Control:
                self._control(effect.message)
            elif type(effect) is VerifyHello:
                self._hello(effect)
            elif type(effect) is VerifyEnrol:
                self._enrol(effect)
            elif type(effect) is Close:
                self._close(effect.fault)

    def _settle(self, effect: Settle) -> None:
        writer = self._relay.writer
        intake = self._intake
        if intake is None or self._intake_group != writer.group:
            assert self._stream is not None  # noqa: S101 - a session settles once it is greeted
            self._intake = intake = Intake(self._stream, self, today)
            self._intake_group = writer.group
            writer.submit(intake)
        intake.messages.append(effect.message)
        if type(effect.message) is SealedBatch:
            writer.weigh(len(effect.message.ciphertext))

    def _send(self, message: Message) -> None:
        """Send without waiting; whoever does not read is closed, and others do not notice."""
        if self._closing is not None:
            return
        if self._transport.get_write_buffer_size() > self._relay.settings.slow_reader_bytes:
            self.ended(Fault.SLOW_READER)
            return
        if type(message) is Refusal:
            self._relay.metrics.refusals.labels(message.reason).inc()
        # The writer's limit is out of reach, so sending never suspends: one step is all of it.
        step = self._socket.send_bytes(encode(message))
        try:
            step.send(None)
        except StopIteration:
            return
        except ConnectionError:
            return
        finally:
            step.close()

    def _close(self, fault: Fault) -> None:
        self._fault = fault
        self._closing = self._relay.loop.create_task(self._say_goodbye(fault))

    async def _say_goodbye(self, fault: Fault) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._socket.close(code=int(fault), message=fault.label.encode())
        except (TimeoutError, ConnectionError):
            pass
        finally:
            self._transport.abort()

    def _hello(self, effect: VerifyHello) -> None:
        hello, current = effect.hello, self._relay.current
        try:
            check_hello(hello, effect.nonce, current)
        except ProtocolError as error:
            self.ended(fault_of(error))
            return
        self._ask(
            lambda transaction: greet(transaction, hello, today()), partial(self._greeted, hello)
        )

    def _greeted(self, hello: Hello, greeting: Greeting) -> None:
        relay = self._relay
        self._stream = stream = greeting.stream
        if self._closing is not None or self.gone.is_set():
            self._forget_stream()
            return
        older = relay.streams.get(stream.id)
        relay.streams[stream.id] = self
        relay.metrics.sessions.set(len(relay.streams))
        if older is not None:
            older.ended(Fault.SUPERSEDED)
        current = relay.current
        welcome = Welcome(
            session=stream.session,
            resume=greeting.resume,
            receipt=greeting.newest,
            policy=None if current is None or current.hash == hello.policy else current.signed,
            now_ms=relay.now_ms(),
            credit=relay.settings.credit,
            checkpoint=None,
            proof=None,
        )
        self.carry_out(self.session.greeted(welcome))
        if relay.has_ended():
            self.carry_out(self.session.stop("programme_ended"))
        elif greeting.withdrawn_elsewhere:
            self.carry_out(self.session.stop("withdrawn"))
        log.info("session.opened", sessions=len(relay.streams))

    def _enrol(self, effect: VerifyEnrol) -> None:
        message, nonce = effect.enrol, effect.nonce
        day = today()
        try:
            refusal = check_enrol(message, nonce, self._relay.current)
        except ProtocolError as error:
            self.ended(fault_of(error))
            return
        if refusal is not None:
            self._enrolled(refusal)
            return

        def record(refusal: Refusal | None) -> None:
            self._enrolled(refusal or enrolled(message, nonce, day, self._relay.ledger))

        self._ask(lambda transaction: enrol(transaction, message, day), record)

    def _enrolled(self, reply: Enrolled | Refusal) -> None:
        now_ms = int(self._relay.loop.time() * 1000)
        self.carry_out(self.session.enrolled(reply, os.urandom(NONCE_BYTES), now_ms))

    def _control(self, message: Grant | Withdraw | Segment) -> None:
        stream = self._stream
        assert stream is not None  # noqa: S101 - only a greeted session takes these
        self._intake = None
        day = today()
        if isinstance(message, Segment):
            segment = message
            self._ask(
                lambda transaction: accept_segment(transaction, stream, segment, day),
                self._answered,
                (salt_of(stream, segment, day),),
            )
            return
        current = self._relay.current
        assert current is not None  # noqa: S101 - no device is greeted before the first policy
        receipt = check_consent(message, stream, current.policy.programme)
        if isinstance(receipt, Refusal):
            self._answered(receipt)
            return
        self._ask(
            lambda transaction: consent(transaction, stream, message, receipt, day),
            partial(self._consented, message, stream),
        )

    def _consented(
        self, message: Grant | Withdraw, stream: LiveStream, done: Consented | Refusal
    ) -> None:
        if isinstance(done, Refusal):
            self._answered(done)
            return
        self.carry_out(self.session.answered(confirm(message, stream.id, done, self._relay.ledger)))
        if done.grants_nothing:
            for other in list(self._relay.streams.values()):
                if other is not self and other.is_of(stream):
                    other.carry_out(other.session.stop("withdrawn"))

    def _answered(self, refusal: Refusal | None) -> None:
        self.carry_out(self.session.answered(refusal))

    # ---------------------------------------------------------------------- what the store tells

    def settled(self, outcomes: Sequence[Outcome]) -> None:
        """Ack outcomes that are durable, with one message."""
        self._relay.metrics.settled(outcomes)
        self.carry_out(self.session.settled(outcomes))

    def ended(self, fault: Fault) -> None:
        """End the session for this reason."""
        self.carry_out(self.session.close(fault))

    def unavailable(self, error: StoreError) -> None:
        """Send the device away for a while, without any outcome."""
        reason = error.code if error.code == "store_full" else "store_failed"
        self.carry_out(self.session.unavailable(RETRY_AFTER_MS, reason))

    def is_of(self, stream: LiveStream) -> bool:
        """Tell whether this connection is of the same device as a stream."""
        return self._stream is not None and self._stream.device is stream.device

    def _ask(
        self,
        function: Callable[[Transaction], T],
        use: Callable[[T], None],
        salts: Sequence[Salt] = (),
    ) -> None:
        """Have the store do something in order, and go on with what it returns.

        An error ends the session as the error says.
        """

        def done(finished: asyncio.Future[T]) -> None:
            error = finished.exception()
            if error is None:
                use(finished.result())
            elif isinstance(error, StoreError):
                self.unavailable(error)
            elif isinstance(error, CandorError):
                self.ended(fault_of(error))
            else:
                log.critical("session.failed", code=type(error).__name__)
                self.ended(Fault.UNAVAILABLE)

        self._relay.writer.submit(Call(function, salts, done))

    def _note_broken(self, error: object) -> None:
        """Name the fault of a frame that the WebSocket layer itself refused and closed for."""
        if isinstance(error, WebSocketError):
            is_large = error.code == Fault.TOO_LARGE
            self._fault = Fault.TOO_LARGE if is_large else Fault.MALFORMED

    def _leave(self) -> None:
        if self.gone.is_set():
            return
        self.gone.set()
        self.session.close(Fault.GOING_AWAY)
        self._relay.metrics.closed(self._fault)
        if self._stream is not None:
            self._forget_stream()
        log.info("session.closed", close_code=int(self._fault or 0))

    def _forget_stream(self) -> None:
        stream, relay = self._stream, self._relay
        assert stream is not None  # noqa: S101 - the callers looked
        if relay.streams.get(stream.id) is self:
            del relay.streams[stream.id]
        relay.metrics.sessions.set(len(relay.streams))
        relay.writer.submit(
            Call(
                lambda transaction: transaction.book.leave(stream),
                done=lambda finished: finished.exception(),
            )
        )
