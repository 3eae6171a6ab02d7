"""What was recorded is delivered once: across worker kills, offline hours, browser restarts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.support import traffic
from tests.support.apps import CRM
from tests.support.browser import Browser, wait_until
from tests.support.counter import PATH, click_some, counter_page
from tests.support.events import clicks
from tests.support.pages import agree_by_message, settled, state
from tests.support.setting import Programme, Setting

pytestmark = pytest.mark.timeout(600)  # real browsers on a busy machine

SETTLE_MS = 1500
"""A content script hands over what it has within a second."""


@pytest.fixture(scope="module")
def setting(make_setting: Callable[..., Setting], extension: Path) -> Setting:
    return make_setting(Programme(extension=extension, pages=((PATH, counter_page),)))


@pytest.fixture(scope="module")
def browser(setting: Setting, driver: Playwright) -> Browser:
    browser = setting.browser(driver)
    agree_by_message(browser, setting.relay.codes()[0], ("click",))
    return browser


def test_nothing_is_lost_or_doubled(setting: Setting, browser: Browser) -> None:
    page = browser.context.new_page()
    page.goto(CRM + PATH)
    seen = click_some(page, 10)

    browser.stop_worker(page)
    seen += click_some(page, 10)
    page.wait_for_timeout(SETTLE_MS)

    setting.proxy.cut()
    seen += click_some(page, 10)
    page.wait_for_timeout(SETTLE_MS)
    browser.stop_worker(page)
    seen += click_some(page, 10)
    wait_until(page, lambda: browser.outbox_size() >= 2)
    assert state(browser)["state"] == "waiting"
    assert state(browser)["waitingBatches"] == browser.outbox_size()
    page.wait_for_timeout(SETTLE_MS)

    browser.restart()
    assert browser.outbox_size() >= 2
    page = browser.context.new_page()
    page.goto(CRM + PATH)
    seen += click_some(page, 10)
    page.wait_for_timeout(SETTLE_MS)

    setting.proxy.mend()
    settled(browser)
    assert clicks(setting.read().open()) == seen == 50


def test_each_batch_is_stored_once_although_some_were_sent_twice(setting: Setting) -> None:
    places = [(batch.stream, batch.seq) for batch in setting.relay.stored()]
    assert len(places) == len(set(places))
    seqs = sorted(seq for _, seq in places)
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(traffic.read(setting.proxy.recordings).stored) == len(places)
    assert setting.relay.dropped() == {}


def test_a_flush_that_the_worker_already_kept_is_not_kept_again(
    setting: Setting, browser: Browser
) -> None:
    page = browser.context.new_page()
    page.goto(CRM + PATH)
    seen = 0
    for _ in range(6):  # killed at any moment between receiving and answering
        seen += click_some(page, 3)
        page.wait_for_timeout(900)
        browser.stop_worker(page)
    page.wait_for_timeout(SETTLE_MS)
    settled(browser)
    assert seen == 18
    assert clicks(setting.read().open()) == 50 + seen
