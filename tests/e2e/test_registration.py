"""The content script runs where policy, grant and permission all say yes, and nowhere else."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.support.apps import CRM, MAIL, WIKI
from tests.support.browser import Browser
from tests.support.setting import Programme, Setting

pytestmark = pytest.mark.timeout(600)  # real browsers on a busy machine

APPS = {CRM: 1, WIKI: 2}


@pytest.fixture(scope="module")
def everything(make_setting: Callable[..., Setting], extension: Path) -> Setting:
    """One relay whose policy approves the CRM and the wiki."""
    return make_setting(Programme(extension=extension))


def _runs_in(browser: Browser) -> set[str]:
    """Return the origins of the apps in whose pages the extension has a world of its own."""
    found = set()
    for origin in (CRM, WIKI, MAIL):
        page = browser.context.new_page()
        contexts = browser.watch_contexts(page)
        page.goto(f"{origin}/")
        page.wait_for_timeout(300)
        assert contexts.seen
        if contexts.of_extension():
            found.add(origin)
        page.close()
    return found


def _registered(browser: Browser) -> set[str]:
    page = browser.blank()
    scripts = page.evaluate("chrome.scripting.getRegisteredContentScripts()")
    page.close()
    return {match.removesuffix("/*") for script in scripts for match in script["matches"]}


_CASES = [
    (grant, permission)
    for grant, permission in itertools.product(((CRM,), (CRM, WIKI)), ((), (CRM,), (WIKI, MAIL)))
]


@pytest.mark.parametrize(("granted", "permitted"), _CASES)
def test_grant_and_permission_meet(
    everything: Setting, driver: Playwright, granted: tuple[str, ...], permitted: tuple[str, ...]
) -> None:
    setting = everything
    setting.programme = Programme(granted=permitted, extension=setting.programme.extension)
    browser = setting.browser(driver)
    browser.ask({"kind": "offer", "enrolment": setting.relay.codes()[0]})
    grants = [{"app": APPS[origin], "signals": ["click"]} for origin in granted]
    browser.ask({"kind": "grant", "grants": grants})
    expected = set(granted) & set(permitted)
    assert _registered(browser) == expected
    assert _runs_in(browser) == expected


def test_without_a_grant_nothing_is_registered(everything: Setting, driver: Playwright) -> None:
    everything.programme = Programme(extension=everything.programme.extension)
    browser = everything.browser(driver)
    assert _registered(browser) == set()
    browser.ask({"kind": "offer", "enrolment": everything.relay.codes()[0]})
    assert _registered(browser) == set()
    assert _runs_in(browser) == set()


def test_a_no_registers_nothing(everything: Setting, driver: Playwright) -> None:
    browser = everything.browser(driver)
    browser.ask({"kind": "offer", "enrolment": everything.relay.codes()[0]})
    browser.ask({"kind": "decline"})
    assert _registered(browser) == set()
    assert _runs_in(browser) == set()


def test_a_permission_taken_back_stops_at_once(everything: Setting, driver: Playwright) -> None:
    browser = everything.browser(driver)
    browser.ask({"kind": "offer", "enrolment": everything.relay.codes()[0]})
    browser.ask({"kind": "grant", "grants": [{"app": 1, "signals": ["click"]}]})
    assert _runs_in(browser) == {CRM}
    page = browser.blank()
    assert page.evaluate("origins => chrome.permissions.remove({origins})", [f"{CRM}/*"])
    page.wait_for_timeout(500)
    assert _registered(browser) == set()
    assert _runs_in(browser) == set()


def test_a_killed_worker_leaves_it_as_it_was(everything: Setting, driver: Playwright) -> None:
    browser = everything.browser(driver)
    browser.ask({"kind": "offer", "enrolment": everything.relay.codes()[0]})
    browser.ask({"kind": "grant", "grants": [{"app": 2, "signals": ["click"]}]})
    page = browser.blank()
    browser.stop_worker(page)
    assert _runs_in(browser) == {WIKI}
    assert _registered(browser) == {WIKI}
