"""An update of either side: scripts change hands in open tabs; versions meet, or say otherwise."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, Playwright

from tests.support.apps import CRM
from tests.support.browser import EXTENSION, ROOT, Browser, wait_until
from tests.support.counter import PATH, click_some, counted, counter_page
from tests.support.events import between, clicks
from tests.support.pages import agree_by_message, open_popup, settled, state
from tests.support.sabotage import sabotaged_extension
from tests.support.setting import Programme, Setting

SETTLE_MS = 1500
PREVIOUS = "c24053d"
"""The last commit before this question was asked of whoever is at the browser: version N-1."""


def _previous(folder: Path, *paths: str) -> Path:
    """Write some folders of the previous version into `folder`, or skip where history is cut."""
    archive = subprocess.run(
        ["git", "archive", "--format=tar", PREVIOUS, *paths],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if archive.returncode != 0:
        pytest.skip("the repository's history does not reach back to the previous version here")
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def older_extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the extension as it was one version ago, built from its own source."""
    source = _previous(tmp_path_factory.mktemp("older"), "extension", "relay/protocol")
    source /= "extension"
    (source / "node_modules").symlink_to(EXTENSION / "node_modules")
    out = source / "dist" / "chromium"
    command = ["node", "build.mjs", "--target", "chromium", "--out", str(out)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=120)
    return out


@pytest.fixture
def installed(tmp_path: Path, older_extension: Path) -> Path:
    """Return a folder that holds the older extension and can be overwritten with a newer one."""
    return Path(shutil.copytree(older_extension, tmp_path / "installed"))


def _update(browser: Browser, installed: Path, newer: Path, version: str) -> None:
    """Write a newer version over the installed one and reload, as the browser's updater does."""
    shutil.copytree(newer, installed, dirs_exist_ok=True)
    manifest = installed / "manifest.json"
    settings = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(settings | {"version": version}))
    settings_page = browser.context.new_page()
    settings_page.goto("chrome://extensions")
    # What was loaded from a folder is loaded again in developer mode only.
    settings_page.evaluate(
        "chrome.developerPrivate.updateProfileConfiguration({ inDeveloperMode: true })"
    )
    settings_page.close()
    page = browser.blank()
    page.evaluate("void setTimeout(() => chrome.runtime.reload())")
    wait_until(
        browser.context.pages[0], lambda: _version(browser) == version, seconds=20, every_ms=300
    )


def _version(browser: Browser) -> str:
    try:
        said = browser.ask({"kind": "diagnostics"})
    except PlaywrightError:  # the extension's pages are gone while it reloads
        return ""
    return str(said.splitlines()[0].removeprefix("Candor: "))


@pytest.fixture
def setting(make_setting: Callable[..., Setting], installed: Path) -> Iterator[Setting]:
    setting = make_setting(Programme(extension=installed, pages=((PATH, counter_page),)))
    yield setting
    setting.stop()


def _listen(page: Page) -> list[str]:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def test_an_update_takes_over_in_open_tabs_with_what_the_older_one_stored(
    setting: Setting, driver: Playwright, installed: Path, extension: Path
) -> None:
    browser = setting.browser(driver)
    agree_by_message(browser, setting.relay.codes()[0], ("click",))
    page = browser.context.new_page()
    said = _listen(page)
    page.goto(CRM + PATH)
    start = time.time()
    seen = click_some(page, 5)
    page.wait_for_timeout(SETTLE_MS)
    settled(browser)
    assert clicks(between(setting.read().open(), start, time.time())) == seen == 5

    _update(browser, installed, extension, "0.1.1")
    # The older one never asked who is here, so the newer one does before it goes on.
    assert state(browser)["reason"] == "presence_unasked"
    click_some(page, 3)
    page.wait_for_timeout(SETTLE_MS)
    browser.ask({"kind": "presence", "isParticipant": True})
    page.bring_to_front()
    page.wait_for_timeout(SETTLE_MS)

    # The tab was never reloaded: the older script is an orphan in it, the newer one records.
    seen += click_some(page, 7)
    assert counted(page) == 15
    page.wait_for_timeout(SETTLE_MS)
    settled(browser)
    assert clicks(between(setting.read().open(), start, time.time())) == seen == 12
    assert setting.relay.streams() == 1

    # From the newer version to a newest, without a question in between.
    _update(browser, installed, extension, "0.1.2")
    page.bring_to_front()
    page.wait_for_timeout(SETTLE_MS)
    seen += click_some(page, 4)
    page.wait_for_timeout(SETTLE_MS)
    settled(browser)
    assert clicks(between(setting.read().open(), start, time.time())) == seen == 16
    seqs = sorted(batch.seq for batch in setting.relay.stored())
    assert seqs == list(range(1, len(seqs) + 1))
    assert said == []


OLD_RELAY = """
import sys
sys.path.insert(0, sys.argv.pop(1))
import runpy
runpy.run_module("relay", run_name="__main__", alter_sys=True)
"""

NEXT_RELAY = """
import sys
import relay.protocol.session as session
session.PROTOCOL_VERSION = int(sys.argv.pop(1))
import runpy
runpy.run_module("relay", run_name="__main__", alter_sys=True)
"""


def test_this_extension_works_with_the_previous_relay(
    make_setting: Callable[..., Setting], driver: Playwright, extension: Path, tmp_path: Path
) -> None:
    older = _previous(tmp_path / "relay", "relay")
    pages = ((PATH, counter_page),)
    command = ("-c", OLD_RELAY, str(older))
    setting = make_setting(Programme(extension=extension, pages=pages, serve=command))
    browser = setting.browser(driver)
    agree_by_message(browser, setting.relay.codes()[0], ("click",))
    page = browser.context.new_page()
    page.goto(CRM + PATH)
    start = time.time()
    assert click_some(page, 5) == 5
    page.wait_for_timeout(SETTLE_MS)
    settled(browser)
    assert clicks(between(setting.read().open(), start, time.time())) == 5
    setting.stop()


def _needs_an_upgrade(browser: Browser) -> None:
    page = browser.context.new_page()
    page.goto(CRM + PATH)
    wait_until(page, lambda: state(browser)["reason"] == "upgrade_required", seconds=40)
    click_some(page, 3)
    page.wait_for_timeout(SETTLE_MS)
    assert browser.outbox_size() == 0
    popup = open_popup(browser)
    assert popup.get_by_role("heading", level=1).inner_text() == "Problem"
    popup.get_by_text("of versions that do not fit together, so nothing is recorded").wait_for()
    popup.get_by_text("Update the extension, or ask whoever gave it to you.").wait_for()
    popup.close()
    page.close()


def test_a_relay_of_the_next_protocol_asks_for_an_upgrade_until_it_is_this_one_again(
    make_setting: Callable[..., Setting], driver: Playwright, extension: Path
) -> None:
    setting = make_setting(Programme(extension=extension, pages=((PATH, counter_page),)))
    browser = setting.browser(driver)
    agree_by_message(browser, setting.relay.codes()[0], ("click",))
    setting.relay.stop()
    setting.relay._command = ("-c", NEXT_RELAY, "2")  # noqa: SLF001 - the same relay, updated
    setting.relay.start()
    setting.proxy.target_port = setting.relay.port
    _needs_an_upgrade(browser)

    setting.relay.stop()
    setting.relay._command = ("-m", "relay")  # noqa: SLF001 - and taken back
    setting.relay.start()
    setting.proxy.target_port = setting.relay.port
    # Asked again within the hour; a start of the worker asks at once.
    page = browser.context.new_page()
    page.goto(CRM + PATH)
    browser.stop_worker(page)
    wait_until(page, lambda: state(browser)["state"] == "recording", seconds=40)
    setting.stop()


def test_a_relay_that_speaks_only_another_version_closes_with_4426_and_is_believed(
    make_setting: Callable[..., Setting], driver: Playwright, tmp_path: Path
) -> None:
    ahead = sabotaged_extension(
        tmp_path / "ahead",
        ("background/enrolling.ts", "const version = PROTOCOL_VERSION;", "const version = 2;"),
    )
    setting = make_setting(Programme(extension=ahead, pages=((PATH, counter_page),)))
    browser = setting.browser(driver)
    browser.ask({"kind": "offer", "enrolment": setting.relay.codes()[0]})
    page = browser.blank()
    yes = {"kind": "grant", "grants": [{"app": 1, "signals": ["click"]}]}
    reply = page.evaluate("m => chrome.runtime.sendMessage(m)", yes)
    page.close()
    assert reply["code"] == "unconfirmed"
    _needs_an_upgrade(browser)
    assert "last close code: 4426" in browser.ask({"kind": "diagnostics"})
    assert setting.relay.stored() == []
    setting.stop()
