"""Request and unlocked files: strict, and nothing but their own errors for anything else."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.consent.canonical import canonical
from relay.consent.policy import parse_policy
from relay.dataset.events import Pseudonyms, events_of, table_lines
from relay.dataset.opening import Opened, Tally, Validated, validate
from relay.dataset.request import SignedRequest, make_request, read_request, request_sentences
from relay.errors import InputError
from relay.model import SegmentId, Seq, Signal, StreamId
from relay.vault.keys import KeyFile
from tests.vectors.craft import canonical_text, drawn, encoded, packed, policy_document
from tests.vectors.make_columns import EVERYTHING, batch

POLICY = parse_policy(canonical_text(policy_document()))
RESEARCH = KeyFile(
    format="candor-keys-v1",
    role="research",
    name="",
    seeds={
        "inner": encoded(drawn("opening inner")),
        "requests": encoded(drawn("signing requests")),
    },
)


def request() -> SignedRequest:
    return make_request(
        RESEARCH,
        POLICY,
        apps=["wiki", "crm"],
        first_day="2026-12-01",
        last_day="2026-12-02",
        purpose="To test",
    )


def test_a_request_covers_its_apps_and_days_only() -> None:
    asked = request().request()
    assert asked.apps == (1, 2)
    assert [asked.covers(1, asked.first + more) for more in (-1, 0, 1, 2)] == [
        False,
        True,
        True,
        False,
    ]
    assert not asked.covers(3, asked.first)


def test_a_request_is_said_in_sentences() -> None:
    said = "\n".join(request_sentences(request().request(), POLICY))
    for part in ("assist-2026", "To test", "CRM", "Wiki", "2026-12-01 to 2026-12-02"):
        assert part in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("apps", []),
        ("apps", [2, 1]),
        ("apps", [1, 1]),
        ("first_day", "2026-12-03"),
        ("first_day", "yesterday"),
        ("format", "candor-request-v2"),
        ("purpose", " "),
        ("purpose", "two\nlines"),
        ("purpose", "x" * 1_001),
        ("more", 1),
    ],
)
def test_a_malformed_request_is_refused(name: str, value: object) -> None:
    body = msgspec.json.decode(request().body)
    body[name] = value
    broken = msgspec.structs.replace(request(), body=canonical(body).decode())
    with pytest.raises(InputError):
        broken.request()


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"\xff", b'{"format":"candor-request-file-v1"}']
)
def test_other_files_are_no_requests(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "request.json"
    path.write_bytes(data)
    with pytest.raises(InputError):
        read_request(path)


def opened(plaintext: bytes, group: int = 0, signals: int = 239) -> Opened:
    return Opened(
        stream=StreamId(b"s" * 32),
        segment=SegmentId(b"g" * 16),
        seq=Seq(9),
        app=1,
        app_id="crm",
        group=group,
        signals=signals,
        day=20_800,
        plaintext=plaintext,
    )


def validated() -> Validated:
    found = validate(opened(packed(*batch(*EVERYTHING, declared=239))), Tally())
    assert found is not None
    return found


def test_events_are_told_in_words_and_units() -> None:
    events = list(events_of(validated(), Pseudonyms()))
    assert [event["t_ms"] for event in events] == sorted(int(event["t_ms"]) for event in events)
    by_signal = {str(event["signal"]): event for event in events}
    head = {name: by_signal["click"][name] for name in ("seq", "document", "app")}
    assert head == {"seq": 9, "document": 0xFFFF_FFFF, "app": "crm"}
    assert by_signal["click"]["target"] == "button"
    assert by_signal["hover"]["dwell_ms"] == 0
    assert by_signal["typing"]["field"] == "other"
    assert by_signal["typing"]["duration_ms"] == 0
    assert by_signal["scroll"]["dx"] == -1_000_000
    assert by_signal["attention"]["state"] == "active"
    assert by_signal["navigation"]["kind"] == "leave"
    assert by_signal["navigation"]["dwell_ms"] == 100_000_000


def test_a_stream_has_one_pseudonym_a_file_and_another_in_the_next() -> None:
    first, second = Pseudonyms(), Pseudonyms()
    assert first.of(b"a") == first.of(b"a") != first.of(b"b")
    assert first.of(b"a") != second.of(b"a")


def test_a_table_has_a_line_for_each_event() -> None:
    events = list(events_of(validated(), Pseudonyms()))
    lines = list(table_lines(events))
    assert len(lines) == len(events) + 1
    assert "target=button" in "\n".join(lines)


@given(st.binary(max_size=100))
def test_what_breaks_a_rule_is_counted_once_and_dropped(plaintext: bytes) -> None:
    tally = Tally()
    assert validate(opened(plaintext, signals=1), tally) is None
    assert tally.dropped_batches.total() == 1
    assert tally.validated == 0
    assert "bytes=" in repr(opened(plaintext))
    assert tally.events.total() == 0


def test_key_timing_is_counted_apart() -> None:
    tally = Tally()
    positions = batch(None, None, None, None, ((0,), (1,), (2,)), group=1, declared=16)
    assert validate(opened(packed(*positions), 1, int(Signal.KEY_TIMING)), tally) is not None
    assert tally.events == {"key_timing": 1}
