"""The session: order, numbering, credit, acks, and no way past the table."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.model import (
    Batch,
    Day,
    DroppedRange,
    DropReason,
    RefusalReason,
    Refused,
    SegmentId,
    Seq,
    Stored,
    StreamId,
)
from relay.protocol import messages as m
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
from relay.protocol.session import MAX_WAITING_CONTROL, Session
from relay.protocol.transitions import TABLE, diagram

STREAM = StreamId(b"t" * 32)
NONCE = b"n" * 32
HELLO = m.Hello(b"k" * 32, b"s" * 16, "pilot", None, b"p" * 32, 1, 1, None, b"x" * 64)
ENROL = m.Enrol(b"k" * 32, b"p" * 1216, "pilot", b"c" * 16, b"x" * 64, b"sealed", None, b"x" * 64)
GRANT = m.Grant(b"{}", b"x" * 64)
WITHDRAW = m.Withdraw(0, b"{}", b"x" * 64, b"x" * 64)
SEGMENT = m.Segment(
    b"i" * 16,
    1,
    0,
    b"r" * 32,
    b"p" * 32,
    b"a" * 16,
    b"b" * 16,
    b"c" * 16,
    b"h" * 32,
    b"l" * 32,
    b"root",
    b"own",
)
PING = m.Ping(5)
EXAMPLES = {
    m.Hello: HELLO,
    m.Enrol: ENROL,
    m.Grant: GRANT,
    m.Withdraw: WITHDRAW,
    m.Segment: SEGMENT,
    m.SealedBatch: m.SealedBatch(Seq(1), SegmentId(b"i" * 16), 3, b"n" * 12, b"x"),
    m.Dropped: m.Dropped(Seq(1), Seq(2), DropReason.OUTBOX_FULL),
    m.Ping: PING,
}


def batch(seq: int, content: bytes = b"x") -> m.SealedBatch:
    return m.SealedBatch(Seq(seq), SegmentId(b"i" * 16), 3, b"n" * 12, content)


def dropped(first: int, last: int, reason: DropReason = DropReason.OUTBOX_FULL) -> m.Dropped:
    return m.Dropped(Seq(first), Seq(last), reason)


def stored(seq: int) -> Stored:
    return Stored(STREAM, Seq(seq))


def refused(seq: int, reason: RefusalReason = RefusalReason.WITHDRAWN) -> Refused:
    content = Batch(STREAM, Seq(seq), SegmentId(b"i" * 16), 3, b"n" * 12, b"x")
    return Refused(content, 1, reason, Day(20_000))


def gone(first: int, last: int) -> DroppedRange:
    return DroppedRange(STREAM, Seq(first), Seq(last), DropReason.OUTBOX_FULL)


def welcome(resume: int = 0) -> m.Welcome:
    return m.Welcome(1, resume, None, None, 1_795_000_000_000, 4, None, None)


def new(credit: int = 4) -> Session:
    return Session(NONCE, now_ms=0, credit=credit)


def ready(resume: int = 0, credit: int = 4) -> Session:
    session = new(credit)
    send(session, HELLO)
    session.greeted(welcome(resume))
    return session


def send(session: Session, message: m.Message, now_ms: int = 0) -> Effects:
    return session.receive(m.encode(message), now_ms)


def state_of(session: Session) -> State:
    return session.state


def ack(through: int, *refusals: tuple[int, str]) -> Effects:
    return (Send(m.Ack(through, tuple(m.RefusedSeq(*item) for item in refusals))),)


# ---------------------------------------------------------------------------------- the opening


def test_the_relay_speaks_first() -> None:
    assert new().open() == (Send(m.Challenge(NONCE, 1, None)),)


def test_hello_is_verified_under_the_nonce_and_welcomed() -> None:
    session = new()
    assert send(session, HELLO) == (VerifyHello(HELLO, NONCE),)
    assert state_of(session) is State.GREETING
    assert session.greeted(welcome(7)) == (Send(welcome(7)),)
    assert state_of(session) is State.READY
    assert session.announced == session.through == 7


def test_enrol_is_answered_with_a_fresh_challenge() -> None:
    session = new()
    assert send(session, ENROL) == (VerifyEnrol(ENROL, NONCE),)
    reply = m.Enrolled(b"d" * 32, 20_000, b"x" * 64)
    effects = session.enrolled(reply, b"2" * 32, 5_000)
    assert effects == (Send(reply), Send(m.Challenge(b"2" * 32, 1, None)))
    assert session.tick(14_999) == ()
    assert send(session, HELLO, 14_999) == (VerifyHello(HELLO, b"2" * 32),)


def test_a_refused_enrolment_may_be_tried_again() -> None:
    session = new()
    send(session, ENROL)
    session.enrolled(m.Refusal(33, "code_spent"), b"2" * 32, 0)
    assert session.state is State.CHALLENGED


@pytest.mark.parametrize("message", [HELLO, ENROL])
def test_a_challenge_lasts_ten_seconds(message: m.Message) -> None:
    assert send(new(), message, 10_000) == (Close(Fault.TIMEOUT),)
    session = new()
    assert session.tick(9_999) == ()
    assert session.tick(10_000) == (Close(Fault.TIMEOUT),)


def test_another_version_is_told_to_upgrade() -> None:
    other = m.Hello(b"k" * 32, b"s" * 16, "pilot", None, b"p" * 32, 2, 1, None, b"x" * 64)
    assert send(new(), other) == (Close(Fault.UPGRADE_REQUIRED),)


@pytest.mark.parametrize("transport", Transport)
def test_a_hello_says_how_it_travels(transport: Transport) -> None:
    for said in Transport:
        session = Session(NONCE, now_ms=0, credit=4, transport=transport)
        hello = m.Hello(
            b"k" * 32, b"s" * 16, "pilot", None, b"p" * 32, 1, int(said), None, b"x" * 64
        )
        expected = VerifyHello(hello, NONCE) if said is transport else Close(Fault.MALFORMED)
        assert send(session, hello) == (expected,)


def test_a_session_owes_an_answer_until_it_gave_it() -> None:
    session = new()
    assert not session.owes
    send(session, ENROL)
    assert session.owes
    session.enrolled(m.Refusal(33, "code_spent"), NONCE, 0)
    assert not session.owes
    send(session, HELLO)
    assert session.owes
    session.greeted(welcome())
    assert not session.owes
    send(session, PING)
    assert not session.owes
    send(session, batch(1))
    assert session.owes
    session.settled([stored(1)])
    assert not session.owes


def test_results_that_come_too_late_change_nothing() -> None:
    session = new()
    session.close(Fault.GOING_AWAY)
    assert session.greeted(welcome()) == ()
    assert session.enrolled(m.Refusal(33, "code_spent"), NONCE, 0) == ()
    assert session.answered(None) == ()
    assert session.settled([stored(1)]) == ()
    assert session.unavailable(1, "busy") == ()
    assert session.published(m.SignedPolicy(b"{}", b"x" * 64, b"x" * 64)) == ()
    assert session.stop("stopped") == ()
    assert session.close(Fault.TIMEOUT) == ()
    assert session.state is State.CLOSED


# -------------------------------------------------------------------------------------- the table


@pytest.mark.parametrize(("state", "kind"), list(itertools.product(State, EXAMPLES)), ids=str)
def test_a_message_is_taken_exactly_where_the_table_says(
    state: State, kind: type[m.Message]
) -> None:
    session = new()
    session.state = state
    effects = send(session, EXAMPLES[kind])
    if any(row.state is state and row.message is kind for row in TABLE):
        assert effects
        assert not any(isinstance(effect, Close) for effect in effects)
    elif state is State.CLOSED:
        assert effects == ()
    else:
        assert effects == (Close(Fault.UNEXPECTED_MESSAGE),)


def test_the_document_shows_the_table() -> None:
    document = Path(__file__, "../../../relay/docs/protocol.md").resolve().read_text("utf-8")
    drawn = re.findall(r"```mermaid\n(stateDiagram.*?)```", document, re.DOTALL)
    assert drawn == [diagram()]


def test_the_document_lists_every_close_code() -> None:
    document = Path(__file__, "../../../relay/docs/protocol.md").resolve().read_text("utf-8")
    listed = dict(re.findall(r"^\| (\d{4}) \| (\w+) \|", document, re.MULTILINE))
    assert listed == {str(int(fault)): fault.label for fault in Fault}


def test_a_malformed_frame_closes() -> None:
    assert ready().receive(b"\xc1", 0) == (Close(Fault.MALFORMED),)


def test_nothing_follows_a_close() -> None:
    session = ready()
    session.receive(b"\xc1", 0)
    assert send(session, PING) == ()
    assert session.tick(10**9) == ()


# ------------------------------------------------------------------------------------ numbering


def test_batches_are_settled_in_order_and_acked_together() -> None:
    session = ready()
    for seq in (1, 2, 3):
        assert send(session, batch(seq)) == (Settle(batch(seq)),)
    assert session.waiting == 3
    assert session.settled([stored(1), stored(2), stored(3)]) == ack(3)
    assert session.waiting == 0


def test_the_ack_waits_for_the_gap() -> None:
    session = ready()
    for seq in (1, 2, 3):
        send(session, batch(seq))
    assert session.settled([stored(3), refused(2)]) == ()
    assert session.settled([stored(1)]) == ack(3, (2, "withdrawn"))


def test_a_refusal_beyond_the_gap_is_told_when_the_ack_passes_it() -> None:
    session = ready()
    for seq in (1, 2, 3):
        send(session, batch(seq))
    session.settled([refused(3)])
    assert session.settled([refused(1)]) == ack(1, (1, "withdrawn"))
    assert session.settled([stored(2)]) == ack(3, (3, "withdrawn"))


def test_a_refusal_is_told_once() -> None:
    session = ready()
    send(session, batch(1))
    session.settled([refused(1)])
    send(session, batch(2))
    assert session.settled([stored(2)]) == ack(2)


def test_numbering_goes_on_after_resume() -> None:
    session = ready(resume=41)
    assert send(session, batch(42)) == (Settle(batch(42)),)
    assert session.settled([stored(42)]) == ack(42)


def test_a_jump_closes() -> None:
    assert send(ready(), batch(2)) == (Close(Fault.SEQ_GAP),)
    assert send(ready(), dropped(2, 3)) == (Close(Fault.SEQ_GAP),)


def test_a_repeat_of_what_waits_is_settled_once() -> None:
    session = ready()
    send(session, batch(1))
    assert send(session, batch(1)) == ()
    assert session.settled([stored(1)]) == ack(1)


def test_a_repeat_with_other_bytes_closes() -> None:
    session = ready()
    send(session, batch(1))
    assert send(session, batch(1, b"other")) == (Close(Fault.SEQ_CONFLICT),)


def test_a_repeat_of_what_is_settled_is_looked_up_and_acked_again() -> None:
    session = ready(resume=5)
    assert send(session, batch(3)) == (Settle(batch(3)),)
    assert session.waiting == 1
    assert session.settled([refused(3)]) == ack(5, (3, "withdrawn"))
    assert session.waiting == 0


def test_repeats_count_against_the_credit() -> None:
    session = ready(resume=9, credit=2)
    send(session, batch(1))
    send(session, batch(2))
    assert send(session, batch(3)) == (Close(Fault.CREDIT_EXCEEDED),)


def test_a_batch_within_a_dropped_range_that_waits_closes() -> None:
    session = ready()
    send(session, dropped(1, 3))
    assert send(session, batch(2)) == (Close(Fault.SEQ_CONFLICT),)


def test_a_dropped_range_passes_the_ack() -> None:
    session = ready()
    send(session, batch(1))
    assert send(session, dropped(2, 9)) == (Settle(dropped(2, 9)),)
    send(session, batch(10))
    assert session.settled([stored(1), gone(2, 9), stored(10)]) == ack(10)


def test_a_dropped_range_beyond_the_gap_waits_for_it() -> None:
    session = ready()
    send(session, batch(1))
    send(session, dropped(2, 9))
    assert session.settled([gone(2, 9)]) == ()
    assert session.settled([stored(1)]) == ack(9)


def test_repeated_ranges() -> None:
    session = ready()
    send(session, dropped(1, 3))
    assert send(session, dropped(1, 3)) == ()
    session.settled([gone(1, 3)])
    assert send(session, dropped(1, 3)) == (Settle(dropped(1, 3)),)
    assert session.settled([gone(1, 3)]) == ack(3)
    assert send(session, dropped(2, 9)) == (Close(Fault.SEQ_CONFLICT),)


def test_a_repeated_range_with_another_end_closes() -> None:
    session = ready()
    send(session, dropped(1, 3))
    assert send(session, dropped(1, 2)) == (Close(Fault.SEQ_CONFLICT),)


def test_a_range_over_a_batch_that_waits_closes() -> None:
    session = ready()
    send(session, batch(1))
    assert send(session, dropped(1, 1)) == (Close(Fault.SEQ_CONFLICT),)


# --------------------------------------------------------------------------------------- credit


def test_one_batch_beyond_the_credit_closes() -> None:
    session = ready(credit=2)
    send(session, batch(1))
    send(session, batch(2))
    assert send(session, batch(3)) == (Close(Fault.CREDIT_EXCEEDED),)


def test_an_ack_gives_credit_back() -> None:
    session = ready(credit=2)
    send(session, batch(1))
    send(session, batch(2))
    session.settled([stored(1)])
    assert send(session, batch(3)) == (Settle(batch(3)),)


def test_what_is_settled_but_not_acked_still_uses_credit() -> None:
    session = ready(credit=2)
    send(session, batch(1))
    send(session, batch(2))
    session.settled([stored(2)])
    assert send(session, batch(3)) == (Close(Fault.CREDIT_EXCEEDED),)


def test_ranges_and_control_messages_have_a_bound_of_their_own() -> None:
    session = ready(credit=1)
    send(session, batch(1))
    for _ in range(MAX_WAITING_CONTROL - 1):
        assert send(session, SEGMENT) == (Control(SEGMENT),)
    assert send(session, dropped(2, 2)) == (Settle(dropped(2, 2)),)
    assert session.waiting == MAX_WAITING_CONTROL + 1
    assert send(session, dropped(3, 3)) == (Close(Fault.CREDIT_EXCEEDED),)


def test_too_many_control_messages_close() -> None:
    session = ready()
    for _ in range(MAX_WAITING_CONTROL):
        send(session, GRANT)
    assert send(session, GRANT) == (Close(Fault.CREDIT_EXCEEDED),)


# ------------------------------------------------------------------------------- everything else


@pytest.mark.parametrize("message", [GRANT, WITHDRAW, SEGMENT])
def test_control_messages_are_acted_on_and_answered(message: m.Message) -> None:
    session = ready()
    effects = send(session, message)
    assert len(effects) == 1
    assert isinstance(effects[0], Control)
    reply = m.Refusal(m.type_of(message), "receipt_unknown")
    assert session.answered(reply) == (Send(reply),)
    assert session.waiting == 0


def test_an_accepted_segment_gets_no_answer() -> None:
    session = ready()
    send(session, SEGMENT)
    assert session.answered(None) == ()


def test_a_ping_is_echoed() -> None:
    assert send(ready(), PING) == (Send(m.Pong(5)),)


def test_silence_closes_and_a_ping_keeps() -> None:
    session = ready()
    send(session, PING, 30_000)
    assert session.tick(89_999) == ()
    assert session.tick(90_000) == (Close(Fault.TIMEOUT),)


def test_a_failed_store_gives_no_outcome() -> None:
    session = ready()
    send(session, batch(1))
    assert session.unavailable(2_000, "store_full") == (
        Send(m.Retry(2_000, "store_full")),
        Close(Fault.UNAVAILABLE),
    )
    assert session.through == 0


def test_policy_and_stop_reach_only_greeted_devices() -> None:
    policy = m.SignedPolicy(b"{}", b"x" * 64, b"x" * 64)
    assert new().published(policy) == ()
    assert new().stop("stopped") == ()
    assert ready().published(policy) == (Send(m.Policy(policy)),)
    assert ready().stop("stopped") == (Send(m.Stop("stopped")),)


@settings(max_examples=200)
@given(st.data())
def test_announced_equals_outcomes_plus_unsettled(data: st.DataObject) -> None:
    session = ready(credit=8)
    unsettled: list[int] = []
    told: dict[int, str] = {}
    outcome: Outcome
    for _ in range(data.draw(st.integers(1, 60))):
        if len(unsettled) < 8 and data.draw(st.booleans()):
            seq = session.announced + 1
            effects = send(session, batch(seq))
            if effects == (Close(Fault.CREDIT_EXCEEDED),):
                return
            assert effects == (Settle(batch(seq)),)
            unsettled.append(seq)
        elif unsettled:
            seq = data.draw(st.sampled_from(unsettled))
            unsettled.remove(seq)
            outcome = refused(seq) if data.draw(st.booleans()) else stored(seq)
            for effect in session.settled([outcome]):
                assert isinstance(effect, Send)
                assert isinstance(effect.message, m.Ack)
                assert effect.message.through == session.through
                for item in effect.message.refused:
                    assert item.seq <= session.through
                    assert item.seq not in told
                    told[item.seq] = item.reason
        expected = min(unsettled, default=session.announced + 1) - 1
        assert session.through == expected
        assert session.waiting == len(unsettled)


def outcome_of(message: m.SealedBatch | m.Dropped, *, refuse: bool) -> Outcome:
    if isinstance(message, m.Dropped):
        return gone(message.first, message.last)
    return refused(message.seq) if refuse else stored(message.seq)


def act(
    session: Session, step: m.Message | bytes | str, settling: list[m.SealedBatch | m.Dropped]
) -> Effects:
    """Give a session a frame, or one of the results it may be told."""
    if isinstance(step, bytes):
        return session.receive(step, 1)
    if isinstance(step, m.Message):
        return send(session, step, 1)
    if step in {"stored", "refused"} and settling:
        return session.settled([outcome_of(settling.pop(0), refuse=step == "refused")])
    if step == "answered" and session.waiting > len(settling):
        return session.answered(None)
    if step == "greeted":
        return session.greeted(welcome())
    if step == "enrolled":
        return session.enrolled(m.Refusal(33, "code_spent"), NONCE, 1)
    return session.tick(2)


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(list(EXAMPLES.values())),
            st.builds(batch, st.integers(1, 6)),
            st.builds(dropped, st.integers(1, 4), st.integers(4, 6)),
            st.binary(max_size=12),
            st.sampled_from(["stored", "refused", "answered", "greeted", "enrolled", "tick"]),
        ),
        max_size=40,
    )
)
def test_whatever_a_device_sends_there_is_one_close_and_no_error(
    steps: list[m.Message | bytes | str],
) -> None:
    session = new()
    closes = 0
    settling: list[m.SealedBatch | m.Dropped] = []
    for step in steps:
        for effect in act(session, step, settling):
            closes += isinstance(effect, Close)
            if isinstance(effect, Settle):
                settling.append(effect.message)
            if isinstance(effect, Send) and isinstance(effect.message, m.Ack):
                assert effect.message.through == session.through <= session.announced
        assert closes <= 1
        assert (closes == 1) is (session.state is State.CLOSED)
