"""What every test of the suite shares."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, sync_playwright

from tests.support import browser as browsers
from tests.support.browser import Browser
from tests.support.setting import Programme, Setting


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of the browser under test.

    `make` passes the one that set-up found in `CANDOR_CHROMIUM`; a bare `pytest` finds its own.
    """
    return browsers.chromium()


@pytest.fixture(scope="session")
def full_effort() -> bool:
    """Tell whether this is the nightly run (`CANDOR_EFFORT=full`), which may take its time."""
    return os.environ.get("CANDOR_EFFORT") == "full"


@pytest.fixture(scope="session")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the shipped extension, built anew from its source."""
    return browsers.build_extension(tmp_path_factory.mktemp("extension") / "chromium")


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    """Drive browsers in this module's tests, which must not be async themselves.

    It lasts for one module only, since its event loop would disturb the async tests of the next.
    """
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def make_setting(
    tmp_path_factory: pytest.TempPathFactory, extension: Path, driver: Playwright
) -> Iterator[Callable[..., Setting]]:
    """Return a function that starts a setting; all of them stop after the module.

    The driver is asked for so that it outlives the browsers.
    """
    made: list[Setting] = []

    def make(programme: Programme | None = None) -> Setting:
        setting = Setting(
            tmp_path_factory.mktemp("setting"),
            programme=programme or Programme(extension=extension),
        )
        made.append(setting)
        return setting.start_servers()

    yield make
    for setting in reversed(made):
        setting.stop()


@pytest.fixture(scope="module")
def setting(make_setting: Callable[..., Setting]) -> Setting:
    """Return this module's own setting: apps, proxy, relay, published policy."""
    return make_setting()


@pytest.fixture(scope="module")
def browser(setting: Setting, driver: Playwright) -> Browser:
    """Return this module's browser, not enrolled yet."""
    return setting.browser(driver)
