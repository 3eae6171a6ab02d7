"""A wrong clock, a full or damaged database, an app without access: told truly, lost counted."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright

from tests.support.apps import CRM, WIKI
from tests.support.browser import EXTENSION_ID, Browser, wait_until
from tests.support.counter import PATH, click_some, counter_page
from tests.support.events import between, clicks
from tests.support.pages import agree_by_message, open_popup, settled, state
from tests.support.setting import Programme, Setting

SETTLE_MS = 1500
ALARM_SECONDS = 45
"""The worker looks after itself every 30 s."""
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def programme(extension: Path) -> Programme:
    return Programme(extension=extension, pages=((PATH, counter_page),))


@pytest.fixture
def setting(make_setting: Callable[..., Setting], programme: Programme) -> Iterator[Setting]:
    """Return a setting of this test's own, since its device is damaged for good."""
    setting = make_setting(programme)
    yield setting
    setting.stop()


@pytest.fixture
def browser(setting: Setting, driver: Playwright) -> Browser:
    browser = setting.browser(driver)
    agree_by_message(browser, setting.relay.codes()[0], ("click",))
    return browser


@pytest.fixture
def page(browser: Browser) -> Page:
    page = browser.context.new_page()
    page.goto(CRM + PATH)
    return page


def _stored(setting: Setting, browser: Browser, start: float) -> int:
    settled(browser)
    return clicks(between(setting.read().open(), start, time.time()))


def _counted(browser: Browser, name: str) -> dict[str, int]:
    """Return what the diagnostics count under a name, by reason."""
    line = re.search(rf"^{name}: (.*)$", browser.ask({"kind": "diagnostics"}), re.MULTILINE)
    assert line
    return {reason: int(count) for reason, count in re.findall(r"(\w+) (\d+)", line[1])}


def _reason(browser: Browser) -> str:
    return str(state(browser)["reason"])


# ------------------------------------------------------------------------------------------ clock


def _set_clock(browser: Browser, ahead_ms: int) -> None:
    """Have the running worker's Date lie by so much; the machine's clock is everybody's."""
    worker = next(one for one in browser.context.service_workers if EXTENSION_ID in one.url)
    worker.evaluate(
        """ahead => {
          globalThis.TrueDate ??= Date;
          const True = globalThis.TrueDate;
          globalThis.Date = class extends True {
            constructor(...given) { super(...(given.length > 0 ? given : [True.now() + ahead])); }
            static now() { return True.now() + ahead; }
          };
        }""",
        ahead_ms,
    )


@pytest.mark.parametrize("ahead_ms", [-7 * DAY_MS, 365 * DAY_MS])
def test_a_clock_that_jumps_stops_recording_and_its_return_starts_it(
    setting: Setting, browser: Browser, page: Page, ahead_ms: int
) -> None:
    start = time.time()
    assert click_some(page, 3) == 3
    page.wait_for_timeout(SETTLE_MS)
    settled(browser)
    _set_clock(browser, ahead_ms)
    wait_until(page, lambda: _reason(browser) == "clock", seconds=ALARM_SECONDS)
    assert state(browser)["state"] == "problem"
    popup = open_popup(browser)
    popup.get_by_text("This computer's clock is more than an hour wrong").wait_for()
    popup.get_by_text("Set the clock; recording goes on by itself").wait_for()
    popup.close()
    page.bring_to_front()
    click_some(page, 5)
    page.wait_for_timeout(SETTLE_MS)

    _set_clock(browser, 0)
    wait_until(page, lambda: state(browser)["state"] == "recording", seconds=ALARM_SECONDS)
    page.wait_for_timeout(SETTLE_MS)
    assert click_some(page, 4) == 4
    page.wait_for_timeout(SETTLE_MS)
    assert _stored(setting, browser, start) == 3 + 4
    assert setting.relay.dropped() == {}


def test_a_clock_that_jumps_back_while_the_relay_is_away_does_not_keep_the_device_away(
    setting: Setting, browser: Browser, page: Page
) -> None:
    setting.proxy.cut()
    wait_until(page, lambda: state(browser)["state"] == "waiting")
    page.wait_for_timeout(SETTLE_MS)
    _set_clock(browser, -7 * DAY_MS)
    page.wait_for_timeout(SETTLE_MS)
    assert _reason(browser) == "clock"
    setting.proxy.mend()
    _set_clock(browser, 0)
    wait_until(page, lambda: state(browser)["state"] == "recording", seconds=2 * ALARM_SECONDS)


# ----------------------------------------------------------------------------------------- storage


def _limit_quota(browser: Browser, page: Page, size: int | None) -> None:
    """Limit what the browser lets the extension store; None is the usual."""
    session = browser.context.new_cdp_session(page)
    given = {} if size is None else {"quotaSize": size}
    origin = f"chrome-extension://{EXTENSION_ID}"
    session.send("Storage.overrideQuotaForOrigin", {"origin": origin, **given})


def test_a_full_disk_stops_recording_and_keeps_what_was_recorded(
    setting: Setting, browser: Browser, page: Page
) -> None:
    start = time.time()
    assert click_some(page, 3) == 3
    page.wait_for_timeout(SETTLE_MS)
    settled(browser)
    blank = browser.blank()
    _limit_quota(browser, blank, 1)
    page.bring_to_front()
    # The browser asks for the room that is left once in a while only.
    before_full = 0
    while _reason(browser) != "disk_full" and before_full < 60:
        page.bring_to_front()
        before_full += click_some(page, 1)
        page.wait_for_timeout(SETTLE_MS)
    assert state(browser)["state"] == "problem"
    popup = open_popup(browser)
    popup.get_by_text("is full. Nothing is recorded until there is space.").wait_for()
    popup.close()
    page.bring_to_front()
    page.wait_for_timeout(SETTLE_MS)
    click_some(page, 5)
    page.wait_for_timeout(SETTLE_MS)
    browser.stop_worker(page)
    page.wait_for_timeout(SETTLE_MS)

    _limit_quota(browser, blank, None)
    blank.close()
    page.bring_to_front()
    wait_until(page, lambda: state(browser)["state"] == "recording", seconds=2 * ALARM_SECONDS)
    page.wait_for_timeout(SETTLE_MS)
    assert click_some(page, 2) == 2
    page.wait_for_timeout(SETTLE_MS)
    assert _stored(setting, browser, start) == 3 + before_full + 2


def _lost(setting: Setting, browser: Browser, page: Page) -> None:
    wait_until(page, lambda: _reason(browser) == "storage_lost", seconds=ALARM_SECONDS)
    assert state(browser)["state"] == "problem"
    popup = open_popup(browser)
    popup.get_by_text("was deleted or damaged").wait_for()
    popup.get_by_text("ask your representative for a new enrolment string").wait_for()
    popup.get_by_role("link", name="Enter an enrolment string").wait_for()
    popup.close()
    page.bring_to_front()
    click_some(page, 5)
    page.wait_for_timeout(SETTLE_MS)
    assert browser.outbox_size() == 0
    agree_by_message(browser, setting.relay.codes()[0], ("click",))
    page.wait_for_timeout(SETTLE_MS)
    start = time.time()
    assert click_some(page, 2) == 2
    page.wait_for_timeout(SETTLE_MS)
    assert _stored(setting, browser, start) == 2
    assert setting.relay.streams() == 2


def test_a_database_that_is_deleted_is_no_browser_that_never_agreed(
    setting: Setting, browser: Browser, page: Page
) -> None:
    setting.proxy.cut()
    click_some(page, 3)
    wait_until(page, lambda: browser.outbox_size() > 0)
    waiting = browser.outbox_size()
    page.wait_for_timeout(1_000 * ALARM_SECONDS)  # the worker notes how many wait
    setting.proxy.mend()
    blank = browser.blank()
    setting.proxy.cut()
    blank.evaluate(
        """() => new Promise((ok, no) => {
          const gone = indexedDB.deleteDatabase("candor");
          gone.onsuccess = ok;
          gone.onerror = () => no(gone.error);
        })"""
    )
    blank.close()
    page.bring_to_front()
    wait_until(page, lambda: _reason(browser) == "storage_lost", seconds=ALARM_SECONDS)
    assert _counted(browser, "dropped") == {"storage_lost": waiting}
    setting.proxy.mend()
    _lost(setting, browser, page)


def test_a_damaged_database_is_told_and_a_new_string_leads_on(
    setting: Setting, browser: Browser, page: Page
) -> None:
    click_some(page, 3)
    page.wait_for_timeout(SETTLE_MS)
    settled(browser)
    browser.close()
    folder = browser.profile / "Default" / "IndexedDB"
    files = [
        path
        for path in folder.rglob("*")
        if EXTENSION_ID in str(path) and path.is_file() and path.name != "LOCK"
    ]
    assert files
    for path in files:
        path.write_bytes(os.urandom(max(64, path.stat().st_size)))
    browser.start()
    page = browser.context.new_page()
    page.goto(CRM + PATH)
    _lost(setting, browser, page)


# ------------------------------------------------------------------------------------- permission


def test_an_app_without_access_is_named_and_the_others_go_on(
    make_setting: Callable[..., Setting], driver: Playwright, programme: Programme
) -> None:
    only = Programme(granted=(CRM,), extension=programme.extension, pages=programme.pages)
    setting = make_setting(only)
    browser = setting.browser(driver)
    agree_by_message(browser, setting.relay.codes()[0], ("click",))
    page = browser.context.new_page()
    page.goto(WIKI + PATH)
    click_some(page, 3)
    page.wait_for_timeout(SETTLE_MS)
    shown = state(browser)
    assert (shown["state"], shown["reason"]) == ("not_here", "no_access")
    popup = open_popup(browser)
    popup.get_by_text("Your browser gives it no access to Wiki").wait_for()
    popup.get_by_text("Open the notice and choose Yes again").wait_for()
    popup.close()
    page.goto(CRM + PATH)
    page.wait_for_timeout(SETTLE_MS)
    start = time.time()
    assert click_some(page, 2) == 2
    page.wait_for_timeout(SETTLE_MS)
    assert _stored(setting, browser, start) == 2
    setting.stop()
