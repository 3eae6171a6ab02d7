"""The demonstration's line has every promised key and fails when a promise is broken."""

from __future__ import annotations

import json

import pytest

from tests.demo.result import Result

KEYS = {
    "stage",
    "frames_acked",
    "frames_refused",
    "frames_stored",
    "duplicates",
    "events",
    "events_total",
    "bytes_on_wire",
    "canaries_typed",
    "canary_hits",
    "unapproved_pages_visited",
    "events_from_unapproved",
    "actions_after_withdrawal",
    "frames_after_withdrawal",
    "opened_by_research_alone",
    "opened_by_representative_alone",
    "opened_by_both",
    "seconds",
}


def _good() -> Result:
    return Result(
        frames_acked=9,
        frames_refused=0,
        frames_stored=9,
        duplicates=0,
        events={"click": 4},
        events_total=4,
        bytes_on_wire=1000,
        canaries_typed=40,
        canary_hits=0,
        unapproved_pages_visited=2,
        events_from_unapproved=0,
        actions_after_withdrawal=50,
        frames_after_withdrawal=0,
        opened_by_research_alone=False,
        opened_by_representative_alone=False,
        opened_by_both=True,
        seconds=1.5,
    )


def test_the_line_has_exactly_the_promised_keys() -> None:
    assert set(json.loads(Result().line())) == KEYS


def test_the_stage_is_full_only_when_everything_was_measured() -> None:
    result = _good()
    result.finish()
    assert result.stage == "full"
    result.canary_hits = None
    result.finish()
    assert result.stage == "spine"


def test_a_good_run_breaks_nothing() -> None:
    assert _good().broken() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("frames_stored", 8),
        ("frames_stored", 10),
        ("duplicates", 1),
        ("events_total", 0),
        ("canary_hits", 1),
        ("events_from_unapproved", 1),
        ("frames_after_withdrawal", 1),
        ("opened_by_research_alone", True),
        ("opened_by_representative_alone", True),
        ("opened_by_both", False),
        ("canaries_typed", 39),
        ("actions_after_withdrawal", 49),
    ],
)
def test_each_broken_promise_is_named(name: str, value: object) -> None:
    result = _good()
    setattr(result, name, value)
    assert len(result.broken()) == 1
