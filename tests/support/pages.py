"""The extension's own pages, used as a person uses them.

Owns where their controls are; decides nothing about what is agreed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from tests.support.browser import Browser


def agree_by_message(browser: Browser, enrolment: str, signals: Sequence[str]) -> None:
    """Enrol and grant these signals in every app, without the pages: for tests of other things."""
    offer = browser.ask({"kind": "offer", "enrolment": enrolment})
    grants = [
        {
            "app": app["app"],
            "signals": [signal for signal in sorted(signals) if signal in app["signals"]],
        }
        for app in offer["policy"]["apps"]
    ]
    browser.ask({"kind": "grant", "grants": grants})


def state(browser: Browser) -> Any:  # noqa: ANN401 - as internal.ts describes it
    """Return what the popup would show."""
    return browser.ask({"kind": "state"})


def settled(browser: Browser, *, seconds: float = 60) -> None:
    """Wait until what was recorded is sealed, sent and acked.

    Raises:
        TimeoutError: Batches still wait.
    """
    page = browser.context.pages[0]
    until = time.monotonic() + seconds
    quiet = 0
    while quiet < 3:
        page.wait_for_timeout(500)
        quiet = quiet + 1 if browser.outbox_size() == 0 else 0
        if time.monotonic() > until:
            message = f"{browser.outbox_size()} batches still wait after {seconds} s"
            raise TimeoutError(message)
