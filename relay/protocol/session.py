"""One connection's protocol state, obeying `transitions.TABLE` (protocol.md section 5).

Owns which message may come when, the numbering of seqs, and what an ack may say. Never does I/O,
reads a clock, verifies a signature or decides about consent: those are effects it asks for and
results it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from relay.errors import ProtocolError
from relay.model import DroppedRange, Refused, Stored
from relay.protocol.effects import (
    Close,
    Control,
    Effects,
    Fault,
    Outcome,
    Send,
    Settle,
    State,
    Transport,
    VerifyEnrol,
    VerifyHello,
)
from relay.protocol.messages import (
    PROTOCOL_VERSION,
    Ack,
    Challenge,
    Dropped,
    Enrol,
    Enrolled,
    Grant,
    Granted,
    Hello,
    Message,
    Ping,
    Policy,
    Pong,
    Refusal,
    RefusedSeq,
    Retry,
    SealedBatch,
    Segment,
    SignedPolicy,
    Stop,
    Welcome,
    Withdraw,
    Withdrawn,
    decode_device,
)
from relay.protocol.transitions import TABLE

CHALLENGE_MS: Final = 10_000
SILENCE_MS: Final = 60_000
MAX_WAITING_CONTROL: Final = 256
_NOTHING: Effects = ()


class Session:
    """The relay's side of one connection.

    Every method returns effects to carry out in order. After a `Close` every method returns none.

    Args:
        nonce: 32 random bytes, used once.
        now_ms: A monotonic clock in ms, the same for every later `now_ms`.
        credit: Batches that may wait for their ack, 1-1024.
        challenge_ms: How long a challenge lasts.
        silence_ms: How long a greeted device may be silent.
        transport: How its frames travel, which its hello must say.
    """

    __slots__ = (
        "_ahead",
        "_batches",
        "_challenge_ms",
        "_control",
        "_credit",
        "_deadline_ms",
        "_drops",
        "_heard_ms",
        "_nonce",
        "_refused",
        "_replays",
        "_silence_ms",
        "_transport",
        "_unacked",
        "announced",
        "state",
        "through",
    )

    def __init__(
        self,
        nonce: bytes,
        *,
        now_ms: int,
        credit: int,
        challenge_ms: int = CHALLENGE_MS,
        silence_ms: int = SILENCE_MS,
        transport: Transport = Transport.WEBSOCKET,
    ) -> None:
        self.state = State.CHALLENGED
        self.announced = 0
        self.through = 0
        self._nonce = nonce
        self._credit = credit
        self._challenge_ms = challenge_ms
        self._silence_ms = silence_ms
        self._transport = transport
        self._deadline_ms = now_ms + challenge_ms
        self._heard_ms = now_ms
        self._batches: dict[int, SealedBatch] = {}
        self._drops: dict[int, Dropped] = {}
        self._ahead: dict[int, tuple[int, int]] = {}
        self._refused: list[RefusedSeq] = []
        self._unacked = 0
        self._replays = 0
        self._control = 0

    # ----------------------------------------------------------------------------------- inputs

    def open(self) -> Effects:
        """Start the conversation: the relay speaks first."""
        return (Send(Challenge(nonce=self._nonce, version=PROTOCOL_VERSION, reserved=None)),)

    def receive(self, frame: bytes, now_ms: int) -> Effects:
        """Take one binary frame."""
        self._heard_ms = now_ms
        try:
            message = decode_device(frame)
        except ProtocolError:
            return self.close(Fault.MALFORMED)
        action = self._ACTIONS[self.state].get(type(message))
        if action is None:
            return self.close(Fault.UNEXPECTED_MESSAGE)
        return action(self, message)

    def tick(self, now_ms: int) -> Effects:
        """Notice that time has passed; call about once a second."""
        if self.state is State.CHALLENGED:
            late = now_ms >= self._deadline_ms
        else:
            late = now_ms - self._heard_ms >= self._silence_ms
        return self.close(Fault.TIMEOUT) if late else _NOTHING

    def close(self, fault: Fault) -> Effects:
        """End the session for this reason, once."""
        if self.state is State.CLOSED:
            return _NOTHING
        self.state = State.CLOSED
        return (Close(fault),)

    def enrolled(self, reply: Enrolled | Refusal, nonce: bytes, now_ms: int) -> Effects:
        """Answer the enrolment and challenge anew with a fresh nonce."""
        if self.state is not State.ENROLLING:
            return _NOTHING
        self.state = State.CHALLENGED
        self._nonce = nonce
        self._deadline_ms = now_ms + self._challenge_ms
        return (Send(reply), *self.open())

    def greeted(self, welcome: Welcome) -> Effects:
        """Open the stream after its `resume`."""
        if self.state is not State.GREETING:
            return _NOTHING
        self.state = State.READY
        self.announced = self.through = welcome.resume
        return (Send(welcome),)

    def answered(self, reply: Granted | Withdrawn | Refusal | None) -> Effects:
        """Send the answer to a `Control` effect; None for a segment that was accepted."""
        if self.state is State.CLOSED:
            return _NOTHING
        self._control -= 1
        return _NOTHING if reply is None else (Send(reply),)

    def settled(self, outcomes: Sequence[Outcome]) -> Effects:
        """Take outcomes that are durable, in order, and ack them with one message.

        Args:
            outcomes: What one commit settled of this session's `Settle` effects.
        """
        if self.state is State.CLOSED:
            return _NOTHING
        before = self.through
        again = False
        for outcome in outcomes:
            if type(outcome) is Stored:
                first = last = outcome.seq
            elif type(outcome) is Refused:
                first = last = outcome.batch.seq
                self._refused.append(RefusedSeq(seq=first, reason=outcome.reason.value))
            else:
                assert type(outcome) is DroppedRange  # noqa: S101 - the union has no more members
                first, last = outcome.first, outcome.last
            if first in self._batches:
                del self._batches[first]
                batches = 1
            elif first in self._drops:
                del self._drops[first]
                self._control -= 1
                batches = 0
            else:
                self._replays -= 1
                again = True
                continue
            if first == self.through + 1:
                self.through = last
                self._unacked -= batches
            else:
                self._ahead[first] = (last, batches)
        while self._ahead and (next_up := self._ahead.pop(self.through + 1, None)):
            self.through, batches = next_up
            self._unacked -= batches
        return self._ack() if again or self.through != before else _NOTHING

    def unavailable(self, after_ms: int, reason: str) -> Effects:
        """Give no outcome and send the device away for a while."""
        if self.state is State.CLOSED:
            return _NOTHING
        return (Send(Retry(after_ms=after_ms, reason=reason)), *self.close(Fault.UNAVAILABLE))

    def published(self, policy: SignedPolicy) -> Effects:
        """Tell a greeted device about a newer policy."""
        return (Send(Policy(policy=policy)),) if self.state is State.READY else _NOTHING

    def stop(self, reason: str) -> Effects:
        """Tell a greeted device to record nothing any more."""
        return (Send(Stop(reason=reason)),) if self.state is State.READY else _NOTHING

    @property
    def owes(self) -> bool:
        """Whether something received has no answer yet."""
        return self.waiting > 0 or self.state in {State.ENROLLING, State.GREETING}

    @property
    def waiting(self) -> int:
        """Batches, ranges and control messages that have no answer yet."""
        return len(self._batches) + self._replays + self._control

    # ---------------------------------------------------------------------------------- actions

    def _on_enrol(self, message: Enrol) -> Effects:
        if self._heard_ms >= self._deadline_ms:
            return self.close(Fault.TIMEOUT)
        self.state = State.ENROLLING
        return (VerifyEnrol(message, self._nonce),)

    def _on_hello(self, message: Hello) -> Effects:
        if self._heard_ms >= self._deadline_ms:
            return self.close(Fault.TIMEOUT)
        if message.version != PROTOCOL_VERSION:
            return self.close(Fault.UPGRADE_REQUIRED)
        if message.transport != self._transport:
            return self.close(Fault.MALFORMED)
        self.state = State.GREETING
        return (VerifyHello(message, self._nonce),)

    def _on_control(self, message: Grant | Withdraw | Segment) -> Effects:
        if self._control >= MAX_WAITING_CONTROL:
            return self.close(Fault.CREDIT_EXCEEDED)
        self._control += 1
        return (Control(message),)

    def _on_batch(self, message: SealedBatch) -> Effects:
        seq = message.seq
        if seq == self.announced + 1:
            if self._unacked + self._replays >= self._credit:
                return self.close(Fault.CREDIT_EXCEEDED)
            self.announced = seq
            self._batches[seq] = message
            self._unacked += 1
            return (Settle(message),)
        if seq > self.announced:
            return self.close(Fault.SEQ_GAP)
        unsettled = self._batches.get(seq)
        if unsettled is not None:
            return _NOTHING if unsettled == message else self.close(Fault.SEQ_CONFLICT)
        return self._replay(message, seq)

    def _on_dropped(self, message: Dropped) -> Effects:
        if message.first == self.announced + 1:
            if self._control >= MAX_WAITING_CONTROL:
                return self.close(Fault.CREDIT_EXCEEDED)
            self.announced = message.last
            self._drops[message.first] = message
            self._control += 1
            return (Settle(message),)
        if message.first > self.announced:
            return self.close(Fault.SEQ_GAP)
        unsettled = self._drops.get(message.first)
        if unsettled is not None:
            return _NOTHING if unsettled == message else self.close(Fault.SEQ_CONFLICT)
        if message.last > self.announced or message.first in self._batches:
            return self.close(Fault.SEQ_CONFLICT)
        return self._replay(message, message.first)

    def _on_ping(self, message: Ping) -> Effects:
        return (Send(Pong(echo=message.echo)),)

    def _replay(self, message: SealedBatch | Dropped, seq: int) -> Effects:
        """Ask what became of a seq that no longer waits here."""
        if any(drop.first < seq <= drop.last for drop in self._drops.values()):
            return self.close(Fault.SEQ_CONFLICT)
        if self._unacked + self._replays >= self._credit:
            return self.close(Fault.CREDIT_EXCEEDED)
        self._replays += 1
        return (Settle(message),)

    def _ack(self) -> Effects:
        """Say how far everything is settled, and which of it was refused."""
        passed = tuple(item for item in self._refused if item.seq <= self.through)
        if passed:
            self._refused = [item for item in self._refused if item.seq > self.through]
        return (Send(Ack(through=self.through, refused=passed)),)

    _ACTION_OF: Final[Mapping[type[Message], Callable[[Session, Any], Effects]]] = {
        Enrol: _on_enrol,
        Hello: _on_hello,
        Grant: _on_control,
        Withdraw: _on_control,
        Segment: _on_control,
        SealedBatch: _on_batch,
        Dropped: _on_dropped,
        Ping: _on_ping,
    }
    _ACTIONS: Final = {
        state: {
            row.message: action_of[row.message]
            for row in TABLE
            if row.state is state and row.message is not None
        }
        for action_of in (_ACTION_OF,)
        for state in State
    }
