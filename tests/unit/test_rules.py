"""Each rule of a policy is broken once and says where it was broken."""

from typing import Any

import pytest

from relay.consent.canonical import canonical
from relay.consent.document import Policy, encode_key
from relay.consent.policy import parse_policy, read_document
from relay.consent.rules import Fault, faults, path_fault
from relay.errors import PolicyError
from tests.unit.examples import app_document, policy_document

KEYS = policy_document()["keys"]
CONTACTS = policy_document()["contacts"]


def read(**changes: object) -> Policy:
    """Return a policy with these changes, whose types are right."""
    policy = read_document(policy_document(**changes))
    assert isinstance(policy, Policy)
    return policy


def fields(**changes: object) -> set[str]:
    """Return the fields at fault in a policy with these changes."""
    return {fault.field for fault in faults(read(**changes))}


def test_a_valid_policy_has_no_faults() -> None:
    assert fields() == set()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"apps": []}, "apps"),
        (
            {"apps": [app_document(app=2), app_document(app=1, id="b", origins=["https://b.c"])]},
            "apps",
        ),
        ({"apps": [app_document(), app_document(id="b", origins=["https://b.c"])]}, "apps"),
        ({"apps": [app_document(), app_document(app=2, origins=["https://b.c"])]}, "apps"),
        ({"apps": [app_document(), app_document(app=2, id="b")]}, "apps"),
        ({"backup_days": 91}, "backup_days"),
        ({"backup_days": -1}, "backup_days"),
        ({"k": 1}, "k"),
        ({"number": 2**31}, "number"),
        ({"retention_days": 0}, "retention_days"),
        ({"eligible": ""}, "eligible"),
        ({"eligible": " padded"}, "eligible"),
        ({"eligible": "two\nlines"}, "eligible"),
        ({"eligible": "x" * 501}, "eligible"),
        ({"notice": "AB" * 32}, "notice"),
        ({"programme": "Pilot"}, "programme"),
        ({"purposes": []}, "purposes"),
        ({"purposes": ["fine", ""]}, "purposes[1]"),
        ({"relay": "http://candor.corp.example"}, "relay"),
        ({"relay": "https://candor.corp.example", "mark": "demo"}, "relay"),
        ({"keys": KEYS | {"ledger": KEYS["controller"]}}, "keys.ledger"),
        ({"keys": KEYS | {"ledger": "AA=="}}, "keys.ledger"),
        ({"keys": KEYS | {"inner": encode_key(bytes(32))}}, "keys.inner"),
        ({"window": {"first_day": "2026-11-24", "last_day": "2026-11-23"}}, "window"),
        ({"window": {"first_day": "2026-11-24", "last_day": "2036-11-23"}}, "window"),
        ({"window": {"first_day": "today", "last_day": "2026-11-23"}}, "window.first_day"),
        (
            {"contacts": CONTACTS | {"controller": {"email": "nobody", "name": "N"}}},
            "contacts.controller.email",
        ),
        (
            {"contacts": CONTACTS | {"representative": {"email": "a@b.c", "name": ""}}},
            "contacts.representative.name",
        ),
    ],
)
def test_a_broken_rule_names_its_field(changes: dict[str, Any], field: str) -> None:
    assert fields(**changes) == {field}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"app": 0}, "app"),
        ({"app": 65_536}, "app"),
        ({"catalogue": "ab" * 32}, "catalogue"),
        ({"id": "C R M"}, "id"),
        ({"name": "x" * 81}, "name"),
        ({"excluded_paths": ["/b", "/a"]}, "excluded_paths"),
        ({"excluded_paths": ["payroll"]}, "excluded_paths"),
        ({"origins": []}, "origins"),
        ({"origins": ["https://b.c", "https://a.b"]}, "origins"),
        ({"origins": ["https://A.b"]}, "origins"),
        ({"signals": []}, "signals"),
        ({"signals": ["pointer", "click"]}, "signals"),
        ({"signals": ["screen"]}, "signals"),
    ],
)
def test_a_broken_rule_of_an_app_names_its_field(changes: dict[str, Any], field: str) -> None:
    assert fields(apps=[app_document(**changes)]) == {f"apps[0].{field}"}


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "payroll",
        "/pay%20roll",
        "/pay roll",
        "/pay;roll",
        "/pay?roll",
        "/pay#roll",
        "/pay\\roll",
        "/Payroll",
        "/geha\u0308lter",
        "/payroll/",
        "//payroll",
        "/payroll.",
        "/..",
        "/" + "x" * 200,
    ],
)
def test_an_excluded_path_is_written_as_it_is_matched(path: str) -> None:
    assert path_fault(path) is not None


def test_every_fault_is_listed_and_the_first_is_raised() -> None:
    document = policy_document(k=1, eligible="", number=0)
    found = faults(read(k=1, eligible="", number=0))
    assert [fault.field for fault in found] == ["k", "number", "eligible"]
    with pytest.raises(PolicyError, match=r"^k: is 1\. Use 2 to 1000\.$"):
        parse_policy(canonical(document))


def test_a_policy_too_long_for_the_wire_is_refused() -> None:
    apps = [
        app_document(
            app=number,
            id=f"app-{number}",
            origins=[f"https://{'x' * 60}-{number}-{port}.example" for port in range(10, 30)],
        )
        for number in range(1, 40)
    ]
    assert [fault.field for fault in faults(read(apps=apps))] == ["policy"]


def test_a_fault_is_one_line_with_its_mend() -> None:
    assert str(Fault("k", "is 1", "Use 2")) == "k: is 1. Use 2."
