"""The gate refuses for the first reason that holds, in the order of protocol.md section 7."""

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from relay.consent.gate import (
    LAPSE_DAYS,
    ConsentState,
    PolicyTerms,
    ReceiptTerms,
    SegmentFacts,
    contact_day,
    decide,
    policy_terms,
    receipt_terms,
)
from relay.consent.policy import policy_hash
from relay.model import Day, KeyId, PolicyHash, ReceiptHash, RefusalReason, Signal
from relay.protocol.transcript import key_id
from tests.unit.examples import PARTICIPANT_KEY_ID, policy, receipt

POLICY_HASH = PolicyHash(bytes.fromhex(receipt().policy))
RECEIPT_HASH = ReceiptHash(b"\x01" * 32)
POLICY = policy_terms(policy(), POLICY_HASH, key_id)
RECEIPT = receipt_terms(receipt(), RECEIPT_HASH)
SEGMENT = SegmentFacts(
    app=1,
    group=0,
    receipt=RECEIPT_HASH,
    policy=POLICY_HASH,
    inner_key_id=POLICY.inner_key_id,
    outer_key_id=POLICY.outer_key_id,
    participant_key_id=KeyId(PARTICIPANT_KEY_ID),
)
TODAY = Day(POLICY.first_day + 10)
CONSENT = ConsentState(
    newest=RECEIPT, last_contact_day=TODAY, participant_key_id=KeyId(PARTICIPANT_KEY_ID)
)
CLICK, POINTER, HOVER = int(Signal.CLICK), int(Signal.POINTER), int(Signal.HOVER)

FACTS: dict[str, Any] = {
    "segment": SEGMENT,
    "segment_policy": POLICY,
    "receipt": RECEIPT,
    "current_policy": POLICY,
    "consent": CONSENT,
    "signals": CLICK,
    "ciphertext_bytes": 300,
    "today": TODAY,
    "stopped": False,
}
replace = msgspec.structs.replace

Breaker = Callable[[dict[str, Any]], dict[str, Any]]


def on_policy(**changes: Any) -> Breaker:  # noqa: ANN401 - fields of PolicyTerms
    """Return a change of the current policy only."""
    return lambda facts: {"current_policy": replace(facts["current_policy"], **changes)}


BREAKERS: list[tuple[RefusalReason, Breaker]] = [
    (RefusalReason.TOO_LARGE, lambda _: {"ciphertext_bytes": 16_385}),
    (RefusalReason.SEGMENT_UNKNOWN, lambda _: {"segment": None}),
    (RefusalReason.RECEIPT_UNKNOWN, lambda _: {"receipt": None}),
    (
        RefusalReason.WITHDRAWN,
        lambda facts: {
            "consent": replace(
                facts["consent"],
                newest=ReceiptTerms(
                    receipt=ReceiptHash(b"\x02" * 32), policy=POLICY_HASH, signals={}
                ),
            )
        },
    ),
    (
        RefusalReason.GRANT_LAPSED,
        lambda facts: {
            "consent": replace(
                facts["consent"], last_contact_day=Day(facts["today"] - LAPSE_DAYS - 1)
            )
        },
    ),
    (RefusalReason.POLICY_UNKNOWN, lambda _: {"segment_policy": None}),
    (RefusalReason.PROGRAMME_ENDED, on_policy(last_day=Day(TODAY - 1))),
    (RefusalReason.WINDOW_CLOSED, on_policy(first_day=Day(TODAY + 1))),
    (RefusalReason.STOPPED, lambda _: {"stopped": True}),
    (
        RefusalReason.WRONG_RECIPIENT,
        lambda facts: {
            "segment": facts["segment"]
            and replace(facts["segment"], inner_key_id=KeyId(b"\x09" * 16))
        },
    ),
    (RefusalReason.APP_NOT_ALLOWED, on_policy(signals={2: 255})),
    (RefusalReason.SIGNAL_NOT_GRANTED, lambda _: {"signals": CLICK | POINTER | 0b1000_0000}),
]


def test_a_batch_that_everything_allows_is_admitted() -> None:
    assert decide(**FACTS) is None
    assert decide(**FACTS | {"signals": CLICK | POINTER, "ciphertext_bytes": 16_384}) is None


@pytest.mark.parametrize(("reason", "breaker"), BREAKERS, ids=[reason for reason, _ in BREAKERS])
def test_each_reason_alone(reason: RefusalReason, breaker: Breaker) -> None:
    assert decide(**FACTS | breaker(FACTS)) is reason


def test_every_reason_is_here() -> None:
    assert [reason for reason, _ in BREAKERS] == list(RefusalReason)


@pytest.mark.parametrize("pair", list(itertools.combinations(range(len(BREAKERS)), 2)))
def test_the_earlier_reason_wins(pair: tuple[int, int]) -> None:
    (earlier, first), (_, second) = BREAKERS[pair[0]], BREAKERS[pair[1]]
    facts = FACTS | second(FACTS)
    assert decide(**facts | first(facts)) is earlier


def with_newest(signals: dict[int, int]) -> dict[str, Any]:
    """Return the facts after the device gave another receipt."""
    newest = ReceiptTerms(receipt=ReceiptHash(b"\x02" * 32), policy=POLICY_HASH, signals=signals)
    return FACTS | {"consent": replace(CONSENT, newest=newest)}


def test_a_replaced_receipt_counts_only_as_far_as_the_newest_allows() -> None:
    assert decide(**with_newest({1: CLICK})) is None
    assert decide(**with_newest({1: CLICK | HOVER})) is None
    assert decide(**with_newest({1: POINTER})) is RefusalReason.WITHDRAWN
    assert decide(**with_newest({2: CLICK})) is RefusalReason.WITHDRAWN


def test_a_newer_receipt_widens_no_older_segment() -> None:
    facts = with_newest({1: CLICK | POINTER | HOVER}) | {"signals": HOVER}
    assert decide(**facts) is RefusalReason.SIGNAL_NOT_GRANTED


def test_a_device_without_any_receipt_is_refused() -> None:
    facts = FACTS | {"consent": replace(CONSENT, newest=None)}
    assert decide(**facts) is RefusalReason.RECEIPT_UNKNOWN


def test_a_receipt_for_another_policy_does_not_count() -> None:
    other = PolicyHash(b"\x03" * 32)
    facts = FACTS | {
        "segment": replace(SEGMENT, policy=other),
        "segment_policy": replace(POLICY, policy=other),
    }
    assert decide(**facts) is RefusalReason.RECEIPT_UNKNOWN


def test_without_a_current_policy_nothing_is_admitted() -> None:
    assert decide(**FACTS | {"current_policy": None}) is RefusalReason.POLICY_UNKNOWN


def terms(**changes: Any) -> PolicyTerms:  # noqa: ANN401 - fields of PolicyTerms
    """Return the terms of the example policy with changes."""
    return replace(POLICY, **changes)


def test_windows_are_inclusive_and_both_hold() -> None:
    for day in (POLICY.first_day, POLICY.last_day):
        consent = replace(CONSENT, last_contact_day=day)
        assert decide(**FACTS | {"today": day, "consent": consent}) is None
    closed = RefusalReason.WINDOW_CLOSED
    assert decide(**FACTS | {"segment_policy": terms(last_day=Day(TODAY - 1))}) is closed
    assert decide(**FACTS | {"segment_policy": terms(first_day=Day(TODAY + 1))}) is closed
    assert decide(**FACTS | {"segment_policy": terms(last_day=TODAY)}) is None


@pytest.mark.parametrize("field", ["inner_key_id", "outer_key_id", "participant_key_id"])
def test_every_recipient_is_checked(field: str) -> None:
    segment = replace(SEGMENT, **{field: KeyId(b"\x09" * 16)})
    assert decide(**FACTS | {"segment": segment}) is RefusalReason.WRONG_RECIPIENT


@pytest.mark.parametrize("place", ["segment_policy", "current_policy"])
def test_app_and_signals_must_stand_in_both_policies(place: str) -> None:
    missing = FACTS | {place: terms(signals={})}
    assert decide(**missing) is RefusalReason.APP_NOT_ALLOWED
    narrowed = FACTS | {place: terms(signals={1: POINTER})}
    assert decide(**narrowed) is RefusalReason.SIGNAL_NOT_GRANTED


def test_an_app_that_the_receipt_does_not_name_is_refused() -> None:
    wider = terms(signals={1: CLICK, 2: CLICK})
    facts = FACTS | {
        "segment": replace(SEGMENT, app=2),
        "segment_policy": wider,
        "current_policy": wider,
    }
    assert decide(**facts) is RefusalReason.APP_NOT_ALLOWED


def test_key_timing_has_segments_of_its_own() -> None:
    both = int(Signal.CLICK | Signal.KEY_TIMING)
    facts = FACTS | {
        "segment_policy": terms(signals={1: both}),
        "current_policy": terms(signals={1: both}),
        "receipt": replace(RECEIPT, signals={1: both}),
    }
    key_timing = int(Signal.KEY_TIMING)
    assert decide(**facts | {"signals": key_timing}) is RefusalReason.SIGNAL_NOT_GRANTED
    own = facts | {"segment": replace(SEGMENT, group=1)}
    assert decide(**own | {"signals": key_timing}) is None
    assert decide(**own | {"signals": CLICK}) is RefusalReason.SIGNAL_NOT_GRANTED


def test_a_batch_that_declares_nothing_is_refused() -> None:
    assert decide(**FACTS | {"signals": 0}) is RefusalReason.SIGNAL_NOT_GRANTED


def test_a_grant_lapses_after_thirty_days_and_hello_does_not_revive_it() -> None:
    assert contact_day(Day(100), Day(130)) == Day(130)
    assert contact_day(Day(100), Day(131)) == Day(100)
    assert contact_day(Day(100), Day(99)) == Day(100)
    last = Day(TODAY - LAPSE_DAYS)
    assert decide(**FACTS | {"consent": replace(CONSENT, last_contact_day=last)}) is None


def test_terms_are_those_of_the_documents() -> None:
    body_hash = policy_hash(b"any")
    made = policy_terms(policy(), body_hash, key_id)
    assert made.policy == body_hash
    assert made.signals == {1: CLICK | POINTER}
    assert made.outer_key_id == key_id(policy().key("outer"))
    assert RECEIPT.policy == POLICY_HASH
