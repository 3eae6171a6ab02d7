"""Promise 1: nothing outside approved apps.

Limit: what the browser itself allows the extension is the browser's word; excluded paths and
marked regions only the device can check.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright

from relay.client import tls_context
from relay.model import Signal
from tests.support.apps import CRM, EXCLUDED, MAIL, WIKI
from tests.support.aside import aside
from tests.support.browser import Browser
from tests.support.events import Event, between
from tests.support.human import Hand
from tests.support.pages import agree_by_message, settled
from tests.support.person import Person
from tests.support.rogue import RogueDevice
from tests.support.sabotage import sabotaged_extension
from tests.support.setting import SIGNALS, Programme, Setting

pytestmark = pytest.mark.timeout(600)  # real browsers on a busy machine

FRAMED = "/framed"
MARKED = "/marked"

_FRAMED_PAGE = """<!doctype html><meta charset="utf-8"><title>Framed</title>
<h1>A page around another</h1><iframe src="{origin}/plain" width="700" height="400"></iframe>"""
_PLAIN_PAGE = """<!doctype html><meta charset="utf-8"><title>Plain</title>
<main><button type="button" style="width:300px;height:120px">Press</button>
<input aria-label="Name" style="width:300px;height:40px"></main>"""
_MARKED_PAGE = """<!doctype html><meta charset="utf-8"><title>Marked</title>
<main data-candor-ignore style="position:fixed;inset:0"><button type="button">Press</button>
<input aria-label="Name"><marked-box></marked-box>
<iframe src="/plain" width="500" height="300"></iframe></main><script>
customElements.define("marked-box", class extends HTMLElement {
  connectedCallback() {
    const root = this.attachShadow({mode: "closed"});
    root.innerHTML = "<input aria-label='Inside'><button>In</button>";
  }
});</script>"""


def _framed(origin: str) -> Callable[[object], str]:
    return lambda _request: _FRAMED_PAGE.replace("{origin}", origin)


PAGES = (
    (FRAMED, _framed(CRM)),
    ("/around", _framed(MAIL)),
    ("/plain", lambda _request: _PLAIN_PAGE),
    (MARKED, lambda _request: _MARKED_PAGE),
)


def _setting(make_setting: Callable[..., Setting], extension: Path) -> Setting:
    return make_setting(Programme(extension=extension, pages=PAGES))


@pytest.fixture(scope="module")
def setting(make_setting: Callable[..., Setting], extension: Path) -> Setting:
    return _setting(make_setting, extension)


@pytest.fixture(scope="module")
def browser(setting: Setting, driver: Playwright) -> Browser:
    browser = setting.browser(driver)
    agree_by_message(browser, setting.relay.codes()[0], SIGNALS)
    return browser


def _use(page: Page, *, frames: bool = False) -> None:
    """Move, click, type and scroll all over the page."""
    person = Person(page, Hand(5, pace=4))
    for target in (*page.locator("button").all(), *page.locator("input:visible").all())[:6]:
        person.click(target)
        person.type("a secret text")
    if frames:
        inner = page.frame_locator("iframe")
        person.click(inner.locator("button"))
        person.fill(inner.locator("input"), "a secret text")
    person.scroll(200)
    page.wait_for_timeout(1500)


def _events_while(
    setting: Setting, browser: Browser, page: Page, *, frames: bool = False
) -> list[Event]:
    """Use the page in front; return the opened events of that time."""
    page.wait_for_timeout(300)
    start = time.time()
    _use(page, frames=frames)
    end = time.time()
    page.goto("about:blank")
    settled(browser)
    everything = setting.read().open()
    return [event for event in between(everything, start, end) if event["signal"] != "attention"]


def excluded_path_gives_nothing(setting: Setting, browser: Browser) -> list[Event]:
    page = browser.context.new_page()
    page.goto(f"{CRM}{EXCLUDED}/october")
    return _events_while(setting, browser, page)


def marked_region_gives_nothing(setting: Setting, browser: Browser) -> list[Event]:
    page = browser.context.new_page()
    page.goto(f"{CRM}{MARKED}")
    return _events_while(setting, browser, page, frames=True)


def test_an_approved_page_gives_events(setting: Setting, browser: Browser) -> None:
    """The control: the same use of the same page does record where it may."""
    page = browser.context.new_page()
    page.goto(f"{CRM}/plain")
    assert len(_events_while(setting, browser, page)) > 20


def test_an_unapproved_page_gives_nothing_and_runs_nothing(
    setting: Setting, browser: Browser
) -> None:
    page = browser.context.new_page()
    contexts = browser.watch_contexts(page)
    page.goto(f"{MAIL}/")
    assert _events_while(setting, browser, page) == []
    assert contexts.of_extension() == []


def test_an_excluded_path_gives_nothing(setting: Setting, browser: Browser) -> None:
    assert excluded_path_gives_nothing(setting, browser) == []


SPELLINGS = ("/payroll/", "//payroll", "/x/../payroll", "/%70ayroll", "/payroll;a/b", "/PAYROLL/x")


def test_an_excluded_path_is_known_in_every_spelling(setting: Setting, browser: Browser) -> None:
    page = browser.context.new_page()
    page.goto(f"{CRM}/plain")
    page.evaluate("history.pushState(null, '', '/payroll')")
    page.wait_for_timeout(300)
    start = time.time()
    for path in SPELLINGS:
        page.evaluate("path => history.pushState(null, '', location.origin + path)", path)
        _use(page)
    end = time.time()
    page.goto("about:blank")
    settled(browser)
    assert between(setting.read().open(), start, end) == []


def test_a_marked_region_gives_nothing(setting: Setting, browser: Browser) -> None:
    assert marked_region_gives_nothing(setting, browser) == []


def test_an_approved_frame_in_an_unapproved_page_gives_nothing(
    setting: Setting, browser: Browser
) -> None:
    page = browser.context.new_page()
    page.goto(f"{MAIL}{FRAMED}")
    assert _events_while(setting, browser, page, frames=True) == []


def test_an_unapproved_frame_in_an_approved_page_gives_nothing_of_its_own(
    setting: Setting, browser: Browser
) -> None:
    page = browser.context.new_page()
    contexts = browser.watch_contexts(page)
    page.goto(f"{CRM}/around")
    events = _events_while(setting, browser, page, frames=True)
    assert {event["signal"] for event in events} <= {"pointer", "hover", "scroll", "navigation"}
    assert [one for one in contexts.of_extension() if MAIL in str(one)] == []


def test_the_relay_refuses_an_app_that_the_policy_or_grant_lacks(setting: Setting) -> None:
    async def send() -> dict[int, str]:
        async with RogueDevice(tls=tls_context(setting.authority.file)) as device:
            await device.enrol(setting.relay.codes()[0])
            await device.grant({1: Signal.CLICK})
            for app in (2, 77):
                device.seal_plaintext(app, 0, b"\x91\x01")
            await device.settled()
            return {seq: str(reason) for seq, reason in device.refused.items()}

    assert set(aside(send).values()) == {"app_not_allowed"}


# ------------------------------------------------------------------------------------ sabotage


def test_sabotage_forgetting_excluded_paths_is_seen(
    make_setting: Callable[..., Setting], driver: Playwright, tmp_path: Path
) -> None:
    leaky = sabotaged_extension(
        tmp_path,
        ("content/place.ts", "isExcludedPath(pathname, excludedPaths)", "false"),
        ("background/places.ts", "matchPage(url, apps).reason !== null", "false"),
    )
    setting = _setting(make_setting, leaky)
    browser = setting.browser(driver)
    agree_by_message(browser, setting.relay.codes()[0], SIGNALS)
    assert len(excluded_path_gives_nothing(setting, browser)) > 20


def test_sabotage_ignoring_marks_is_seen(
    make_setting: Callable[..., Setting], driver: Playwright, tmp_path: Path
) -> None:
    leaky = sabotaged_extension(
        tmp_path, ("content/privacy.ts", "data-candor-ignore", "data-nobody-uses-this")
    )
    setting = _setting(make_setting, leaky)
    browser = setting.browser(driver)
    agree_by_message(browser, setting.relay.codes()[0], SIGNALS)
    assert len(marked_region_gives_nothing(setting, browser)) > 20


def test_sabotage_registering_elsewhere_is_stopped_by_the_worker(
    make_setting: Callable[..., Setting], driver: Playwright, extension: Path, tmp_path: Path
) -> None:
    """Even with the browser's permission and the script running, the worker keeps nothing."""
    leaky = sabotaged_extension(
        tmp_path,
        (
            "background/registration.ts",
            "await registerContent(origins);",
            f'await registerContent([...origins, "{MAIL}"]);',
        ),
    )
    setting = make_setting(Programme(extension=leaky, pages=PAGES, granted=(CRM, WIKI, MAIL)))
    browser = setting.browser(driver)
    agree_by_message(browser, setting.relay.codes()[0], SIGNALS)
    page = browser.context.new_page()
    contexts = browser.watch_contexts(page)
    page.goto(f"{MAIL}/")
    assert _events_while(setting, browser, page) == []
    assert contexts.of_extension() != []
