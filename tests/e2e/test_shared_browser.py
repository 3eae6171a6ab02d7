"""In a browser that several people use nothing is recorded until somebody says who is here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright

from tests.support.apps import CRM
from tests.support.browser import Browser, wait_until
from tests.support.counter import PATH, click_some, counter_page
from tests.support.events import between, clicks
from tests.support.pages import agree_by_message, open_popup, settled, state
from tests.support.screen import Screen
from tests.support.setting import Programme, Setting

SETTLE_MS = 1500
LOCK_SECONDS = 20


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    """Return this module's screen, whose lock the browser hears over a session bus."""
    if not Screen.is_possible():
        pytest.skip("no dbus-daemon is installed here, so no browser can hear of a locked screen")
    with Screen(tmp_path_factory.mktemp("bus")) as screen, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBUS_SESSION_BUS_ADDRESS", screen.address)
        yield screen


@pytest.fixture(scope="module")
def setting(make_setting: Callable[..., Setting], extension: Path, screen: Screen) -> Setting:
    assert screen.address
    return make_setting(Programme(extension=extension, pages=((PATH, counter_page),)))


@pytest.fixture(scope="module")
def browser(setting: Setting, driver: Playwright) -> Browser:
    browser = setting.browser(driver)
    agree_by_message(browser, setting.relay.codes()[0], ("click",))
    return browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.context.new_page()
    page.goto(CRM + PATH)
    yield page
    page.close()


def _stored(setting: Setting, browser: Browser, start: float) -> int:
    settled(browser)
    return clicks(between(setting.read().open(), start, time.time()))


def _lock(screen: Screen, browser: Browser, page: Page) -> None:
    screen.lock()
    wait_until(page, lambda: state(browser)["reason"] == "presence_unasked", seconds=LOCK_SECONDS)
    screen.unlock()


def _age_presence(browser: Browser, page: Page, hours: float) -> None:
    """Make the last answer so much older on disk, and have the worker read it anew."""
    blank = browser.blank()
    blank.evaluate(
        """async (ms) => {
          const open = indexedDB.open("candor");
          await new Promise((ok) => { open.onsuccess = ok; });
          const facts = open.result.transaction("facts", "readwrite").objectStore("facts");
          const get = facts.get("presence");
          await new Promise((ok) => { get.onsuccess = ok; });
          const { confirmedAt } = get.result;
          const put = facts.put({ confirmedAt: confirmedAt - ms, doubt: null }, "presence");
          await new Promise((ok) => { put.onsuccess = ok; });
          open.result.close();
        }""",
        hours * 3_600_000,
    )
    blank.close()
    browser.stop_worker(page)


def test_after_a_screen_lock_nothing_is_recorded_until_continue(
    setting: Setting, browser: Browser, page: Page, screen: Screen
) -> None:
    start = time.time()
    assert click_some(page, 3) == 3
    page.wait_for_timeout(SETTLE_MS)
    _lock(screen, browser, page)
    assert state(browser)["state"] == "paused"
    click_some(page, 5)
    page.wait_for_timeout(SETTLE_MS)
    browser.stop_worker(page)
    click_some(page, 5)
    page.wait_for_timeout(SETTLE_MS)

    popup = open_popup(browser)
    assert popup.get_by_role("heading", level=1).inner_text() == "Paused"
    popup.get_by_role("heading", name="Recording for this device's participant.").wait_for()
    assert popup.get_by_role("button", name="Resume").is_hidden()
    assert popup.get_by_role("button", name="For an hour").is_hidden()
    popup.get_by_role("button", name="Continue").click()
    popup.get_by_role("button", name="For an hour").wait_for()
    popup.close()
    page.bring_to_front()
    page.wait_for_timeout(SETTLE_MS)
    assert state(browser)["state"] == "recording"
    assert click_some(page, 4) == 4
    page.wait_for_timeout(SETTLE_MS)
    assert _stored(setting, browser, start) == 3 + 4


def test_a_second_person_says_so_and_nothing_of_them_is_recorded(
    setting: Setting, browser: Browser, page: Page, screen: Screen
) -> None:
    start = time.time()
    _lock(screen, browser, page)
    popup = open_popup(browser)
    popup.get_by_role("button", name="Not you?").click()
    popup.get_by_text("Somebody said that they are not the participant").wait_for()
    assert "profile" in popup.locator("#next").inner_text()
    assert popup.get_by_role("button", name="Not you?").is_hidden()
    popup.close()

    click_some(page, 5)
    page.wait_for_timeout(SETTLE_MS)
    _lock_again_changes_nothing(screen, browser, page)
    browser.restart()
    again = browser.context.new_page()
    again.goto(CRM + PATH)
    click_some(again, 5)
    again.wait_for_timeout(SETTLE_MS)
    shown = state(browser)
    assert (shown["state"], shown["reason"]) == ("paused", "presence_denied")

    popup = open_popup(browser)
    popup.get_by_role("button", name="Continue").click()
    popup.get_by_role("button", name="For an hour").wait_for()
    popup.close()
    again.bring_to_front()
    again.wait_for_timeout(SETTLE_MS)
    assert click_some(again, 2) == 2
    again.wait_for_timeout(SETTLE_MS)
    assert _stored(setting, browser, start) == 2


def _lock_again_changes_nothing(screen: Screen, browser: Browser, page: Page) -> None:
    screen.lock()
    page.wait_for_timeout(SETTLE_MS)
    screen.unlock()
    assert state(browser)["reason"] == "presence_denied"


def test_eight_hours_after_the_last_answer_it_asks_again(
    setting: Setting, browser: Browser
) -> None:
    page = browser.context.new_page()
    page.goto(CRM + PATH)
    start = time.time()
    _age_presence(browser, page, 7.9)
    wait_until(page, lambda: state(browser)["state"] == "recording")
    _age_presence(browser, page, 0.2)
    assert state(browser)["reason"] == "presence_unasked"
    click_some(page, 5)
    page.wait_for_timeout(SETTLE_MS)
    # A pause of one's own does not end the question, nor does its end.
    browser.ask({"kind": "resume"})
    assert state(browser)["reason"] == "presence_unasked"
    browser.ask({"kind": "presence", "isParticipant": True})
    page.wait_for_timeout(SETTLE_MS)
    assert click_some(page, 2) == 2
    page.wait_for_timeout(SETTLE_MS)
    assert _stored(setting, browser, start) == 2


def test_one_programme_a_profile_is_said_where_one_decides(
    setting: Setting, browser: Browser
) -> None:
    page = browser.extension_page("welcome.html")
    page.get_by_text("One browser profile takes part in one programme, for one person.").wait_for()
    page.close()
    asked = browser.blank()
    other = setting.relay.codes()[0]
    offer = {"kind": "offer", "enrolment": other}
    reply = asked.evaluate("m => chrome.runtime.sendMessage(m)", offer)
    assert reply["ok"]  # the same programme again is no other one
    asked.close()
