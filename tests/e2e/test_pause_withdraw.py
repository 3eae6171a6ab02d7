"""Pausing and leaving stop at once, also without worker or network, and stay so."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright

from tests.support import traffic
from tests.support.apps import CRM, WIKI
from tests.support.browser import Browser, wait_until
from tests.support.counter import PATH, click_some, counter_page
from tests.support.events import between, clicks
from tests.support.pages import agree_by_message, allow, settled, state
from tests.support.setting import Programme, Setting

pytestmark = pytest.mark.timeout(600)  # real browsers on a busy machine

SETTLE_MS = 1500


@pytest.fixture(scope="module")
def setting(make_setting: Callable[..., Setting], extension: Path) -> Setting:
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


def test_paused_for_this_site_records_elsewhere(
    setting: Setting, browser: Browser, page: Page
) -> None:
    browser.ask({"kind": "pause", "scope": "site"})
    assert state(browser)["reason"] == "paused_site"
    start = time.time()
    assert click_some(page, 5) == 5
    page.goto(WIKI + PATH)
    assert state(browser)["state"] == "recording"
    assert click_some(page, 4) == 4
    page.wait_for_timeout(SETTLE_MS)
    page.goto(CRM + PATH)
    browser.ask({"kind": "resume"})
    assert _stored(setting, browser, start) == 4


@pytest.mark.parametrize("scope", ["hour", "until_resumed"])
def test_a_pause_outlives_worker_and_browser(
    setting: Setting, browser: Browser, page: Page, scope: str
) -> None:
    browser.ask({"kind": "pause", "scope": scope})
    start = time.time()
    click_some(page, 3)
    browser.stop_worker(page)
    click_some(page, 3)
    page.wait_for_timeout(SETTLE_MS)
    browser.restart()
    again = browser.context.new_page()
    again.goto(CRM + PATH)
    assert state(browser)["state"] == "paused"
    click_some(again, 3)
    again.wait_for_timeout(SETTLE_MS)
    browser.ask({"kind": "resume"})
    assert state(browser)["state"] == "recording"
    assert click_some(again, 2) == 2
    again.wait_for_timeout(SETTLE_MS)
    assert _stored(setting, browser, start) == 2


def test_withdrawing_offline_stops_at_once_and_is_confirmed_later(
    setting: Setting, browser: Browser
) -> None:
    page = browser.context.new_page()
    page.goto(CRM + PATH)
    settled(browser)
    setting.proxy.cut()
    click_some(page, 5)
    wait_until(page, lambda: browser.outbox_size() > 0)
    stored = len(setting.relay.stored())

    assert browser.ask({"kind": "withdraw"}) == {"confirmed": False}
    assert browser.outbox_size() == 0
    assert state(browser)["state"] == "off"
    click_some(page, 5)
    page.wait_for_timeout(SETTLE_MS)
    browser.stop_worker(page)
    click_some(page, 5)
    page.wait_for_timeout(SETTLE_MS)
    assert browser.outbox_size() == 0

    setting.proxy.mend()
    wait_until(
        page, lambda: traffic.read(setting.proxy.recordings).withdrawn_at, seconds=60, every_ms=500
    )
    page.wait_for_timeout(SETTLE_MS)
    assert len(setting.relay.stored()) == stored
    assert set(setting.relay.dropped()) == {"withdrawn"}


def test_after_leaving_nothing_runs_in_the_apps(setting: Setting, browser: Browser) -> None:
    page = browser.context.new_page()
    contexts = browser.watch_contexts(page)
    page.goto(CRM + PATH)
    click_some(page, 5)
    page.wait_for_timeout(SETTLE_MS)
    assert contexts.of_extension() == []
    assert contexts.seen


def test_leaving_gives_the_access_back(browser: Browser) -> None:
    page = browser.blank()
    assert page.evaluate("chrome.permissions.getAll()")["origins"] == []
    page.close()


def test_a_new_yes_makes_a_new_stream(setting: Setting, browser: Browser) -> None:
    before = setting.relay.streams()
    start = time.time()
    assert allow(browser, CRM)
    browser.ask({"kind": "grant", "grants": [{"app": 1, "signals": ["click"]}]})
    page = browser.context.new_page()
    page.goto(CRM + PATH)
    assert click_some(page, 4) == 4
    page.wait_for_timeout(SETTLE_MS)
    assert _stored(setting, browser, start) == 4
    assert setting.relay.streams() == before + 1
