"""`make demo`: the whole path in a real browser; the last line of output is one JSON object.

Owns the course of the demonstration; nothing in it is faked but what the output names.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tests.demo import acts, search
from tests.demo.result import LEAST_ACTIONS_AFTER_WITHDRAWAL, Result, show
from tests.support import traffic
from tests.support.apps import CRM, MAIL
from tests.support.browser import ROOT, Browser, Look
from tests.support.human import Hand
from tests.support.pages import agree, open_popup, settled, withdraw
from tests.support.person import Person
from tests.support.setting import SIGNALS, Setting

PICTURES = ROOT / "var" / "demo"
HEADED = bool(os.environ.get("HEADED"))
PACE = 1.0 if HEADED else 3.0
STEPS = 13


class Demo:
    """One run.

    Args:
        setting: Started servers.
        browser: The person's browser, its permission prompt answered beforehand.
        result: Filled while going on.
        progress: Called with what comes next.
    """

    def __init__(
        self, setting: Setting, browser: Browser, result: Result, progress: Progress
    ) -> None:
        self.setting = setting
        self.browser = browser
        self.result = result
        self._progress = progress
        self._task = progress.add_task("Starting", total=STEPS)
        self.page: Page = browser.context.new_page()
        self.person = Person(self.page, Hand(setting.canaries.seed, PACE))
        self.places: dict[str, int] = {}
        self._unapproved: list[tuple[float, float]] = []
        self._strict: list[tuple[float, float]] = []
        self._contexts = 0
        self._watched_all = False

    def step(self, text: str) -> None:
        """Show what happens next."""
        self._progress.update(self._task, advance=1, description=text)

    def picture(self, name: str, page: Page | None = None) -> None:
        """Keep a screenshot."""
        (page or self.page).screenshot(path=PICTURES / f"{name}.png")

    def run(self) -> None:
        """Go through the whole course."""
        self.step("Reading the notice, agreeing to each signal by clicks")
        code = self.setting.relay.codes()[0]
        secret = self.setting.canaries.text("typed.try-to-catch-it")
        self.caught = agree(self.browser, code, SIGNALS, secret=secret, picture=self.picture)
        self.page.bring_to_front()
        self.step("Working in the CRM")
        acts.browse_customers(self.person, self.setting.canaries)
        self.picture("crm")
        acts.edit_customer(self.person, self.setting.canaries, 0)
        self.popup("popup-recording")
        self.step("Killing the worker while a form is being filled in")
        self.browser.stop_worker(self.page)
        acts.edit_customer(self.person, self.setting.canaries, 1)
        self.step("Working on the excluded path")
        acts.visit_payroll(self.person, self.setting.canaries)
        self.picture("payroll-excluded")
        self.step("Cutting the network while the wiki is edited")
        self.setting.proxy.cut()
        acts.edit_wiki(self.person, self.setting.canaries)
        self.popup("popup-waiting")
        self.setting.proxy.mend()
        self.step("Waiting until everything is acked")
        self.page.goto("about:blank")
        self.settle()
        self.step("Reading private mail in the unapproved app")
        self.mail()
        self.step("Withdrawing")
        self.page.goto("about:blank")
        self.settle()
        withdraw(self.browser, self.picture)
        self.page.bring_to_front()
        self.after_withdrawal()
        self.step("Asking, unlocking, opening: each key alone, then both")
        self.read()
        self.step("Searching for every canary, everywhere")
        self.look_for_canaries()
        self.step("Counting")
        self.count()

    def settle(self) -> None:
        """Wait until everything recorded so far is acked, then go on in the same tab."""
        settled(self.browser)
        self.page.bring_to_front()

    def popup(self, name: str) -> None:
        """Open the popup over the page and keep a picture of it."""
        popup = open_popup(self.browser)
        popup.wait_for_timeout(700)
        self.picture(name, popup)
        popup.close()
        self.page.bring_to_front()

    def mail(self) -> None:
        """Visit the unapproved app twice: from nowhere, and straight from an approved app."""
        contexts = self.browser.watch_contexts(self.page)
        began = time.time()
        acts.read_mail(self.person, self.setting.canaries)
        self.page.wait_for_timeout(2500)
        self.picture("mail-unapproved")
        self.popup("popup-not-here")
        self._strict.append((began, time.time()))
        acts.browse_customers(self.person, self.setting.canaries)
        self.page.goto(f"{MAIL}/again")
        began = time.time()
        acts.read_mail(self.person, self.setting.canaries)
        self._unapproved.append((began, time.time()))
        self._contexts = len(contexts.of_extension(MAIL))
        self._watched_all = len(contexts.of_extension(CRM)) > 0

    def after_withdrawal(self) -> None:
        """Work on, and note what is sealed or sent from here on."""
        self.step("Working on after the withdrawal")
        before = traffic.read(self.setting.proxy.recordings)
        done = self.person.actions
        acts.keep_working(self.person, self.setting.canaries, LEAST_ACTIONS_AFTER_WITHDRAWAL)
        self.page.wait_for_timeout(3000)
        self.popup("popup-off")
        now = traffic.read(self.setting.proxy.recordings)
        self.result.actions_after_withdrawal = self.person.actions - done
        self.result.frames_after_withdrawal = (
            len(now.batches) - len(before.batches) + self.browser.outbox_size()
        )

    def read(self) -> None:
        """Open what was recorded: with each key alone, then with both."""
        self.reading = self.setting.reading()
        self.reading.request()
        self.result.opened_by_research_alone = self.reading.research_alone()
        self.reading.unlock()
        self.result.opened_by_representative_alone = self.reading.representative_alone()
        self.events = self.reading.open()
        self.result.opened_by_both = bool(self.events)

    def look_for_canaries(self) -> None:
        """Search everything that left the pages."""
        setting = self.setting
        hits, self.places = search.everywhere(
            setting.canaries, self.browser, setting.proxy, setting.relay, self.reading
        )
        drawn = setting.canaries.drawn
        self.result.canaries_typed = sum(slot.startswith("typed.") for slot in drawn)
        self.result.canary_hits = len(hits) + self.caught
        for hit in hits[:20]:
            self._progress.console.print(f"canary {hit.slot} as {hit.spelling} in {hit.place}")

    def count(self) -> None:
        """Count what wire, store and opened events say."""
        result, setting = self.result, self.setting
        seen = traffic.read(setting.proxy.recordings)
        rows = setting.relay.stored()
        result.frames_acked = len(seen.stored)
        result.frames_refused = len(seen.refused)
        result.frames_stored = len(rows)
        result.duplicates = len(rows) - len({(row.stream, row.seq) for row in rows})
        result.bytes_on_wire = setting.proxy.bytes_passed
        counts = Counter(event["signal"] for event in self.events)
        result.events = {name: counts[name] for name in SIGNALS}
        result.events_total = counts.total()
        result.unapproved_pages_visited = len(self._strict + self._unapproved)
        found = self._beside(seen)
        for what in found:
            self._progress.console.print(f"beside the approved apps: {what}")
        result.events_from_unapproved = len(found)

    def _beside(self, seen: traffic.Traffic) -> list[str]:
        """Return what was recorded, sent or running while the unapproved app was in front."""
        found = [
            f"batch {place.seq} sent after {when - start:.2f} s"
            for start, end in self._strict
            for place, when in seen.first_sent_between(start, end)
        ]
        for event in self.events:
            when = event["t_ms"] / 1000
            if any(start <= when <= end for start, end in self._strict + self._unapproved):
                found.append(f"event {event['signal']} of {event['app']}")
        if not self._watched_all:
            found.append("the watch over execution contexts, which saw none even in the CRM")
        return [*found, *["execution context of the extension"] * self._contexts]


def main() -> int:
    """Run the demonstration; 0 if everything promised was seen."""
    console = Console(stderr=True)
    began = time.monotonic()
    seed = int(os.environ.get("CANDOR_DEMO_SEED") or random.SystemRandom().randrange(2**31))
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(parents=True)
    console.print("Candor, demonstration: real browser, real relay, real TLS on this computer.")
    console.print(
        "One thing is preset: the browser's own permission prompt, which no one can click in a "
        "headless browser, counts as answered with yes.",
        style="dim",
    )
    result = Result()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with tempfile.TemporaryDirectory(prefix="candor-demo-") as folder, sync_playwright() as driver:
        setting = Setting(Path(folder), seed=seed)
        try:
            setting.start_servers()
            browser = setting.browser(driver, Look(headed=HEADED))
            with Progress(*columns, console=console, transient=True) as progress:
                demo = Demo(setting, browser, result, progress)
                demo.run()
        finally:
            setting.stop()
    result.seconds = round(time.monotonic() - began, 1)
    result.finish()
    show(console, result, demo.places, str(PICTURES.relative_to(ROOT)))
    broken = result.broken()
    for sentence in broken:
        console.print(f"Not as promised: {sentence} (seed {seed})", style="bold red")
    print(result.line())
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
