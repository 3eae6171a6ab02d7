"""The transition table of a session: which message may come in which state, and what follows.

Owns the table and the diagram drawn from it (protocol.md section 5); `session` obeys it.
"""

from __future__ import annotations

import msgspec

from relay.protocol.effects import State
from relay.protocol.messages import (
    Dropped,
    Enrol,
    Grant,
    Hello,
    Message,
    Ping,
    SealedBatch,
    Segment,
    Withdraw,
)


class Transition(msgspec.Struct, frozen=True):
    """One row: in this state, on this event, say this and go there."""

    state: State
    event: str
    says: str
    then: State
    message: type[Message] | None = None


TABLE: tuple[Transition, ...] = (
    Transition(State.CHALLENGED, "enrol", "", State.ENROLLING, Enrol),
    Transition(State.ENROLLING, "recorded", "enrolled, challenge", State.CHALLENGED),
    Transition(State.ENROLLING, "refused", "refusal, challenge", State.CHALLENGED),
    Transition(State.ENROLLING, "bad signature", "4401", State.CLOSED),
    Transition(State.CHALLENGED, "hello", "", State.GREETING, Hello),
    Transition(State.CHALLENGED, "hello of another version", "4426", State.CLOSED),
    Transition(State.CHALLENGED, "10 s pass", "4408", State.CLOSED),
    Transition(State.GREETING, "recorded", "welcome", State.READY),
    Transition(State.GREETING, "bad signature", "4401", State.CLOSED),
    Transition(State.GREETING, "unknown device", "4403", State.CLOSED),
    Transition(State.READY, "grant", "granted or refusal", State.READY, Grant),
    Transition(State.READY, "withdraw", "withdrawn or refusal", State.READY, Withdraw),
    Transition(State.READY, "segment", "nothing or refusal", State.READY, Segment),
    Transition(State.READY, "batch", "in time ack", State.READY, SealedBatch),
    Transition(State.READY, "dropped", "in time ack", State.READY, Dropped),
    Transition(State.READY, "ping", "pong", State.READY, Ping),
    Transition(State.READY, "a seq is jumped over", "4423", State.CLOSED),
    Transition(State.READY, "a seq repeats with other bytes", "4424", State.CLOSED),
    Transition(State.READY, "too much waits", "4429", State.CLOSED),
    Transition(State.READY, "60 s of silence", "4408", State.CLOSED),
    Transition(State.READY, "a newer session of the stream", "4409", State.CLOSED),
    Transition(State.READY, "acks are not read", "4430", State.CLOSED),
    Transition(State.READY, "nothing can be settled", "retry, 4503", State.CLOSED),
)


def diagram() -> str:
    """Draw `TABLE` as a Mermaid state diagram, the one in protocol.md section 5."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.CHALLENGED}: connect / challenge"]
    lines += [
        f"    {row.state} --> {row.then}: {row.event}" + (f" / {row.says}" if row.says else "")
        for row in TABLE
    ]
    lines += [f"    {State.CLOSED} --> [*]"]
    return "\n".join(lines) + "\n"
