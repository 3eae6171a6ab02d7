"""What happens to announced batches: gate, then append, one outcome each.

Owns the order of the stages, inside the writer's transaction, so that a decision and its commit
see the same consent. Never decides by itself (the gate does) and never sends anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from relay.consent.gate import SegmentFacts, batch_verdict, contact_day, segment_verdict
from relay.errors import StoreError
from relay.model import (
    Admitted,
    Batch,
    Day,
    KeyId,
    PolicyHash,
    ReceiptHash,
    RefusalReason,
    Refused,
    SegmentId,
    Stored,
)
from relay.protocol.effects import Fault, Outcome
from relay.protocol.messages import Dropped, Refusal, SealedBatch, Segment, type_of
from relay.store.batches import UNKNOWN_APP, Conflict
from relay.store.book import Book, Ground, LiveDevice, LiveSegment, LiveStream
from relay.store.control import insert_segment, set_contact_day
from relay.store.salts import Salt
from relay.store.writer import Transaction

STOPPED: Final = False
"""No message stops a programme in v1 before its window ends."""
MAX_LIVE_SEGMENTS: Final = 1024
"""Segments one session may refer to; the oldest announced is forgotten first."""

SEGMENT_CONFLICT: Final = "segment_conflict"
RECEIPT_UNKNOWN: Final = "receipt_unknown"
POLICY_UNKNOWN: Final = "policy_unknown"


class Receiver(Protocol):
    """The connection whose batches are settled."""

    def settled(self, outcomes: Sequence[Outcome]) -> None:
        """Learn outcomes that are durable, in order."""

    def ended(self, fault: Fault) -> None:
        """Learn that the session must end."""

    def unavailable(self, error: StoreError) -> None:
        """Learn that nothing was settled for a passing reason."""


class Intake:
    """Batches and dropped ranges of one session, settled in one commit.

    Args:
        stream: The session they came in.
        receiver: Told afterwards.
        today: The relay's UTC day, asked at the commit.
    """

    salts: Sequence[Salt] = ()

    __slots__ = ("_broken", "_fault", "_outcomes", "_receiver", "_stream", "_today", "messages")

    def __init__(self, stream: LiveStream, receiver: Receiver, today: Callable[[], Day]) -> None:
        self.messages: list[SealedBatch | Dropped] = []
        self._stream = stream
        self._receiver = receiver
        self._today = today
        self._outcomes: list[Outcome] = []
        self._fault: Fault | None = None
        self._broken = False

    def apply(self, transaction: Transaction) -> None:
        """Give each message its one outcome."""
        stream = self._stream
        if not stream.alive:
            self._broken = stream.broken
            self._fault = Fault.SUPERSEDED
            return
        today = self._today()
        note_contact(transaction, stream.device, today)
        ground = ground_of(transaction.book, stream.device, today)
        outcome: Outcome | Conflict
        for message in self.messages:
            if type(message) is SealedBatch:
                outcome = settle_batch(transaction, stream, message, ground)
            else:
                assert type(message) is Dropped  # noqa: S101 - the union has no more members
                outcome = settle_drop(transaction, stream, message, today)
            if isinstance(outcome, Conflict):
                self._fault = Fault.SEQ_CONFLICT
                return
            self._outcomes.append(outcome)

    def committed(self) -> None:
        """Pass the outcomes on, now that they are durable."""
        if self._outcomes:
            self._receiver.settled(self._outcomes)
        if self._broken:
            self._receiver.unavailable(_reopen())
        elif self._fault is not None:
            self._receiver.ended(self._fault)

    def failed(self, error: StoreError) -> None:
        """Pass on that nothing was settled."""
        self._receiver.unavailable(error)


def note_contact(transaction: Transaction, device: LiveDevice, today: Day) -> None:
    """Record, once a day, that a device is here."""
    consent = device.consent
    day = contact_day(consent.last_contact_day, today)
    if day != consent.last_contact_day:
        set_contact_day(transaction.db, device.row, day)
        device.consent = msgspec.structs.replace(consent, last_contact_day=day)


def settle_batch(
    transaction: Transaction, stream: LiveStream, message: SealedBatch, ground: Ground
) -> Stored | Refused | Conflict:
    """Admit and append a batch, or refuse it; a repeat gets the outcome it has."""
    batch = Batch(
        stream.id,
        message.seq,
        message.segment,
        message.signals,
        message.nonce,
        message.ciphertext,
    )
    today = ground[0]
    if batch.seq <= stream.through:
        return transaction.appends.repeated(stream, batch, today)
    segment = stream.segments.get(batch.segment)
    reason = judge(transaction.book, stream, segment, batch, ground)
    if reason is None and segment is not None:
        return transaction.appends.append(
            stream, segment.row, Admitted(batch, segment.facts.app, today)
        )
    app = UNKNOWN_APP if segment is None else segment.facts.app
    refused = Refused(batch, app, reason or RefusalReason.SEGMENT_UNKNOWN, today)
    return transaction.appends.refuse(stream, refused)


def settle_drop(
    transaction: Transaction, stream: LiveStream, message: Dropped, today: Day
) -> Outcome | Conflict:
    """Record a dropped range; a repeat gets the outcome it has."""
    first, last = message.first, message.last
    if first <= stream.through:
        return transaction.appends.repeated_drop(stream, first, last, message.reason)
    return transaction.appends.drop(stream, first, last, message.reason, today)


def judge(
    book: Book, stream: LiveStream, segment: LiveSegment | None, batch: Batch, ground: Ground
) -> RefusalReason | None:
    """Ask the gate, deciding a segment anew only when its ground changed."""
    today, consent, current = ground
    if segment is None:
        verdict = segment_verdict(None, None, None, current, consent, today=today, stopped=STOPPED)
        return batch_verdict(verdict, batch.signals, len(batch.ciphertext))
    if segment.verdict is None or segment.ground is not ground:
        own = book.policies.get(segment.facts.policy)
        segment.verdict = segment_verdict(
            segment.facts,
            None if own is None else own.terms,
            stream.device.receipts.get(segment.facts.receipt),
            current,
            consent,
            today=today,
            stopped=STOPPED,
        )
        segment.ground = ground
    return batch_verdict(segment.verdict, batch.signals, len(batch.ciphertext))


def ground_of(book: Book, device: LiveDevice, today: Day) -> Ground:
    """Return what verdicts stand on now: the same object until any part of it changes."""
    terms = None if book.current is None else book.current.terms
    ground = device.ground
    if (
        ground is None
        or ground[0] != today
        or ground[1] is not device.consent
        or ground[2] is not terms
    ):
        device.ground = ground = (today, device.consent, terms)
    return ground


def accept_segment(
    transaction: Transaction, stream: LiveStream, message: Segment, day: Day
) -> Refusal | None:
    """Keep a segment's header, or say why its batches would have nothing to stand on.

    Raises:
        StoreError: Storage failed before, and the session must be opened anew.
    """
    if not stream.alive:
        if stream.broken:
            raise _reopen()
        return None
    receipt, policy = ReceiptHash(message.receipt), PolicyHash(message.policy)
    of = type_of(message)
    if receipt not in stream.device.receipts:
        return Refusal(of=of, reason=RECEIPT_UNKNOWN)
    if policy not in transaction.book.policies:
        return Refusal(of=of, reason=POLICY_UNKNOWN)
    segment = SegmentId(message.id)
    row = insert_segment(transaction.db, stream.row, message, day)
    if row is None or transaction.salts.salt_of(stream.id, segment) != message.salt:
        return Refusal(of=of, reason=SEGMENT_CONFLICT)
    if segment not in stream.segments:
        if len(stream.segments) >= MAX_LIVE_SEGMENTS:
            del stream.segments[next(iter(stream.segments))]
        stream.segments[segment] = LiveSegment(
            row=row,
            facts=SegmentFacts(
                app=message.app,
                group=message.group,
                receipt=receipt,
                policy=policy,
                inner_key_id=KeyId(message.inner_key),
                outer_key_id=KeyId(message.outer_key),
                participant_key_id=KeyId(message.participant_key),
            ),
        )
    return None


def salt_of(stream: LiveStream, message: Segment, day: Day) -> Salt:
    """Return the shred salt that must be durable before the segment."""
    return Salt(stream.id, SegmentId(message.id), message.salt, day)


def _reopen() -> StoreError:
    return StoreError(
        "Storage failed a moment ago, so this session must be opened anew. Reconnect and resume.",
        code="store_failed",
        retryable=True,
    )
