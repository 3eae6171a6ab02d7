"""What tests of capture share: a browser whose worker only collects, and one page with everything.

Owns the page and the reading of columns; the content script under test is the shipped source.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Worker, sync_playwright

from tests.support.apps import CRM, HOSTS, Apps
from tests.support.browser import Browser, Look, build_extension, wait_until
from tests.support.cdp import Clock, Input
from tests.support.tls import Authority

FIELDS = {
    "pointer": ("dt", "x", "y"),
    "click": ("dt", "button", "target", "cell"),
    "hover": ("dt", "target", "dwell"),
    "typing": ("dt", "count", "duration", "field"),
    "key_timing": ("dt", "dwell", "class"),
    "scroll": ("dt", "dx", "dy"),
    "attention": ("dt", "state"),
    "navigation": ("dt", "kind", "from_app", "from_route", "to_route", "dwell"),
}
Event = dict[str, int]

# Every control sits at a known place, so that tests can point without asking the page.
STAGE = """<!doctype html><meta charset=utf-8><title>Secret title</title>
<style>
 body { margin: 0; height: 4000px } main > * { position: absolute; margin: 0; padding: 0 }
 main > * { box-sizing: border-box; width: 160px; height: 40px }
</style>
<main>
 <button id=plain style="left:0;top:0">Save <b>all</b></button>
 <a id=link href="#there" style="left:200px;top:0">Link</a>
 <div id=box style="left:400px;top:0">Nothing</div>
 <div id=fake role="foo menuitem" style="left:600px;top:0"><span>Item</span></div>
 <input id=text style="left:0;top:60px">
 <input id=password type=password style="left:200px;top:60px">
 <input id=otp autocomplete="section-a one-time-code" style="left:400px;top:60px">
 <input id=card autocomplete="billing cc-number" style="left:600px;top:60px">
 <textarea id=long style="left:0;top:120px"></textarea>
 <div id=rich contenteditable style="left:200px;top:120px"></div>
 <input id=find type=search style="left:400px;top:120px">
 <input id=mail type=email style="left:600px;top:120px">
 <input id=number type=number style="left:0;top:180px">
 <input id=day type=date style="left:200px;top:180px">
 <input id=ghost style="left:400px;top:180px;opacity:0">
 <input id=masked style="left:600px;top:180px;-webkit-text-security:disc">
 <section id=private data-candor-ignore style="left:0;top:240px">
  <input id=chat style="width:150px;height:30px"></section>
 <x-open id=open style="left:200px;top:240px"></x-open>
 <x-closed id=closed style="left:400px;top:240px"></x-closed>
 <label id=label for=password style="left:600px;top:240px">Password</label>
 <div id=pane style="left:0;top:300px;overflow:auto;height:90px">
  <p style="height:900px">long</p></div>
 <iframe id=frame src="/bench/frame" style="left:200px;top:300px;width:300px;height:120px;border:0">
 </iframe>
 <iframe id=hidden data-candor-ignore src="/bench/frame"
  style="left:520px;top:300px;width:240px;height:120px;border:0"></iframe>
 <iframe id=foreign src="https://wiki.corp.example/bench/frame"
  style="left:780px;top:300px;width:240px;height:120px;border:0"></iframe>
 <iframe id=inline srcdoc="<body style='margin:0'><input style='width:200px;height:40px'>"
  style="left:780px;top:430px;width:240px;height:120px;border:0"></iframe>
</main>
<script>
 customElements.define("x-open", class extends HTMLElement { constructor() { super();
  this.attachShadow({mode: "open"}).innerHTML =
   "<input style='width:70px;height:30px'>" +
   "<input type=password style='width:70px;height:30px'>" } });
 customElements.define("x-closed", class extends HTMLElement { constructor() { super();
  this.attachShadow({mode: "closed"}).innerHTML =
   "<input type=password style='width:70px;height:30px'><button style='width:70px'>B</button>" } });
</script>"""
FRAME = """<!doctype html><meta charset=utf-8><body style="margin:0">
<input style="position:absolute;left:0;top:0;width:200px;height:40px">
<button style="position:absolute;left:0;top:60px;width:160px;height:40px">B</button>"""

CENTRES = {
    "plain": (80, 20),
    "link": (280, 20),
    "box": (480, 20),
    "fake": (680, 20),
    "text": (80, 80),
    "password": (280, 80),
    "otp": (480, 80),
    "card": (680, 80),
    "long": (80, 140),
    "rich": (280, 140),
    "find": (480, 140),
    "mail": (680, 140),
    "number": (80, 200),
    "day": (230, 200),
    "ghost": (480, 200),
    "masked": (680, 200),
    "chat": (70, 256),
    "open text": (235, 256),
    "open password": (315, 256),
    "closed password": (435, 256),
    "closed button": (515, 256),
    "label": (680, 260),
    "pane": (80, 340),
    "frame field": (260, 320),
    "frame button": (260, 380),
    "hidden frame field": (580, 320),
    "foreign frame field": (840, 320),
    "inline frame field": (840, 450),
    "nowhere": (500, 700),
}


class Bench:
    """One browser, one page of the CRM, and what its content scripts handed over."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.page: Page = browser.context.new_page()
        self.input: Input
        self._typed = False
        self.worker.evaluate("bench.config = {...bench.config, signals: 255}; bench.keep = true")
        self.open("/bench/stage")

    @property
    def worker(self) -> Worker:
        return self.browser.context.service_workers[0]

    def open(self, path: str, origin: str = CRM) -> None:
        """Load a page and forget what came before it."""
        self.page.goto(origin + path)
        self.page.bring_to_front()
        self.page.wait_for_timeout(1_300)
        session = self.browser.context.new_cdp_session(self.page)
        self.input = Input(session, Clock(time.time()))
        self.clear()

    def settle(self) -> None:
        """Wait until everything recorded was handed over; a burst of typing ends after a second."""
        self.page.wait_for_timeout(2_100 if self._typed else 1_150)
        self._typed = False

    def clear(self) -> None:
        self.worker.evaluate("bench.columns.length = 0; bench.starts.length = 0")

    def flushes(self) -> list[dict[str, Any]]:
        """Return what was handed over, oldest first, after waiting for it."""
        self.settle()
        found: list[dict[str, Any]] = self.worker.evaluate("bench.columns")
        return found

    def take(self) -> dict[str, list[Event]]:
        """Return the events handed over since last time, by signal, with `at` in ticks."""
        events = read(self.flushes())
        self.clear()
        return events

    def at(self, name: str, ticks: int = 3) -> None:
        """Move the pointer onto a control of the stage."""
        self.input.move(*CENTRES[name], ticks)

    def click(self, name: str, ticks: int = 3) -> None:
        self.input.click(*CENTRES[name], ticks)

    def write(self, text: str, ticks: int = 12) -> None:
        self._typed = True
        for character in text:
            self.input.key(character, ticks)


def read(flushes: list[dict[str, Any]]) -> dict[str, list[Event]]:
    """Read flushes as events by signal, positions and ticks absolute; repeats count once."""
    events: dict[str, list[Event]] = {signal: [] for signal in FIELDS}
    once = {(flush["document"], flush["flush"]): flush for flush in flushes}
    for flush in once.values():
        columns = flush["columns"]
        for signal, names in FIELDS.items():
            at, x, y = columns["t0"], 0, 0
            for row in zip(*(columns[signal] or []), strict=True):
                event = dict(zip(names, row, strict=True))
                at += event["dt"]
                if signal == "pointer":
                    x, y = x + event["x"], y + event["y"]
                    event |= {"x": x, "y": y}
                events[signal].append(event | {"at": at, "document": flush["document"]})
    return events


def total(events: dict[str, list[Event]], *but: str) -> int:
    """Count all events except those of the signals named."""
    return sum(len(rows) for signal, rows in events.items() if signal not in but)


@contextmanager
def bench_browser(folder: Path) -> Iterator[Browser]:
    """Run Chromium with the shipped content script and a worker that only collects."""
    collector = Path(__file__).parent / "collector.ts"
    extension = build_extension(folder / "extension", swaps={"background/worker.ts": collector})
    authority = Authority(folder / "ca")
    pages = {
        "/bench/stage": lambda _: STAGE,
        "/bench/frame": lambda _: FRAME,
        "/payroll/stage": lambda _: STAGE,
    }
    apps = Apps(authority, extra=pages).start()
    try:
        with sync_playwright() as playwright:
            browser = Browser(
                playwright,
                folder / "browser",
                authority,
                hosts=apps.hosts,
                granted=[f"https://{host}" for host in HOSTS[:2]],
                extension=extension,
                look=Look(back_forward_cache=True),
            ).start()
            worker = browser.context.service_workers[0]
            page = browser.context.new_page()
            wait_until(page, lambda: worker.evaluate("typeof bench === 'object'"))
            page.close()
            yield browser
            browser.close()
    finally:
        apps.stop()
