"""Real Chromium behind proxies that do not let WebSockets be: every click is stored once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, Playwright

from tests.support import browser as browsers
from tests.support.apps import CRM
from tests.support.browser import Browser, wait_until
from tests.support.counter import PATH, click_some, counter_page
from tests.support.events import clicks
from tests.support.pages import agree_by_message, settled, state
from tests.support.proxies import BufferingProxy, CompanyProxy, CuttingProxy, RefusingProxy
from tests.support.setting import Programme, Setting
from tests.support.tls import Authority

pytestmark = pytest.mark.timeout(600)  # real browsers on a busy machine

QUICK = Path(__file__).with_name("quick_pace.ts")
SETTLE_MS = 1500
PATIENCE_S = 90
MAKERS: dict[str, Callable[[Authority], CompanyProxy]] = {
    "refused": lambda authority: RefusingProxy(authority, 0),
    "buffered": lambda authority: BufferingProxy(authority, 0),
    "mute": lambda authority: BufferingProxy(authority, 0, passes_heads=True),
    "cut": lambda authority: CuttingProxy(authority, 0, after_s=3),
    "minute": lambda authority: CuttingProxy(authority, 0),
}
"""The proxies; "cut" cuts after 3 s, for an extension that waits for less long."""


class Behind(NamedTuple):
    """A person's browser behind a proxy."""

    setting: Setting
    browser: Browser
    page: Page

    @property
    def proxy(self) -> CompanyProxy:
        """The proxy between them and the relay."""
        assert isinstance(self.setting.proxy, CompanyProxy)
        return self.setting.proxy

    def transport(self) -> str:
        """Return the transport of the open session, as the diagnostics name it."""
        lines = self.browser.ask({"kind": "diagnostics"}).splitlines()
        return dict(line.split(": ", 1) for line in lines)["transport"]

    def click_until(self, transport: str) -> int:
        """Click until the session is on this transport, and return how often."""
        clicked = 0

        def is_there() -> bool:
            nonlocal clicked
            clicked += click_some(self.page, 3)
            return self.transport() == transport

        wait_until(self.page, is_there, seconds=PATIENCE_S)
        return clicked

    def settle(self) -> None:
        """Wait until everything clicked so far has its outcome."""
        self.page.wait_for_timeout(SETTLE_MS)
        settled(self.browser)

    def is_whole(self) -> bool:
        """Tell whether the seqs stored are all there are, once each and in order."""
        seqs = [batch.seq for batch in self.setting.relay.stored()]
        return seqs == list(range(1, len(seqs) + 1)) and self.setting.relay.streams() == 1


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an extension that waits for less long."""
    out = tmp_path_factory.mktemp("quick") / "chromium"
    return browsers.build_extension(out, swaps={"shared/pace.ts": QUICK})


@pytest.fixture
def behind(tmp_path: Path, driver: Playwright) -> Iterator[Callable[[Path, str], Behind]]:
    """Return a function that puts a person who agreed behind a proxy."""
    settings: list[Setting] = []

    def start(extension: Path, kind: str) -> Behind:
        programme = Programme(
            extension=extension, pages=((PATH, counter_page),), proxy=MAKERS[kind]
        )
        setting = Setting(tmp_path / "setting", programme=programme)
        settings.append(setting)
        setting.start_servers()
        browser = setting.browser(driver)
        agree_by_message(browser, setting.relay.codes()[0], ("click",))
        page = browser.context.new_page()
        page.goto(CRM + PATH)
        wait_until(page, lambda: state(browser)["state"] == "recording", seconds=PATIENCE_S)
        return Behind(setting, browser, page)

    yield start
    for setting in settings:
        setting.stop()


@pytest.mark.parametrize("kind", ["refused", "buffered", "mute", "cut"])
def test_what_is_recorded_behind_a_proxy_is_stored_once(
    quick: Path, behind: Callable[[Path, str], Behind], kind: str
) -> None:
    there = behind(quick, kind)
    clicked = there.click_until("requests")
    clicked += click_some(there.page, 10)
    there.settle()
    assert there.is_whole()

    there.proxy.is_harmless = True
    clicked += there.click_until("websocket")
    clicked += click_some(there.page, 10)
    there.settle()
    assert there.is_whole()

    there.proxy.is_harmless = False
    there.proxy.cut()
    there.proxy.mend()
    clicked += there.click_until("requests")
    clicked += click_some(there.page, 10)
    there.settle()
    assert there.is_whole()
    assert there.setting.relay.outcomes() == {"stored": len(there.setting.relay.stored())}
    assert clicks(there.setting.read().open()) == clicked


def test_the_shipped_extension_goes_over_to_requests_at_once(
    extension: Path, behind: Callable[[Path, str], Behind]
) -> None:
    there = behind(extension, "refused")
    assert there.transport() == "requests"
    clicked = click_some(there.page, 20)
    there.settle()
    assert there.is_whole()
    assert state(there.browser)["state"] == "recording"
    assert 'sessions_opened_total{transport="https"} 1.0' in there.setting.relay.get("/metrics")
    there.browser.ask({"kind": "withdraw"})
    wait_until(there.page, lambda: state(there.browser)["reason"] == "withdrawn")
    assert clicks(there.setting.read().open()) == clicked


@pytest.mark.timeout(900)
def test_the_shipped_extension_gives_up_websockets_that_are_cut_at_a_minute(
    extension: Path, behind: Callable[[Path, str], Behind], *, full_effort: bool
) -> None:
    if not full_effort:
        pytest.skip("three cuts take four minutes: only with CANDOR_EFFORT=full")
    there = behind(extension, "minute")
    clicked = 0
    for _ in range(60):
        clicked += click_some(there.page, 3)
        there.page.wait_for_timeout(5_000)
        if there.transport() == "requests":
            break
    assert there.transport() == "requests"
    clicked += click_some(there.page, 10)
    there.settle()
    assert there.is_whole()
    assert clicks(there.setting.read().open()) == clicked
