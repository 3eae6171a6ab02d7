"""A policy is read strictly, its two signatures are checked, and only some may follow it."""

from typing import Any

import pytest

from relay.consent.canonical import canonical
from relay.consent.document import Policy
from relay.consent.policy import (
    SignedPolicy,
    check_successor,
    day_number,
    day_text,
    decode_key,
    encode_key,
    parse_policy,
    policy_body,
    policy_hash,
    verify_signed,
)
from relay.errors import PolicyError, SignatureError
from relay.model import Day, Signal
from relay.protocol.transcript import sha256
from relay.vault.sign import SigningKey, is_valid
from tests.unit.examples import app_document, policy, policy_document


def test_a_policy_reads_back_to_its_own_bytes() -> None:
    body = canonical(policy_document())
    read = parse_policy(body)
    assert policy_body(read) == body
    assert policy_hash(body) == sha256(body)


def test_look_ups_give_apps_bits_keys_and_days() -> None:
    read = policy(
        apps=[app_document(), app_document(app=7, id="wiki", origins=["https://w.example"])]
    )
    crm = read.app(1)
    assert crm is not None
    assert crm.signals_bits == Signal.CLICK | Signal.POINTER
    assert read.app(2) is None
    assert read.by_id("wiki") == read.app(7)
    assert read.by_id("mail") is None
    assert read.key("controller") == b"\x02" * 32
    assert len(read.key("inner")) == len(read.key("outer")) == 1216
    assert (day_text(read.first_day), day_text(read.last_day)) == ("2026-11-24", "2027-05-25")
    assert read.notice_hash == b"\xab" * 32
    assert not read.is_demo
    with pytest.raises(PolicyError, match="no key named inside"):
        read.key("inside")


def test_a_demo_is_told_apart() -> None:
    assert policy(mark="demo", relay="https://127.0.0.1:8443").is_demo


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"extra": 1}, "extra"),
        ({"number": True}, "number"),
        ({"number": "1"}, "number"),
        ({"mark": "real"}, "mark"),
        ({"format": "candor-policy-v2"}, "format"),
        ({"apps": [app_document(extra=1)]}, r"apps\[0\]"),
        ({"window": {"first_day": "2026-11-24"}}, "window"),
        ({"purposes": "one"}, "purposes"),
        ({"number": 0}, "number"),
    ],
)
def test_a_wrong_policy_is_refused_by_the_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(PolicyError, match=field):
        parse_policy(canonical(policy_document(**changes)))


def test_a_missing_key_is_refused_by_name() -> None:
    document = policy_document()
    del document["eligible"]
    with pytest.raises(PolicyError, match="eligible"):
        parse_policy(canonical(document))


def test_what_is_no_canonical_object_is_refused() -> None:
    for body in (b"", b"[]", canonical(policy_document()) + b" ", b" " * 40_000):
        with pytest.raises(PolicyError):
            parse_policy(body)


def signed(**changes: bytes) -> SignedPolicy:
    """Return a policy that both sides signed, with fields replaced."""
    controller, representative = SigningKey(b"\x01" * 32), SigningKey(b"\x02" * 32)
    keys = policy_document()["keys"] | {
        "controller": encode_key(controller.public),
        "representative": encode_key(representative.public),
    }
    body = changes.get("body", canonical(policy_document(keys=keys)))
    return SignedPolicy(
        body=body,
        controller=changes.get(
            "controller", controller.sign("candor/v1/policy", "controller", body)
        ),
        representative=changes.get(
            "representative", representative.sign("candor/v1/policy", "representative", body)
        ),
    )


def test_both_signatures_make_a_policy() -> None:
    assert isinstance(verify_signed(signed(), is_valid), Policy)


@pytest.mark.parametrize("role", ["controller", "representative"])
def test_one_signature_is_not_enough(role: str) -> None:
    with pytest.raises(SignatureError, match=f"The {role}'s signature"):
        verify_signed(signed(**{role: bytes(64)}), is_valid)


def test_the_two_signatures_do_not_stand_for_each_other() -> None:
    good = signed()
    with pytest.raises(SignatureError):
        verify_signed(SignedPolicy(good.body, good.representative, good.controller), is_valid)


def test_a_changed_body_is_not_signed() -> None:
    good = signed()
    body = good.body.replace(b'"k":10', b'"k":11')
    with pytest.raises(SignatureError):
        verify_signed(SignedPolicy(body, good.controller, good.representative), is_valid)


def test_a_successor_has_a_higher_number() -> None:
    check_successor(policy(number=2), policy())
    check_successor(policy(number=9, apps=[app_document(app=2, id="wiki")]), policy())
    for number in (1, 2):
        with pytest.raises(PolicyError, match="number 3"):
            check_successor(policy(number=number), policy(number=2))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("programme", "other"),
        ("relay", "https://elsewhere.example"),
        ("keys", policy_document()["keys"] | {"ledger": encode_key(b"\x40" * 32)}),
        ("mark", "simulation"),
    ],
)
def test_what_makes_another_programme_is_no_successor(field: str, value: object) -> None:
    with pytest.raises(PolicyError, match=f"^{field}:"):
        check_successor(policy(number=2, **{field: value}), policy())


def test_an_app_number_is_never_used_again() -> None:
    with pytest.raises(PolicyError, match="belongs to crm"):
        check_successor(policy(number=2, apps=[app_document(id="wiki")]), policy())


@pytest.mark.parametrize("text", ["", "AA==", "A", "AB", "A A", "+/+/", "AAA\n", "é"])
def test_a_key_is_base64url_in_one_form(text: str) -> None:
    with pytest.raises(PolicyError):
        decode_key(text)


def test_keys_and_days_have_one_form() -> None:
    assert decode_key(encode_key(b"\xfb\xff")) == b"\xfb\xff"
    assert day_number("1970-01-02") == Day(1)
    for text in ("", "20261124", "2026-W48-2", "2026-02-30", "2026-1-1", "2026-11-24T00:00"):
        with pytest.raises(PolicyError):
            day_number(text)
