"""One session, however its frames travel: drives a `protocol.session`, carries out its effects.

Owns what a session asks of store and rights; takes no protocol decision, waits for nothing and
knows no transport but as a line to send on.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

import structlog

from relay.errors import CandorError, ProtocolError, StoreError
from relay.ingest import Intake, accept_segment, salt_of
from relay.model import DeviceKey
from relay.protocol.effects import (
    Close,
    Control,
    Effects,
    Fault,
    Outcome,
    Send,
    Settle,
    Transport,
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


class Line(Protocol):
    """What carries a session's messages to its device."""

    def send(self, message: Message) -> None:
        """Send without waiting; end the conversation where the device does not read."""

    def hang_up(self, fault: Fault) -> None:
        """Tell the device why nothing more comes, once; whoever drives the line then leaves."""


class Conversation:
    """A device's session from its challenge to its close.

    Args:
        relay: What all conversations share.
        line: Carries its messages.
        transport: What the line is.
        key: The only device key it may be with; any where absent.
    """

    def __init__(
        self, relay: Relay, line: Line, transport: Transport, key: DeviceKey | None = None
    ) -> None:
        settings = relay.settings
        self.nonce = os.urandom(NONCE_BYTES)
        self.session = Session(
            self.nonce,
            now_ms=int(relay.loop.time() * 1000),
            credit=settings.credit,
            challenge_ms=int(settings.hello_timeout_s * 1000),
            silence_ms=int(settings.idle_timeout_s * 1000),
            transport=transport,
        )
        self.gone = asyncio.Event()
        self.fault: Fault | None = None
        self._relay = relay
        self._line = line
        self._transport = transport
        self._key = key
        self._stream: LiveStream | None = None
        self._intake: Intake | None = None
        self._intake_group = -1

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
                self.fault = effect.fault
                self._line.hang_up(effect.fault)

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
        if self.fault is not None:
            return
        if type(message) is Refusal:
            self._relay.metrics.refusals.labels(message.reason).inc()
        self._line.send(message)

    def _hello(self, effect: VerifyHello) -> None:
        hello, current = effect.hello, self._relay.current
        if not self._may_be(hello.device_key):
            return
        try:
            check_hello(hello, effect.nonce, current)
        except ProtocolError as error:
            self.ended(fault_of(error))
            return
        self._ask(
            lambda transaction: greet(transaction, hello, today()), partial(self._greeted, hello)
        )

    def _may_be(self, key: bytes) -> bool:
        """Tell whether this may be with that device; end the session if not."""
        if self._key is None or key == self._key:
            return True
        self.ended(Fault.BAD_SIGNATURE)
        return False

    def _greeted(self, hello: Hello, greeting: Greeting) -> None:
        relay = self._relay
        self._stream = stream = greeting.stream
        if self.fault is not None or self.gone.is_set():
            self._forget_stream()
            return
        older = relay.streams.get(stream.id)
        relay.streams[stream.id] = self
        relay.metrics.opened(self._transport, len(relay.streams))
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
        if not self._may_be(message.device_key):
            return
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
        """Tell whether this conversation is with the same device as a stream."""
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

    def leave(self, fault: Fault | None = None) -> None:
        """Note that the line is no more, once.

        Args:
            fault: Why, where the line itself found it.
        """
        if self.gone.is_set():
            return
        self.gone.set()
        self.session.close(Fault.GOING_AWAY)
        self.fault = self.fault or fault
        self._relay.metrics.closed(self.fault)
        if self._stream is not None:
            self._forget_stream()
        log.info("session.closed", close_code=int(self.fault or 0))

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
