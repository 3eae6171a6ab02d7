"""A draft means one policy, in TOML as in JSON, or says all that is wrong with it."""

import json

import pytest

from relay.cli.templates import draft_toml
from relay.consent.canonical import canonical
from relay.consent.draft import draft_faults, read_draft
from relay.consent.notice import notice_hash
from relay.consent.policy import parse_policy
from relay.errors import PolicyError
from tests.unit.examples import app_document, policy_document

DRAFT = {
    name: value for name, value in policy_document().items() if name not in {"format", "notice"}
}


def as_json(**changes: object) -> bytes:
    """Return the draft as JSON with changes."""
    return json.dumps(DRAFT | changes).encode()


def test_a_draft_becomes_a_policy_with_the_hash_of_its_notice() -> None:
    draft = read_draft(as_json(), is_json=True)
    assert parse_policy(draft.body) == draft.policy
    assert draft.policy.notice == notice_hash(draft.notice)


def test_the_finished_body_is_a_draft_of_itself() -> None:
    draft = read_draft(as_json(), is_json=True)
    assert read_draft(draft.body, is_json=True) == draft


def test_order_and_defaults_are_filled_in() -> None:
    app = app_document(
        app=2,
        id="wiki",
        origins=["https://b.example", "https://a.example"],
        signals=["pointer", "click"],
        excluded_paths=["/b", "/a"],
    )
    bare = app_document()
    del bare["catalogue"], bare["excluded_paths"]
    draft = read_draft(as_json(apps=[app, bare]), is_json=True)
    assert [app.app for app in draft.policy.apps] == [1, 2]
    assert draft.policy.apps[0].excluded_paths == ()
    assert draft.policy.apps[1].origins == ("https://a.example", "https://b.example")


def test_toml_and_json_mean_the_same() -> None:
    keys = {name: str(key) for name, key in policy_document()["keys"].items()}
    text = draft_toml(
        "https://candor.corp.example", ["https://crm.corp.example"], keys, demo_from=None
    )
    toml = (
        text.replace('programme = ""', 'programme = "pilot"')
        .replace('eligible = ""', f"eligible = {json.dumps(DRAFT['eligible'])}")
        .replace("purposes = []", f"purposes = {json.dumps(DRAFT['purposes'])}")
        .replace('first_day = ""', "first_day = 2026-11-24")
        .replace('last_day = ""', 'last_day = "2027-05-25"')
        .replace("excluded_paths = []", 'excluded_paths = ["/payroll"]')
        .replace('name = ""', 'name = "Some One"')
        .replace('email = ""', 'email = "someone@corp.example"')
        .replace(
            '"attention", "click", "hover", "navigation", "pointer", "scroll", "typing"',
            ('"pointer", "click"'),
        )
    ).encode()
    assert read_draft(toml, is_json=False) == read_draft(as_json(), is_json=True)


def test_every_fault_is_listed() -> None:
    found = draft_faults(as_json(k=0, eligible=""), is_json=True)
    assert [fault.field for fault in found] == ["k", "eligible"]
    with pytest.raises(PolicyError, match=r"^k: is 0\. Use 2 to 1000\.$"):
        read_draft(as_json(k=0, eligible=""), is_json=True)


@pytest.mark.parametrize(
    ("text", "is_json", "field"),
    [
        (b"{", True, "draft"),
        (b"\xff", True, "draft"),
        (b"\xff", False, "draft"),
        (b"[" * 100_000, True, "draft"),
        (b"[]", True, "draft"),
        (b"a = ", False, "draft"),
        (b"a = 1", False, "policy"),
        (b"k = 1.5", False, "draft"),
        (as_json(apps=1), True, "apps"),
        (as_json(apps=["crm"]), True, "apps[0]"),
        (as_json(apps=[{"app": "1"}]), True, "apps[0].app"),
        (as_json(apps=[app_document(origins=[1])]), True, "apps[0].origins[0]"),
        (as_json(unknown=1), True, "policy"),
    ],
)
def test_what_cannot_be_read_is_one_fault(text: bytes, is_json: bool, field: str) -> None:  # noqa: FBT001 - a parameter of the case
    (found,) = draft_faults(text, is_json=is_json)
    assert found.field == field
    assert found.mend
    with pytest.raises(PolicyError):
        read_draft(text, is_json=is_json)


def test_a_notice_hash_of_another_text_is_refused() -> None:
    (found,) = draft_faults(as_json(notice="ab" * 32), is_json=True)
    assert found.field == "notice"


def test_a_demonstration_can_be_signed_as_it_is_written() -> None:
    import datetime as dt  # noqa: PLC0415 - only here

    keys = {name: str(key) for name, key in policy_document()["keys"].items()}
    text = draft_toml(
        "https://127.0.0.1:8443",
        ["https://crm.corp.example", "https://wiki.corp.example", "https://crm.other.example"],
        keys,
        demo_from=dt.date(2026, 11, 24),
    )
    read = read_draft(text.encode(), is_json=False).policy
    assert read.is_demo
    assert [app.id for app in read.apps] == ["crm", "wiki", "crm-3"]
    assert read.window.last_day == "2027-05-25"
    assert canonical({}) == b"{}"


@pytest.mark.parametrize(
    "text", [b"k = " + b"9" * 5_000, b"k = " + b"[" * 2_000, b"k" + b".k" * 2_000 + b" = 1"]
)
def test_what_no_policy_holds_is_one_fault(text: bytes) -> None:
    assert [found.field for found in draft_faults(text, is_json=False)] == ["draft"]
    as_json = text.replace(b"k = ", b'{"k":') + b"}"
    assert [found.field for found in draft_faults(as_json, is_json=True)] == ["draft"]
