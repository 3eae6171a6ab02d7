"""A receipt is read strictly and accepted only for its own device, policy and notice."""

from typing import Any

import pytest

from relay.consent.canonical import canonical
from relay.consent.policy import encode_key
from relay.consent.receipt import (
    ReceiptRefusal,
    check_receipt,
    parse_receipt,
    receipt_body,
    receipt_hash,
)
from relay.errors import ReceiptError
from relay.model import DeviceKey, KeyId, Signal
from relay.protocol.transcript import sha256
from tests.unit.examples import DEVICE_KEY, PARTICIPANT_KEY_ID, policy, receipt, receipt_document

NONE = {"kind": "none", "grants": []}


def test_a_receipt_reads_back_to_its_own_bytes() -> None:
    body = canonical(receipt_document())
    read = parse_receipt(body)
    assert receipt_body(read) == body
    assert receipt_hash(body) == sha256(body)
    assert read.device_key == DEVICE_KEY
    assert read.participant_key_id == PARTICIPANT_KEY_ID
    assert read.policy_hash == bytes.fromhex(read.policy)


def test_it_says_what_was_granted_where() -> None:
    assert receipt().granted(1) == Signal.CLICK | Signal.POINTER
    assert receipt().granted(2) == Signal(0)
    assert receipt(**NONE).granted(1) == Signal(0)


@pytest.mark.parametrize(
    "changes",
    [
        {"device": "AA=="},
        {"device": encode_key(bytes(31))},
        {"given_at": -1},
        {"given_at": True},
        {"given_at": "now"},
        {"kind": "none"},
        {"kind": "grant", "grants": []},
        {"kind": "withdraw"},
        {"grants": [{"app": 1, "signals": []}]},
        {"grants": [{"app": 1, "signals": ["pointer", "click"]}]},
        {"grants": [{"app": 1, "signals": ["click", "click"]}]},
        {"grants": [{"app": 1, "signals": ["screen"]}]},
        {"grants": [{"app": 0, "signals": ["click"]}]},
        {"grants": [{"app": 65_536, "signals": ["click"]}]},
        {"grants": [{"app": 1, "signals": ["click"], "extra": 1}]},
        {"grants": [{"app": 1, "signals": ["click"]}, {"app": 1, "signals": ["hover"]}]},
        {"grants": [{"app": 2, "signals": ["click"]}, {"app": 1, "signals": ["hover"]}]},
        {"language": "English"},
        {"nonce": "cd" * 15},
        {"notice": "AB" * 32},
        {"participant_key": "70" * 32},
        {"policy": ""},
        {"previous": "ab"},
        {"programme": ""},
        {"format": "candor-receipt-v2"},
        {"extra": 1},
    ],
)
def test_a_malformed_receipt_is_refused_without_quoting_it(changes: dict[str, Any]) -> None:
    with pytest.raises(ReceiptError) as caught:
        parse_receipt(canonical(receipt_document(**changes)))
    assert caught.value.code == "receipt_malformed"
    assert "screen" not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"{}", b"[1.5]", b" " * 9_000])
def test_any_other_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(ReceiptError):
        parse_receipt(body)


def test_a_previous_receipt_and_a_region_are_fine() -> None:
    assert receipt(previous="ab" * 32, language="pt-BR").previous == "ab" * 32


def check(
    *,
    known: bool = True,
    current: bool = True,
    device: bytes = DEVICE_KEY,
    participant: bytes = PARTICIPANT_KEY_ID,
    **changes: object,
) -> ReceiptRefusal | None:
    """Check a receipt with these changes against the example policy."""
    return check_receipt(
        receipt(**changes),
        policy() if known else None,
        DeviceKey(device),
        participant_key_id=KeyId(participant),
        is_current=current,
    )


def test_a_fitting_receipt_is_accepted() -> None:
    assert check() is None
    assert check(grants=[{"app": 1, "signals": ["pointer"]}]) is None
    assert check(**NONE) is None


def test_a_no_is_accepted_for_an_older_policy_too() -> None:
    assert check(current=False, **NONE) is None


def test_each_misfit_has_its_reason() -> None:
    assert check(device=b"\x65" * 32) is ReceiptRefusal.WRONG_DEVICE
    assert check(participant=b"\x71" * 16) is ReceiptRefusal.WRONG_DEVICE
    assert check(known=False) is ReceiptRefusal.POLICY_UNKNOWN
    assert check(programme="other") is ReceiptRefusal.POLICY_UNKNOWN
    assert check(current=False) is ReceiptRefusal.POLICY_SUPERSEDED
    assert check(notice="ac" * 32) is ReceiptRefusal.NOTICE_MISMATCH
    assert check(grants=[{"app": 2, "signals": ["click"]}]) is ReceiptRefusal.EXCEEDS_POLICY
    assert check(grants=[{"app": 1, "signals": ["hover"]}]) is ReceiptRefusal.EXCEEDS_POLICY


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "x - at `$.secret"},
        {"x - at `$.secret": 1},
        {"grants": [{"app": 1, "signals": [], "x - at `$.secret": 1}]},
    ],
)
def test_what_looks_like_a_place_is_not_quoted_either(changes: dict[str, Any]) -> None:
    with pytest.raises(ReceiptError) as raised:
        parse_receipt(canonical(receipt_document(**changes)))
    assert "secret" not in str(raised.value)
