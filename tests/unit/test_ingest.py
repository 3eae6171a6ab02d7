"""Gate and append as one step: one outcome for each batch, decided where it is committed."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relay.ingest import MAX_LIVE_SEGMENTS
from relay.model import (
    Day,
    DroppedRange,
    DropReason,
    RefusalReason,
    Refused,
    SegmentId,
    Seq,
    Stored,
)
from relay.protocol.effects import Fault
from relay.protocol.messages import Dropped, Refusal, SealedBatch
from tests.support.programme import SIGNALS, Participant
from tests.support.stores import Stores, stored


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    opened = Stores(tmp_path)
    yield opened
    await opened.close()


def batch(person: Participant, seq: int, content: bytes = b"x", signals: int = 3) -> SealedBatch:
    return SealedBatch(*person.batch(seq, signals=signals, content=content)[1:])


def dropped(first: int, last: int, reason: DropReason) -> Dropped:
    return Dropped(Seq(first), Seq(last), reason)


def elsewhere(seq: int, signals: int, content: bytes) -> SealedBatch:
    return SealedBatch(Seq(seq), SegmentId(bytes(16)), signals, seq.to_bytes(12), content)


async def test_each_message_gets_one_outcome_in_order(stores: Stores) -> None:
    person = Participant(stores.programme)
    stream = await stores.recording(person)
    told = await stores.settle(
        stream,
        batch(person, 1),
        batch(person, 2, signals=4),
        dropped(3, 5, DropReason.OUTBOX_FULL),
        batch(person, 6),
    )
    assert [type(outcome) for outcome in told.outcomes] == [Stored, Refused, DroppedRange, Stored]
    assert told.calls == 1
    assert stream.through == 6
    assert stores.rows("SELECT through FROM positions") == [(6,)]
    assert stores.rows("SELECT outcome, app, signals, total FROM counts ORDER BY outcome") == [
        ("dropped:outbox_full", 0, 0, 3),
        ("refused:signal_not_granted", 1, 4, 1),
        ("stored", 1, 3, 2),
    ]


async def test_repeats_get_the_outcome_they_have_and_count_once(stores: Stores) -> None:
    person = Participant(stores.programme)
    stream = await stores.recording(person)
    messages = (
        batch(person, 1),
        batch(person, 2, signals=4),
        dropped(3, 5, DropReason.OUTBOX_FULL),
    )
    first = await stores.settle(stream, *messages)
    again = await stores.settle(stream, *messages, *messages)
    assert [type(outcome) for outcome in again.outcomes] == [
        type(outcome) for outcome in first.outcomes * 2
    ]
    refused = again.outcomes[1]
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.SIGNAL_NOT_GRANTED
    assert stores.rows("SELECT sum(total) FROM counts") == [(5,)]
    assert stores.rows("SELECT count(*) FROM batches") == [(1,)]


@pytest.mark.parametrize(
    "other",
    [
        elsewhere(1, 3, b"x"),
        elsewhere(2, 4, b"y"),
        elsewhere(4, 3, b"x"),
        dropped(1, 1, DropReason.OUTBOX_FULL),
        dropped(3, 4, DropReason.OUTBOX_FULL),
        dropped(3, 5, DropReason.WITHDRAWN),
    ],
)
async def test_a_repeat_with_other_content_is_a_conflict(
    stores: Stores, other: SealedBatch | Dropped
) -> None:
    person = Participant(stores.programme)
    stream = await stores.recording(person)
    await stores.settle(
        stream,
        batch(person, 1),
        batch(person, 2, signals=4),
        dropped(3, 5, DropReason.OUTBOX_FULL),
    )
    told = await stores.settle(stream, batch(person, 6), other, batch(person, 7))
    assert told.outcomes == [stored(stream, 6)]
    assert told.fault is Fault.SEQ_CONFLICT
    assert stores.rows("SELECT through FROM positions") == [(6,)]


async def test_a_superseded_session_appends_nothing(stores: Stores) -> None:
    person = Participant(stores.programme)
    older = await stores.recording(person)
    newer = await stores.greet(person)
    told = await stores.settle(older, batch(person, 1))
    assert told.outcomes == []
    assert told.fault is Fault.SUPERSEDED
    assert newer.session == older.session + 1
    assert await stores.announce(person, older) is None
    assert stores.rows("SELECT count(*) FROM batches") == [(0,)]


async def test_consent_changes_take_effect_in_order(stores: Stores) -> None:
    person = Participant(stores.programme)
    stream = await stores.recording(person)
    await stores.settle(stream, batch(person, 1))
    receipt = person.receipt_hash
    await stores.grant(person, stream, {})
    person.receipt_hash = receipt
    told = await stores.settle(stream, batch(person, 2))
    (refused,) = told.outcomes
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.WITHDRAWN


async def test_a_grant_lapses_without_contact_and_a_new_one_mends_it(stores: Stores) -> None:
    person = Participant(stores.programme)
    stream = await stores.recording(person)
    later = Day(stores.day + 31)
    stores.writer.book.leave(stream)
    stream = await stores.greet(person, later)
    assert await stores.announce(person, stream) is None
    told = await stores.settle(stream, batch(person, 1), day=later)
    (refused,) = told.outcomes
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.GRANT_LAPSED
    stores.day = later
    await stores.grant(person, stream)
    person.segment_id = os.urandom(16)
    assert await stores.announce(person, stream) is None
    told = await stores.settle(stream, batch(person, 2), day=later)
    assert told.outcomes == [stored(stream, 2)]


async def test_a_session_that_stays_open_is_contact(stores: Stores) -> None:
    person = Participant(stores.programme)
    stream = await stores.recording(person)
    for seq, days in enumerate((20, 40, 60), start=1):
        told = await stores.settle(stream, batch(person, seq), day=Day(stores.day + days))
        assert told.outcomes == [stored(stream, seq)]
    assert stores.rows("SELECT contact_day FROM devices") == [(stores.day + 60,)]


async def test_the_verdict_is_asked_again_when_the_policy_changes(stores: Stores) -> None:
    person = Participant(stores.programme)
    stream = await stores.recording(person)
    await stores.settle(stream, batch(person, 1))
    apps = stores.programme.document()["apps"]
    apps[0]["signals"] = ["pointer"]
    await stores.publish(number=2, apps=apps)
    told = await stores.settle(stream, batch(person, 2), batch(person, 3, signals=1))
    assert [type(outcome) for outcome in told.outcomes] == [Refused, Stored]


async def test_segments_are_kept_once_and_held_to_their_bytes(stores: Stores) -> None:
    person = Participant(stores.programme)
    stream = await stores.recording(person)
    assert await stores.announce(person, stream) is None
    conflict = Refusal(of=36, reason="segment_conflict")
    assert await stores.announce(person, stream, root_hash=b"o" * 32) == conflict
    assert await stores.announce(person, stream, salt=b"o" * 32) == conflict
    assert await stores.announce(person, stream, receipt=b"o" * 32) == Refusal(
        of=36, reason="receipt_unknown"
    )
    assert await stores.announce(person, stream, policy=b"o" * 32) == Refusal(
        of=36, reason="policy_unknown"
    )
    assert stores.rows("SELECT count(*) FROM segments") == [(1,)]


async def test_the_oldest_of_too_many_segments_is_forgotten(stores: Stores) -> None:
    person = Participant(stores.programme)
    stream = await stores.recording(person)
    first = person.segment_id
    for _ in range(MAX_LIVE_SEGMENTS):
        person.segment_id = os.urandom(16)
        await_refusal = stores.announce(person, stream)
        assert await await_refusal is None
    assert len(stream.segments) == MAX_LIVE_SEGMENTS
    person.segment_id = first
    told = await stores.settle(stream, batch(person, 1))
    (refused,) = told.outcomes
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.SEGMENT_UNKNOWN
    assert await stores.announce(person, stream) is None


async def test_a_device_grants_for_all_its_streams(stores: Stores) -> None:
    person = Participant(stores.programme)
    first = await stores.recording(person)
    person.salt = os.urandom(16)
    second = await stores.greet(person)
    assert second.device is first.device
    await stores.grant(person, second, {1: SIGNALS[:1]})
    assert first.device.epoch == 2
    stores.writer.book.leave(first)
    assert stores.writer.book.devices
    stores.writer.book.leave(second)
    assert not stores.writer.book.devices
