"""The extension's own pages, used as a person uses them.

Owns where their controls are; decides nothing about what is agreed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from playwright.sync_api import Page

from tests.support.browser import EXTENSION_ID, Browser, wait_until

Picture = Callable[[str, Page], None]
POPUP_WIDTH = 360


def agree(
    browser: Browser, enrolment: str, signals: Sequence[str], *, secret: str, picture: Picture
) -> int:
    """Go through the welcome page by clicks: paste, try to catch it, switch on, say yes.

    Args:
        browser: Of a person who is not enrolled.
        enrolment: The string their representative gave them.
        signals: Names of the signals to switch on in every app.
        secret: What is typed into the box that invites to catch it.
        picture: Keeps a screenshot.

    Returns:
        How often the box says that it found the secret.
    """
    page = browser.extension_page("welcome.html")
    page.get_by_label("Enrolment string").fill(enrolment)
    page.get_by_role("button", name="Read the notice").click()
    page.get_by_role("heading", name="Your decision").wait_for(timeout=20_000)
    picture("welcome", page)
    box = page.get_by_label("Any secret")
    box.scroll_into_view_if_needed()
    box.click()
    for key in secret:
        page.keyboard.press(key, delay=30)
    page.wait_for_timeout(1500)
    said = page.get_by_text(re.compile(r"^\d+ found")).first.inner_text()
    picture("welcome-try-to-catch-it", page)
    for signal in signals:
        for switch in page.get_by_role("switch", name=f"({SWITCHES[signal]})").all():
            switch.click(force=True)
    page.get_by_role("button", name="Yes, record").click()
    page.get_by_text("You agreed, and recording is on").wait_for(timeout=30_000)
    picture("welcome-agreed", page)
    page.close()
    return int(said.split()[0])


SWITCHES = {
    "pointer": "Pointer",
    "click": "Clicks",
    "hover": "Resting",
    "typing": "Typing",
    "key_timing": "Key timing",
    "scroll": "Scrolling",
    "attention": "Attention",
    "navigation": "Moving between pages",
}
"""What each signal's switch is called."""


def open_popup(browser: Browser) -> Page:
    """Open the popup in a tab of its own; it speaks of the tab that was in front before."""
    page = browser.context.new_page()
    page.set_viewport_size({"width": POPUP_WIDTH, "height": 600})
    page.goto(f"chrome-extension://{EXTENSION_ID}/popup.html")
    page.get_by_role("heading", level=1).wait_for()
    return page


def withdraw(browser: Browser, picture: Picture) -> None:
    """Leave by clicks, from the popup on, and wait for the signed confirmation."""
    page = open_popup(browser)
    page.get_by_role("link", name="Withdraw").click()
    first = browser.context.pages[0]
    leave = wait_until(first, lambda: _page_at(browser, "leave.html"))
    leave.set_viewport_size({"width": 900, "height": 700})
    leave.get_by_role("button", name="Withdraw now").click()
    leave.get_by_text("Confirmed at").wait_for(timeout=30_000)
    picture("left", leave)
    for opened in {page, leave}:
        if not opened.is_closed():
            opened.close()


def _page_at(browser: Browser, name: str) -> Page | None:
    pages = [page for page in browser.context.pages if page.url.endswith(f"/{name}")]
    return pages[0] if pages else None


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


def allow(browser: Browser, *origins: str) -> bool:
    """Ask the browser for access to these origins again, as the click on Yes does.

    Leaving gave it back; the browser gives it once more without a question.
    """
    page = browser.blank()
    given: bool = page.evaluate(
        "origins => chrome.permissions.request({ origins })",
        [f"{origin}/*" for origin in origins],
    )
    page.close()
    return given


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
