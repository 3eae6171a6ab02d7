"""The whole path in Firefox: enrol, allow, record all signals, pause, withdraw; and what differs.

Nothing is preset here: the browser's own permission prompt is read and clicked.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.demo import search
from tests.support import traffic
from tests.support.apps import CRM, WIKI
from tests.support.bidi import Tab, wait_until
from tests.support.events import between, clicks
from tests.support.firefox import OTHER_PORT, Firefox, build_extension, firefox
from tests.support.pages import agree_by_message
from tests.support.readers import Reading
from tests.support.setting import SIGNALS, Programme, Setting

pytestmark = pytest.mark.skipif(
    firefox() is None,
    reason="there is no Firefox 153 or later here, and `make setup` could not install one",
)

WIKI_APP = f"{WIKI}:{OTHER_PORT}"
"""The approved wiki stands on a port of its own, since Firefox's match patterns know no ports."""
SETTLE_S = 1.5
IDLE_MS = 25_000
"""Less than the 30 s of the alarm that wakes the background page, more than the 20 s of a ping."""
BUTTON = "#menu-button"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_extension(tmp_path_factory.mktemp("extension") / "firefox")


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    setting = Setting(tmp_path_factory.mktemp("setting"), programme=Programme(apps=(CRM, WIKI_APP)))
    try:
        yield setting.start_servers()
    finally:
        setting.stop()


@pytest.fixture(scope="module")
def start(setting: Setting, built: Path) -> Iterator[Callable[..., Firefox]]:
    """Return a function that starts a new person's browser; all of them close after the module."""
    started: list[Firefox] = []

    def start(*, private: bool = False) -> Firefox:
        folder = setting.folder / f"firefox-{len(started)}"
        browser = Firefox(
            folder,
            setting.authority,
            hosts=setting.apps.hosts,
            extension=built,
            preferences={"extensions.background.idle.timeout": IDLE_MS},
        )
        started.append(browser)
        return started[-1].start(private=private)

    yield start
    for browser in started:
        browser.close()


@pytest.fixture(scope="module")
def browser(start: Callable[..., Firefox]) -> Firefox:
    return start()


@pytest.fixture(scope="module")
def welcome(setting: Setting, browser: Firefox) -> Tab:
    """Return the page that installing opened, its notice read and every signal switched on."""
    (tab,) = wait_until(lambda: [tab for tab in browser.bidi.tabs() if _is_welcome(tab)])
    _read_notice(tab, setting.relay.codes()[0])
    for at in range(tab.call("() => document.querySelectorAll('[role=switch]').length")):
        tab.click("[role=switch]", at)
    return tab


def _is_welcome(tab: Tab) -> bool:
    return str(tab.call("() => location.pathname")) == "/welcome.html"


def _read_notice(tab: Tab, enrolment: str) -> None:
    tab.front()
    tab.box("#enrolment")
    tab.call("text => { document.querySelector('#enrolment').value = text; }", enrolment)
    tab.click("button[type=submit]")
    tab.wait_for_text("Your decision")


@pytest.fixture(scope="module")
def crm(browser: Firefox) -> Tab:
    return browser.bidi.tab(f"{CRM}/")


def _click_some(tab: Tab, times: int) -> None:
    tab.front()
    for _ in range(times):
        tab.click(BUTTON)


def _clicked(setting: Setting, browser: Firefox, start: float) -> int:
    """Return how many clicks since `start` both keys open."""
    time.sleep(SETTLE_S)
    browser.settled()
    return clicks(between(setting.read().open(), start, time.time()))


# ------------------------------------------------------------------------------------ the decision


def test_before_a_yes_the_browser_gives_nothing(welcome: Tab) -> None:
    given = welcome.call("() => chrome.permissions.getAll()")
    assert given["origins"] == given["data_collection"] == []


def test_deny_at_the_browsers_prompt_agrees_to_nothing(
    setting: Setting, browser: Firefox, welcome: Tab
) -> None:
    welcome.click("#yes")
    browser.answer_prompt(allow=False)
    welcome.wait_for_text("The browser did not give access")
    assert setting.relay.streams() == 0


def test_the_browser_asks_for_the_apps_and_for_what_is_collected(
    browser: Firefox, welcome: Tab
) -> None:
    welcome.click("#yes")
    prompt = browser.answer_prompt(allow=True)
    assert prompt.hosts == ["crm.corp.example", "wiki.corp.example"]
    told = welcome.text()
    for kind in ("browsing activity", "personally identifying information", "website activity"):
        assert kind in prompt.collected
        assert kind in told
    welcome.wait_for_text("You agreed, and recording is on")


# --------------------------------------------------------------------------------------- recording


@pytest.fixture(scope="module")
def reading(setting: Setting, browser: Firefox, crm: Tab) -> Reading:
    """Work in both apps, and unlock what was stored of it."""
    text = setting.canaries.text
    crm.hover("tbody tr", 2)
    time.sleep(0.7)
    crm.click(BUTTON)
    crm.click("[role=menuitem]", 1)
    crm.click("tbody tr a", 0)
    crm.click(".f-note")
    crm.type(text("typed.firefox-note"))
    crm.click(".f-pass")
    crm.type(text("typed.firefox-password"))
    crm.scroll(400)
    wiki = browser.bidi.tab(f"{WIKI_APP}/page/returns")
    wiki.click("h1")
    wiki.goto(f"{WIKI}/page/returns")
    wiki.click("h1")
    wiki.goto("about:blank")
    crm.front()
    time.sleep(SETTLE_S)
    browser.settled()
    return setting.read()


@pytest.fixture(scope="module")
def events(reading: Reading) -> list[dict[str, object]]:
    return reading.open()


def test_both_keys_open_all_eight_signals(events: list[dict[str, object]]) -> None:
    counts = Counter(str(event["signal"]) for event in events)
    assert set(counts) == set(SIGNALS)
    assert counts["pointer"] > 3 * counts["click"]


def test_clicks_tell_the_kind_of_element(events: list[dict[str, object]]) -> None:
    clicked = [event["target"] for event in events if event["signal"] == "click"]
    assert clicked[:4] == [
        "button in banner",
        "li role=menuitem in banner",
        "a in main",
        "textarea in form",
    ]


def test_the_same_host_on_another_port_gives_nothing(events: list[dict[str, object]]) -> None:
    in_wiki = [event for event in events if event["app"] == "wiki"]
    assert sum(event["signal"] == "click" for event in in_wiki) == 1


def test_a_password_gives_nothing(events: list[dict[str, object]]) -> None:
    keys = sum(event["signal"] == "key_timing" for event in events)
    assert keys == len("sixteen letters.")


def test_nothing_typed_is_found_anywhere(
    setting: Setting, browser: Firefox, reading: Reading
) -> None:
    hits, sizes = search.everywhere(
        setting.canaries, browser, setting.proxy, setting.relay, reading
    )
    assert hits == []
    assert min(sizes.values()) > 0


def test_every_batch_is_acked_and_stored_once(setting: Setting, reading: Reading) -> None:
    assert reading
    seen = traffic.read(setting.proxy.recordings)
    stored = [(batch.stream, batch.seq) for batch in setting.relay.stored()]
    assert len(seen.stored) == len(stored) == len(set(stored)) > 0
    assert seen.refused == {}


# ------------------------------------------------------------------------------ the background page


def test_a_stopped_background_page_loses_nothing(
    setting: Setting, browser: Firefox, crm: Tab, reading: Reading
) -> None:
    crm.goto(f"{CRM}/")
    start = time.time()
    _click_some(crm, 3)
    browser.stop_background()
    _click_some(crm, 3)
    browser.stop_background()
    _click_some(crm, 3)
    assert _clicked(setting, browser, start) == 9


def test_a_connection_keeps_the_background_page(
    browser: Firefox, crm: Tab, *, full_effort: bool
) -> None:
    if not full_effort:
        pytest.skip("it takes a minute of doing nothing; `make nightly` does that")
    crm.goto("about:blank")
    assert "connected: yes" in browser.ask({"kind": "diagnostics"})
    until = time.monotonic() + 2.4 * IDLE_MS / 1000
    while time.monotonic() < until:
        assert browser.background() == "running"
        time.sleep(0.2)
    crm.goto(f"{CRM}/")


# -------------------------------------------------------------------------------------- stopping it


def test_paused_from_the_popup_it_records_nothing(
    setting: Setting, browser: Firefox, crm: Tab
) -> None:
    crm.front()
    popup = browser.extension_tab("popup.html")
    popup.wait_for_text("Recording")
    popup.click("#pause-all")
    popup.wait_for_text("Paused")
    start = time.time()
    _click_some(crm, 4)
    time.sleep(SETTLE_S)
    popup.front()
    popup.click("#resume")
    popup.wait_for_text("Recording")
    time.sleep(SETTLE_S)  # until the page's own script has heard it too
    _click_some(crm, 2)
    popup.close()
    assert _clicked(setting, browser, start) == 2


def test_collecting_switched_off_in_the_browsers_settings_ends_recording(
    setting: Setting, browser: Firefox, crm: Tab
) -> None:
    browser.collecting("websiteActivity", allow=False)
    wait_until(lambda: browser.ask({"kind": "state"})["reason"] == "no_permission")
    start = time.time()
    _click_some(crm, 4)
    browser.collecting("websiteActivity", allow=True)
    wait_until(lambda: browser.ask({"kind": "state"})["reason"] != "no_permission")
    time.sleep(SETTLE_S)
    _click_some(crm, 2)
    assert _clicked(setting, browser, start) == 2


def test_after_withdrawing_nothing_is_recorded_or_sent(
    setting: Setting, browser: Firefox, crm: Tab
) -> None:
    leave = browser.extension_tab("leave.html")
    leave.click("#withdraw")
    leave.wait_for_text("Confirmed at")
    leave.close()
    before = len(traffic.read(setting.proxy.recordings).batches)
    _click_some(crm, 5)
    crm.goto(f"{CRM}/")
    _click_some(crm, 5)
    time.sleep(2 * SETTLE_S)
    assert len(traffic.read(setting.proxy.recordings).batches) == before
    assert browser.outbox_size() == 0
    assert browser.ask({"kind": "state"})["state"] == "off"
    assert browser.scripts() == []


# -------------------------------------------------------------------------------- another profile


def test_another_profile_has_another_origin_and_enrols_too(
    setting: Setting, browser: Firefox, start: Callable[..., Firefox]
) -> None:
    streams = setting.relay.streams()
    other = start(private=True)
    assert other.origin != browser.origin
    assert not other.is_in_private_windows
    agree_by_message(other, setting.relay.codes()[0], ("click",))
    assert setting.relay.streams() == streams + 1
    assert other.ask({"kind": "state"})["reason"] == "no_permission"
