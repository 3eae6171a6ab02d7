"""Replays a session's frames of both sides on the relay's machine.

Owns the way from a vector's steps to `relay.protocol.session`; the extension has its own.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from relay.model import (
    Batch,
    Day,
    DroppedRange,
    RefusalReason,
    Refused,
    SegmentId,
    Seq,
    Stored,
    StreamId,
)
from relay.protocol.effects import Close, Effects, Outcome, Send, Settle, State
from relay.protocol.messages import (
    Ack,
    Challenge,
    Dropped,
    Enrolled,
    Granted,
    Message,
    Policy,
    Pong,
    Refusal,
    SealedBatch,
    Stop,
    Welcome,
    Withdrawn,
    decode_relay,
    encode,
)
from relay.protocol.session import Session

_STREAM: Final = StreamId(bytes(32))


class Replay:
    """A relay's session that says what a vector says, or fails.

    Args:
        steps: The vector's steps.
    """

    def __init__(self, steps: list[dict[str, object]]) -> None:
        self._steps = deque(steps)
        self._said: deque[Message] = deque()
        self._unsettled: dict[int, SealedBatch | Dropped] = {}
        self.fault: str | None = None
        first = decode_relay(bytes.fromhex(str(steps[0]["relay"])))
        assert isinstance(first, Challenge)
        credit = next(
            (
                message.credit
                for step in steps
                if "relay" in step
                for message in [decode_relay(bytes.fromhex(str(step["relay"])))]
                if isinstance(message, Welcome)
            ),
            1,
        )
        self.session = Session(first.nonce, now_ms=0, credit=credit)
        self._take(self.session.open())

    def run(self) -> None:
        """Go through every step; nothing may be left unsaid or follow a fault."""
        while self._steps:
            assert self.fault is None, "a step follows after the session was closed"
            step = self._steps.popleft()
            [(side, value)] = step.items()
            match side, value:
                case "device", str():
                    self._take(self.session.receive(bytes.fromhex(value), 0))
                case "relay", str():
                    self._say(decode_relay(bytes.fromhex(value)))
                case "settled", list():
                    self._take(self.session.settled([self._outcome(*pair) for pair in value]))
                case _:
                    raise AssertionError(f"an unknown step: {side}")
        assert not self._said, f"the relay also says {self._said}"

    def _take(self, effects: Effects) -> None:
        for effect in effects:
            match effect:
                case Send(message):
                    self._said.append(message)
                case Settle(message):
                    first = message.seq if isinstance(message, SealedBatch) else message.first
                    self._unsettled[first] = message
                case Close(fault):
                    self.fault = fault.label
                case _:
                    pass  # verified and recorded elsewhere; the vector's next frame is the answer

    def _say(self, message: Message) -> None:
        """Let the session say this message, which nothing but its own rules may have caused."""
        if not self._said:
            self._take(self._cause(message))
        said = self._said.popleft()
        assert encode(said) == encode(message)

    def _cause(self, message: Message) -> Effects:
        match message:
            case Enrolled() | Refusal() if self.session.state is State.ENROLLING:
                following = decode_relay(bytes.fromhex(str(self._steps[0]["relay"])))
                assert isinstance(following, Challenge)
                return self.session.enrolled(message, following.nonce, 0)
            case Welcome():
                return self.session.greeted(message)
            case Granted() | Withdrawn() | Refusal():
                return self.session.answered(message)
            case Policy(policy):
                return self.session.published(policy)
            case Stop(reason):
                return self.session.stop(reason)
            case Ack() | Pong() | Challenge():
                raise AssertionError(f"nothing causes {message}")
            case _:
                raise AssertionError(f"not replayed: {message}")

    def _outcome(self, seq: int, reason: str | None) -> Outcome:
        message = self._unsettled.pop(seq)
        if isinstance(message, Dropped):
            return DroppedRange(_STREAM, Seq(message.first), Seq(message.last), message.reason)
        if reason is None:
            return Stored(_STREAM, Seq(seq))
        batch = Batch(
            _STREAM,
            Seq(seq),
            SegmentId(message.segment),
            message.signals,
            message.nonce,
            message.ciphertext,
        )
        return Refused(batch, 1, RefusalReason(reason), Day(0))
