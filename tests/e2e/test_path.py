"""One event from a real page to two key holders."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support import traffic
from tests.support.apps import CRM
from tests.support.browser import Browser
from tests.support.human import Hand
from tests.support.pages import agree_by_message, settled, state
from tests.support.person import Person
from tests.support.readers import Reading
from tests.support.setting import Setting

pytestmark = pytest.mark.timeout(600)  # real browsers on a busy machine

SIGNALS = ("pointer", "click")


@pytest.fixture(scope="module")
def reading(setting: Setting, browser: Browser) -> Reading:
    """Click three known things in the CRM and unlock what was stored of it."""
    agree_by_message(browser, setting.relay.codes()[0], SIGNALS)
    page = browser.context.new_page()
    person = Person(page, Hand(3, pace=3))
    page.goto(f"{CRM}/")
    person.click(page.get_by_role("button", name="Actions"))
    person.click(page.get_by_role("menuitem").nth(1))
    person.click(page.locator("tbody tr a").nth(1))
    settled(browser)
    return setting.read()


@pytest.fixture(scope="module")
def events(reading: Reading) -> list[dict[str, object]]:
    return reading.open()


def test_both_keys_open_what_was_clicked(events: list[dict[str, object]]) -> None:
    clicks = [event["target"] for event in events if event["signal"] == "click"]
    assert clicks == ["button in banner", "li role=menuitem in banner", "a in main"]


def test_the_pointers_path_leads_to_each_click(events: list[dict[str, object]]) -> None:
    counts = Counter(event["signal"] for event in events)
    assert counts["pointer"] > 3 * counts["click"]
    assert set(counts) == set(SIGNALS)


def test_each_key_alone_opens_nothing(reading: Reading, events: list[dict[str, object]]) -> None:
    assert events
    assert not reading.research_alone()
    assert not reading.representative_alone()


def test_every_batch_is_sealed_acked_and_stored_once(setting: Setting) -> None:
    seen = traffic.read(setting.proxy.recordings)
    stored = [(batch.stream, batch.seq) for batch in setting.relay.stored()]
    assert len(seen.stored) == len(stored) == len(set(stored)) > 0
    assert seen.refused == {}


def test_the_popup_counts_what_was_acked(setting: Setting, browser: Browser) -> None:
    assert state(browser)["sentBatches"] == len(traffic.read(setting.proxy.recordings).stored)
