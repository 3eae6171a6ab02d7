"""What every test of the suite shares."""

import os
import shutil

import pytest


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of the browser under test.

    `make` passes the one that set-up found in `CANDOR_CHROMIUM`; a bare `pytest` finds its own.
    """
    found = os.environ.get("CANDOR_CHROMIUM") or shutil.which("chromium")
    assert found, "no Chromium found: set CANDOR_CHROMIUM or run `make setup`"
    return found


@pytest.fixture(scope="session")
def full_effort() -> bool:
    """Tell whether this is the nightly run (`CANDOR_EFFORT=full`), which may take its time."""
    return os.environ.get("CANDOR_EFFORT") == "full"
