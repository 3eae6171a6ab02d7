"""The gate: may this batch be kept? Pure, in the order of protocol.md section 7.

Owns the decision; never reads a clock, a store or a signature. What is the same for every batch of
a segment on one day is decided once (`segment_verdict`), the rest per batch (`batch_verdict`).
Whoever caches a `SegmentVerdict` must decide again when the day, the device's consent, the current
policy or `stopped` changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from relay.consent.document import Policy
from relay.consent.receipt import Receipt
from relay.model import (
    MAX_CIPHERTEXT_BYTES,
    Day,
    KeyId,
    PolicyHash,
    ReceiptHash,
    RefusalReason,
    Signal,
    group_signals,
)

LAPSE_DAYS = 30
"""A grant lapses when its device was not seen for more than this many days."""

NO_SIGNALS = 0


class SegmentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a segment's header says."""

    app: int
    group: int
    receipt: ReceiptHash
    policy: PolicyHash
    inner_key_id: KeyId
    outer_key_id: KeyId
    participant_key_id: KeyId


class PolicyTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate needs of a policy; `policy_terms` makes it, once per policy."""

    policy: PolicyHash
    first_day: Day
    last_day: Day
    signals: Mapping[int, int]
    inner_key_id: KeyId
    outer_key_id: KeyId


class ReceiptTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate needs of an accepted receipt; `receipt_terms` makes it."""

    receipt: ReceiptHash
    policy: PolicyHash
    signals: Mapping[int, int]


class ConsentState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a device stands.

    Args:
        newest: Its newest accepted receipt; None before the first.
        last_contact_day: See `contact_day`.
        participant_key_id: Id of the participant key enrolled with it.
    """

    newest: ReceiptTerms | None
    last_contact_day: Day
    participant_key_id: KeyId


class SegmentVerdict(msgspec.Struct, frozen=True):
    """What is decided for all batches of a segment on one day.

    Args:
        first: Reason that comes before any question about the batch's signals.
        still_granted: Signal bits that the device's newest receipt leaves standing.
        then: Reason that comes after that question.
        allowed: Signal bits that everything allows.
    """

    first: RefusalReason | None
    still_granted: int
    then: RefusalReason | None
    allowed: int


_NO_SEGMENT = SegmentVerdict(RefusalReason.SEGMENT_UNKNOWN, NO_SIGNALS, None, NO_SIGNALS)
_NO_RECEIPT = SegmentVerdict(RefusalReason.RECEIPT_UNKNOWN, NO_SIGNALS, None, NO_SIGNALS)
_WITHDRAWN = SegmentVerdict(RefusalReason.WITHDRAWN, NO_SIGNALS, None, NO_SIGNALS)


def policy_terms(
    policy: Policy, policy_hash: PolicyHash, key_id: Callable[[bytes], KeyId]
) -> PolicyTerms:
    """Prepare a policy for the gate.

    Args:
        policy: From `parse_policy`.
        policy_hash: Its hash.
        key_id: Such as `protocol.transcript.key_id`.
    """
    return PolicyTerms(
        policy=policy_hash,
        first_day=policy.first_day,
        last_day=policy.last_day,
        signals={app.app: int(app.signals_bits) for app in policy.apps},
        inner_key_id=key_id(policy.key("inner")),
        outer_key_id=key_id(policy.key("outer")),
    )


def receipt_terms(receipt: Receipt, receipt_hash: ReceiptHash) -> ReceiptTerms:
    """Prepare an accepted receipt for the gate."""
    return ReceiptTerms(
        receipt=receipt_hash,
        policy=PolicyHash(receipt.policy_hash),
        signals={grant.app: int(grant.signals_bits) for grant in receipt.grants},
    )


def contact_day(last_contact_day: Day, today: Day) -> Day:
    """Return the new day of last contact when a device says hello.

    A lapsed grant stays lapsed: only a new receipt sets the day anew.
    """
    if today - last_contact_day > LAPSE_DAYS:
        return last_contact_day
    return max(last_contact_day, today)


def segment_verdict(
    segment: SegmentFacts | None,
    segment_policy: PolicyTerms | None,
    receipt: ReceiptTerms | None,
    current_policy: PolicyTerms | None,
    consent: ConsentState,
    *,
    today: Day,
    stopped: bool,
) -> SegmentVerdict:
    """Decide what holds for every batch of a segment today.

    Args:
        segment: The header, or None if it was not announced or not accepted.
        segment_policy: The published policy it names, or None.
        receipt: The accepted receipt of this device that it names, or None.
        current_policy: The policy in force, or None before the first.
        consent: Where the device stands.
        today: The relay's UTC day.
        stopped: Whether the programme is stopped.
    """
    if segment is None:
        return _NO_SEGMENT
    if receipt is None or consent.newest is None or receipt.policy != segment.policy:
        return _NO_RECEIPT
    if not consent.newest.signals:
        return _WITHDRAWN
    if receipt.receipt == consent.newest.receipt:
        still_granted = int(Signal(255))
    else:
        still_granted = consent.newest.signals.get(segment.app, NO_SIGNALS)
    reason, allowed = _terms_verdict(
        segment, segment_policy, receipt, current_policy, consent, today=today, stopped=stopped
    )
    return SegmentVerdict(None, still_granted, reason, allowed)


def batch_verdict(
    verdict: SegmentVerdict, signals: int, ciphertext_bytes: int
) -> RefusalReason | None:
    """Decide one batch of a segment: None admits it.

    Args:
        verdict: Of its segment, not older than the last change of day, consent or policy.
        signals: The bits it declares.
        ciphertext_bytes: Length of its ciphertext.
    """
    if ciphertext_bytes > MAX_CIPHERTEXT_BYTES:
        return RefusalReason.TOO_LARGE
    if verdict.first is not None:
        return verdict.first
    if signals & ~verdict.still_granted:
        return RefusalReason.WITHDRAWN
    if verdict.then is not None:
        return verdict.then
    if signals == NO_SIGNALS or signals & ~verdict.allowed:
        return RefusalReason.SIGNAL_NOT_GRANTED
    return None


def decide(  # noqa: PLR0913 - everything the decision depends on
    segment: SegmentFacts | None,
    segment_policy: PolicyTerms | None,
    receipt: ReceiptTerms | None,
    current_policy: PolicyTerms | None,
    consent: ConsentState,
    *,
    signals: int,
    ciphertext_bytes: int,
    today: Day,
    stopped: bool,
) -> RefusalReason | None:
    """Decide one batch from all facts at once: None admits it."""
    verdict = segment_verdict(
        segment, segment_policy, receipt, current_policy, consent, today=today, stopped=stopped
    )
    return batch_verdict(verdict, signals, ciphertext_bytes)


def _terms_verdict(
    segment: SegmentFacts,
    segment_policy: PolicyTerms | None,
    receipt: ReceiptTerms,
    current_policy: PolicyTerms | None,
    consent: ConsentState,
    *,
    today: Day,
    stopped: bool,
) -> tuple[RefusalReason | None, int]:
    """Return the first broken term after withdrawal, and the signal bits that all terms allow."""
    if today - consent.last_contact_day > LAPSE_DAYS:
        return RefusalReason.GRANT_LAPSED, NO_SIGNALS
    if segment_policy is None or current_policy is None:
        return RefusalReason.POLICY_UNKNOWN, NO_SIGNALS
    if today > current_policy.last_day:
        return RefusalReason.PROGRAMME_ENDED, NO_SIGNALS
    if (
        not max(current_policy.first_day, segment_policy.first_day)
        <= today
        <= (segment_policy.last_day)
    ):
        return RefusalReason.WINDOW_CLOSED, NO_SIGNALS
    if stopped:
        return RefusalReason.STOPPED, NO_SIGNALS
    if (
        segment.inner_key_id != segment_policy.inner_key_id
        or segment.outer_key_id != segment_policy.outer_key_id
        or segment.participant_key_id != consent.participant_key_id
    ):
        return RefusalReason.WRONG_RECIPIENT, NO_SIGNALS
    allowed = (
        segment_policy.signals.get(segment.app, NO_SIGNALS)
        & current_policy.signals.get(segment.app, NO_SIGNALS)
        & receipt.signals.get(segment.app, NO_SIGNALS)
    )
    if (
        segment.app not in segment_policy.signals
        or segment.app not in current_policy.signals
        or segment.app not in receipt.signals
    ):
        return RefusalReason.APP_NOT_ALLOWED, NO_SIGNALS
    return None, allowed & int(group_signals(segment.group))
