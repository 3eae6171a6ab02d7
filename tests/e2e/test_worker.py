"""What the extension's worker does when the relay, the policy or the enrolment changes under it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright

from tests.support.apps import CRM
from tests.support.browser import Browser, wait_until
from tests.support.counter import PATH, click_some, counter_page
from tests.support.pages import agree_by_message, allow, settled, state
from tests.support.setting import Programme, Setting, count_acked

SETTLE_MS = 1500
PATIENCE_SECONDS = 90
YES = {"kind": "grant", "grants": [{"app": 1, "signals": ["click"]}]}


@pytest.fixture(scope="module")
def programme(extension: Path) -> Programme:
    return Programme(extension=extension, pages=((PATH, counter_page),))


@pytest.fixture
def setting(make_setting: Callable[..., Setting], programme: Programme) -> Iterator[Setting]:
    """Return a setting of this test's own, since its relay is changed for good."""
    setting = make_setting(programme)
    yield setting
    setting.stop()


@pytest.fixture
def browser(setting: Setting, driver: Playwright) -> Browser:
    return setting.browser(driver)


def _page(browser: Browser) -> Page:
    page = browser.context.new_page()
    page.goto(CRM + PATH)
    return page


def _clicks_are_acked(setting: Setting, browser: Browser, page: Page) -> bool:
    before = count_acked(setting)
    click_some(page, 3)
    page.wait_for_timeout(SETTLE_MS)
    settled(browser)
    return count_acked(setting) > before


def _reply(browser: Browser, message: dict[str, Any]) -> dict[str, Any]:
    page = browser.blank()
    reply: dict[str, Any] = page.evaluate("m => chrome.runtime.sendMessage(m)", message)
    page.close()
    return reply


def _republish(setting: Setting, *changes: tuple[str, str]) -> None:
    draft = setting.relay.policy.read_text("utf-8")
    for old, new in changes:
        assert old in draft
        draft = draft.replace(old, new)
    setting.relay.policy.write_text(draft, "utf-8")
    setting.relay.sign()
    setting.relay.publish()


def _bring_back(setting: Setting) -> None:
    setting.relay.start()
    setting.proxy.target_port = setting.relay.port


def test_a_narrower_policy_goes_on_and_a_wider_one_waits_for_a_yes(
    setting: Setting, browser: Browser
) -> None:
    agree_by_message(browser, setting.relay.codes()[0], ("click",))
    page = _page(browser)
    assert _clicks_are_acked(setting, browser, page)

    _republish(
        setting, ("number = 1", "number = 2"), ("retention_days = 183", "retention_days = 30")
    )
    page.wait_for_timeout(SETTLE_MS)
    assert state(browser)["state"] == "recording"
    assert _clicks_are_acked(setting, browser, page)

    _republish(
        setting, ("number = 2", "number = 3"), ("retention_days = 30", "retention_days = 400")
    )
    wait_until(page, lambda: state(browser)["reason"] == "policy_changed")
    assert not _clicks_are_acked(setting, browser, page)

    assert "400 days" in browser.ask({"kind": "agreement"})["offer"]["notice"]
    browser.ask(YES)
    page.wait_for_timeout(SETTLE_MS)
    assert state(browser)["state"] == "recording"
    assert _clicks_are_acked(setting, browser, page)
    assert setting.relay.refused() == {}


def test_a_yes_without_a_relay_is_kept_and_records_nothing_before_it_is_confirmed(
    setting: Setting, browser: Browser
) -> None:
    browser.ask({"kind": "offer", "enrolment": setting.relay.codes()[0]})
    setting.relay.kill()
    assert _reply(browser, YES)["code"] == "unconfirmed"
    page = _page(browser)
    click_some(page, 3)
    page.wait_for_timeout(SETTLE_MS)
    assert state(browser)["state"] == "waiting"
    assert browser.outbox_size() == 0
    _bring_back(setting)
    wait_until(page, lambda: state(browser)["state"] == "recording", seconds=PATIENCE_SECONDS)
    assert _clicks_are_acked(setting, browser, page)


def test_a_relay_that_forgot_the_device_is_a_problem_until_a_new_string(
    setting: Setting, browser: Browser
) -> None:
    agree_by_message(browser, setting.relay.codes()[0], ("click",))
    page = _page(browser)
    assert _clicks_are_acked(setting, browser, page)
    setting.relay.kill()
    for path in setting.relay.data.glob("*.sqlite*"):
        path.unlink()
    _bring_back(setting)
    setting.relay.publish()
    wait_until(page, lambda: state(browser)["reason"] == "enrolment_lost", seconds=PATIENCE_SECONDS)
    assert not _clicks_are_acked(setting, browser, page)
    browser.ask({"kind": "offer", "enrolment": setting.relay.codes()[0]})
    browser.ask(YES)
    page.wait_for_timeout(SETTLE_MS)
    assert _clicks_are_acked(setting, browser, page)


def test_a_spent_or_mangled_string_enrols_nobody(
    setting: Setting, browser: Browser, driver: Playwright
) -> None:
    code = setting.relay.codes()[0]
    agree_by_message(browser, code, ("click",))
    other = setting.browser(driver)
    assert _reply(other, {"kind": "offer", "enrolment": code[:-1]})["code"] == "enrolment_malformed"
    other.ask({"kind": "offer", "enrolment": code})
    assert _reply(other, YES)["code"] == "code_spent"
    assert state(other)["reason"] == "not_enrolled"
    assert setting.relay.streams() == 1


def test_the_toolbar_tells_each_tab_its_own_state(setting: Setting, browser: Browser) -> None:
    agree_by_message(browser, setting.relay.codes()[0], ("click",))
    page = _page(browser)
    click_some(page, 1)
    page.wait_for_timeout(SETTLE_MS)
    asked = browser.blank()
    told = """async () => {
      const [tab] = await chrome.tabs.query({ url: "https://crm.corp.example/*" });
      const here = await chrome.action.getTitle({ tabId: tab.id });
      return [here, await chrome.action.getTitle({})];
    }"""
    assert asked.evaluate(told) == ["Candor: recording", "Candor: not here"]
    browser.ask({"kind": "pause", "scope": "until_resumed"})
    asked.wait_for_timeout(SETTLE_MS)
    assert asked.evaluate(told) == ["Candor: paused", "Candor: paused"]
    asked.close()


def test_a_no_keeps_the_device_connecting_records_nothing_and_can_become_a_yes(
    setting: Setting, browser: Browser
) -> None:
    browser.ask({"kind": "offer", "enrolment": setting.relay.codes()[0]})
    browser.ask({"kind": "decline"})
    page = _page(browser)
    assert not _clicks_are_acked(setting, browser, page)
    assert "connected: yes" in browser.ask({"kind": "diagnostics"})
    assert state(browser)["reason"] == "declined"
    asked = browser.blank()
    assert asked.evaluate("chrome.permissions.getAll()")["origins"] == []
    asked.close()
    browser.stop_worker(page)
    assert allow(browser, CRM)
    browser.ask(YES)
    page.wait_for_timeout(SETTLE_MS)
    assert _clicks_are_acked(setting, browser, page)
    assert setting.relay.streams() == 1
