"""The notice and the sentences say what the policy says, the same way each time."""

from relay.consent.notice import WIDTH, notice_hash, render_notice
from relay.consent.sentences import (
    KEY_TIMING_LEAK,
    SIGNAL_WORDS,
    date,
    days,
    join,
    mark_sentence,
    policy_sentences,
    signals_used,
)
from relay.model import SIGNAL_BY_NAME
from relay.protocol.transcript import sha256
from tests.unit.examples import app_document, policy, policy_document

ALL = policy(apps=[app_document(signals=sorted(SIGNAL_BY_NAME))])


def flat(text: str) -> str:
    """Return a text without its line breaks."""
    return " ".join(text.split())


def test_every_signal_has_words_in_the_usual_order() -> None:
    assert list(SIGNAL_WORDS) == list(SIGNAL_BY_NAME)
    assert signals_used(ALL) == list(SIGNAL_BY_NAME)
    assert signals_used(policy()) == ["pointer", "click"]


def test_the_notice_names_everyone_and_everything_that_a_person_must_know() -> None:
    contacts = {
        role: {"name": f"Name of {role}", "email": f"{role}@corp.example"}
        for role in policy_document()["contacts"]
    }
    text = flat(render_notice(policy(contacts=contacts, k=12, backup_days=1)))
    for role in contacts:
        assert f"Name of {role} ({role}@corp.example)" in text
    for said in (
        "Everyone in the service department.",
        "- Predicting the next step in the CRM.",
        "Never for appraisal",
        "CRM (https://crm.corp.example): click and pointer. Nothing under /payroll is recorded.",
        SIGNAL_WORDS["click"],
        "kept for 183 days",
        "within 1 day after that",
        "fewer than 12 people",
        "from 24 November 2026 to 25 May 2027",
        "https://candor.corp.example",
        "two keys",
        "withdraw at any time",
        "Pause",
        "works agreement",
    ):
        assert said in text


def test_the_leak_is_stated_exactly_where_key_timing_is_asked_for() -> None:
    assert KEY_TIMING_LEAK in flat(render_notice(ALL))
    assert KEY_TIMING_LEAK in policy_sentences(ALL)
    assert "84 %" not in render_notice(policy())
    assert KEY_TIMING_LEAK not in policy_sentences(policy())
    assert SIGNAL_WORDS["hover"] not in flat(render_notice(policy()))


def test_a_mark_is_said_first() -> None:
    demo = policy(mark="demo", relay="https://127.0.0.1:8443")
    assert "one machine holds all keys" in flat(render_notice(demo))
    assert policy_sentences(demo)[0] == mark_sentence(demo)
    assert "no real person" in str(mark_sentence(policy(mark="simulation")))
    assert mark_sentence(policy()) is None


def test_the_notice_does_not_depend_on_its_own_hash() -> None:
    assert render_notice(policy(notice="00" * 32)) == render_notice(policy(notice="11" * 32))


def test_the_hash_is_that_of_its_bytes() -> None:
    text = render_notice(policy())
    assert notice_hash(text) == sha256(text.encode()).hex()


def test_it_is_plain_text_of_readable_width() -> None:
    lines = render_notice(ALL).splitlines()
    assert max(len(line) for line in lines if " " in line.strip("- ")) <= WIDTH
    assert not any(line != line.rstrip() for line in lines)


def test_sentences_say_the_terms() -> None:
    said = policy_sentences(policy())
    assert "Policy 1 of the programme pilot" in said[0]
    assert any("two keys" in sentence for sentence in said)


def test_an_app_without_excluded_paths_says_nothing_of_them() -> None:
    text = flat(render_notice(policy(apps=[app_document(excluded_paths=[])])))
    assert "Nothing under" not in text


def test_lists_days_and_dates_read_as_english() -> None:
    assert join(["a"]) == "a"
    assert join(["a", "b", "c"]) == "a, b and c"
    assert join(["a", "b"], "or") == "a or b"
    assert (days(0), days(1), days(7)) == ("0 days", "1 day", "7 days")
    assert date(policy().first_day) == "24 November 2026"
