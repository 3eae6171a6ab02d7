"""Firefox behind a proxy that refuses WebSockets: it enrols and grants by signed requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.apps import CRM, WIKI
from tests.support.bidi import wait_until
from tests.support.firefox import Firefox, build_extension, firefox
from tests.support.pages import agree_by_message
from tests.support.proxies import RefusingProxy
from tests.support.setting import Programme, Setting

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        firefox() is None,
        reason="there is no Firefox 153 or later here, and `make setup` could not install one",
    ),
]


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    programme = Programme(
        apps=(CRM, WIKI), proxy=lambda authority: RefusingProxy(authority, target_port=0)
    )
    setting = Setting(tmp_path / "setting", programme=programme)
    try:
        yield setting.start_servers()
    finally:
        setting.stop()


@pytest.fixture
def browser(setting: Setting, tmp_path: Path) -> Iterator[Firefox]:
    browser = Firefox(
        setting.folder / "firefox",
        setting.authority,
        hosts=setting.apps.hosts,
        extension=build_extension(tmp_path / "built"),
    )
    try:
        yield browser.start()
    finally:
        browser.close()


def test_firefox_enrols_and_grants_by_requests(setting: Setting, browser: Firefox) -> None:
    agree_by_message(browser, setting.relay.codes()[0], ("click",))
    wait_until(lambda: "transport: requests" in browser.ask({"kind": "diagnostics"}))
    assert 'sessions_opened_total{transport="https"} 1.0' in setting.relay.get("/metrics")
    assert 'sessions_opened_total{transport="websocket"} 0.0' in setting.relay.get("/metrics")
    assert setting.relay.streams() == 1
