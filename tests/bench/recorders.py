"""What a recorder costs the page it records: Candor's content script beside rrweb and Clarity.

Owns one browser for all runs; every repetition runs every recorder, one after another.
"""

from __future__ import annotations

import gzip
import json
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import CDPSession, Page, sync_playwright

from relay.client.codec import pack_array
from relay.model import Signal, group_signals
from relay.vault.seal import padded_length
from tests.bench import install
from tests.bench.machine import load_average
from tests.bench.script import HEIGHT, LARGE_ROWS, ROWS, WIDTH, page, play, steps
from tests.support.apps import CRM, HOSTS, MAIL, Apps
from tests.support.browser import EXTENSION_ID, Browser, Look, build_extension, wait_until
from tests.support.tls import Authority

COLLECTOR: Final = Path(__file__).resolve().parents[1] / "e2e" / "collector.ts"
EQUAL: Final = "{sampling:{mousemove:10,scroll:16}}"
ARMS: Final = {
    "none": "",
    "candor": "",
    "rrweb": "/bench/rrweb.js",
    "rrweb, equal fidelity": f"/bench/rrweb.js {EQUAL}",
    "clarity": "/bench/clarity.js",
}
"""How each page is recorded: by nothing, by the extension, or by a script of its own."""
_SETTLE_MS: Final = 2_500
_TAG_BYTES: Final = 16
_INTERACTIONS: Final = {1, 2, 3, 5, 6, 12, 14}
"""rrweb's sources that are a person's doing: moves, clicks, scroll, input, touch, drag, select."""
_CATEGORIES: Final = (
    "devtools.timeline",
    "disabled-by-default-devtools.timeline",
    "v8.execute",
)


@dataclass(frozen=True)
class Effort:
    """How much and how often."""

    repetitions: int
    blocks: int
    large: int
    """Repetitions that also try the large page."""


class Bench:
    """The browser and the pages of one comparison."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.worker = browser.context.service_workers[0]

    @contextmanager
    def page(self, arm: str, path: str) -> Iterator[tuple[Page, CDPSession, dict[str, float]]]:
        """Open a page in a tab of its own and give what it cost to start."""
        origin = CRM if arm == "candor" else MAIL
        tab = self.browser.context.new_page()
        tab.goto(f"{origin}/bench/empty")
        session = self.browser.context.new_cdp_session(tab)
        session.send("Performance.enable", {"timeDomain": "timeTicks"})
        tab.wait_for_timeout(300)
        self.worker.evaluate("bench.columns.length = 0")
        before = metrics(session)
        tab.goto(f"{origin}{path}?{list(ARMS).index(arm)}")
        tab.wait_for_timeout(_SETTLE_MS)
        after = metrics(session)
        try:
            yield tab, session, less(after, before)
        finally:
            tab.close()

    def flushes(self) -> list[dict[str, Any]]:
        """Return what Candor's content scripts handed over."""
        found: list[dict[str, Any]] = self.worker.evaluate("bench.columns")
        return found


def metrics(session: CDPSession) -> dict[str, float]:
    """Return the main thread's cumulative durations in ms."""
    found = session.send("Performance.getMetrics")["metrics"]
    wanted = {"ScriptDuration": "script_ms", "TaskDuration": "task_ms"}
    return {wanted[item["name"]]: item["value"] * 1e3 for item in found if item["name"] in wanted}


def less(after: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    """Return the difference of two readings."""
    return {name: after[name] - before[name] for name in after}


@contextmanager
def bench() -> Iterator[Bench]:
    """Run Chromium with the shipped content script and the pages of all recorders."""
    folder = install.WORK / "browser"
    shutil.rmtree(folder, ignore_errors=True)
    extension = build_extension(folder / "extension", swaps={"background/worker.ts": COLLECTOR})
    authority = Authority(folder / "ca")
    recorders = list(ARMS.values())

    def page_of(rows: int) -> Callable[[Any], str]:
        return lambda request: page(rows, recorders[int(request.query_string)])

    def script(name: str) -> Callable[[Any], str]:
        return lambda _: (install.WORK / name).read_text("utf-8")

    apps = Apps(
        authority,
        extra={
            "/bench/empty": lambda _: "<!doctype html><title>Empty</title>",
            "/bench/table": page_of(ROWS),
            "/bench/large": page_of(LARGE_ROWS),
            "/bench/rrweb.js": script("rrweb.js"),
            "/bench/clarity.js": script("clarity.js"),
        },
    ).start()
    try:
        with sync_playwright() as playwright:
            browser = Browser(
                playwright,
                folder / "person",
                authority,
                hosts=apps.hosts,
                granted=[f"https://{host}" for host in HOSTS[:2]],
                extension=extension,
                look=Look(width=WIDTH, height=HEIGHT),
            ).start()
            worker = browser.context.service_workers[0]
            first = browser.context.new_page()
            wait_until(first, lambda: worker.evaluate("typeof bench === 'object'"))
            yield Bench(browser)
            browser.close()
    finally:
        apps.stop()


# ------------------------------------------------------------------------------------------ bytes


def candor_bytes(flushes: list[dict[str, Any]]) -> dict[str, float]:
    """Return what the flushes weigh as plaintexts of protocol.md section 11, and how many events.

    The worker makes one batch a group of a flush, so this is what would be sealed.
    """
    plaintexts = []
    events: dict[str, int] = {}
    for flush in flushes:
        columns = flush["columns"]
        for group in (0, 1):
            declared = group_signals(group)
            lists = [columns[one.label] if one & declared else None for one in Signal]
            if any(lists):
                plaintexts.append(
                    pack_array(
                        *(1, 1, group, int(declared), columns["t0"], flush["document"], 0),
                        *lists,
                    )
                )
        for signal in Signal:
            rows = columns[signal.label]
            events[signal.label] = events.get(signal.label, 0) + (len(rows[0]) if rows else 0)
    raw = b"".join(plaintexts)
    if not plaintexts:
        raise RuntimeError("the extension handed nothing over; is the page an approved one?")
    sealed = sum(padded_length(4 + len(text)) + _TAG_BYTES for text in plaintexts)
    return {
        "raw_bytes": len(raw),
        "interaction_bytes": len(raw),
        "deflated_bytes": len(zlib.compress(raw, 6)),
        "interaction_deflated_bytes": len(zlib.compress(raw, 6)),
        "sealed_bytes": sealed,
        "batches": len(plaintexts),
        "events": sum(events.values()),
        "pointer_samples": events["pointer"],
        "scroll_samples": events["scroll"],
    }


def rrweb_bytes(events: list[dict[str, Any]]) -> dict[str, float]:
    """Return what rrweb's events weigh as JSON, all of them and those of a person's doing."""
    doing = [
        event for event in events if event["type"] == 3 and event["data"]["source"] in _INTERACTIONS
    ]
    moves = sum(len(event["data"]["positions"]) for event in doing if event["data"]["source"] == 1)
    rest = sum(event["data"]["source"] != 1 for event in doing)
    whole, part = _json(events), _json(doing)
    return {
        "raw_bytes": len(whole),
        "interaction_bytes": len(part),
        "deflated_bytes": len(zlib.compress(whole, 6)),
        "interaction_deflated_bytes": len(zlib.compress(part, 6)),
        "events": moves + rest,
        "pointer_samples": moves,
        "scroll_samples": sum(event["data"]["source"] == 3 for event in doing),
    }


def clarity_bytes(payloads: list[str]) -> dict[str, float]:
    """Return what Clarity would upload, and the part it calls analytics (not the playback)."""
    whole = "".join(payloads).encode()
    analytics = [event for text in payloads for event in json.loads(text)["a"]]
    part = _json(analytics)
    return {
        "raw_bytes": len(whole),
        "interaction_bytes": len(part),
        "deflated_bytes": len(zlib.compress(whole, 6)),
        "interaction_deflated_bytes": len(zlib.compress(part, 6)),
        "events": len(analytics),
    }


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def bundle_sizes(extension: Path) -> dict[str, dict[str, int]]:
    """Return what each recorder loads into a page, raw and gzipped."""
    files = {
        "candor": extension / "content.js",
        "rrweb": install.WORK / "rrweb.js",
        "clarity": install.WORK / "clarity.js",
    }
    return {
        name: {
            "raw_bytes": len(content := path.read_bytes()),
            "gzip_bytes": len(gzip.compress(content, 9)),
        }
        for name, path in files.items()
    }


# ------------------------------------------------------------------------------------------- runs


def recorded(bench: Bench, arm: str, tab: Page) -> dict[str, float]:
    """Return the weight of what was recorded."""
    if arm == "none":
        return {}
    if arm == "candor":
        return candor_bytes(bench.flushes())
    kept = tab.evaluate("JSON.stringify(window.recorded)")
    found = json.loads(kept)
    return clarity_bytes(found) if arm == "clarity" else rrweb_bytes(found)


def work(bench: Bench, arm: str, blocks: int) -> dict[str, Any]:
    """Record the scripted work on the 500-row page once."""
    with bench.page(arm, "/bench/table") as (tab, session, start):
        before = metrics(session)
        done = play(session, steps(blocks))
        tab.wait_for_timeout(_SETTLE_MS)
        cost = less(metrics(session), before)
        weight = recorded(bench, arm, tab)
        if arm == "candor":
            weight["own_ms"] = sum(flush["costMs"] for flush in bench.flushes())
    return {
        "script_ms": cost["script_ms"],
        "task_ms": cost["task_ms"],
        "start_script_ms": start["script_ms"],
        "start_task_ms": start["task_ms"],
        "done": done,
        **weight,
    }


def large(bench: Bench, arm: str) -> dict[str, Any]:
    """Record a little work on a page of 50,000 elements, and find the longest single task."""
    tab = bench.browser.context.new_page()
    origin = CRM if arm == "candor" else MAIL
    tab.goto(f"{origin}/bench/empty")
    browser = bench.browser.context.browser
    assert browser is not None
    browser.start_tracing(page=tab, categories=list(_CATEGORIES))
    tab.goto(f"{origin}/bench/large?{list(ARMS).index(arm)}")
    tab.wait_for_timeout(_SETTLE_MS)
    session = bench.browser.context.new_cdp_session(tab)
    play(session, steps(1))
    tab.wait_for_timeout(_SETTLE_MS)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    elements = tab.evaluate("document.getElementsByTagName('*').length")
    tab.close()
    return {"elements": elements, **longest(events, arm)}


def longest(events: list[dict[str, Any]], arm: str) -> dict[str, Any]:
    """Return the recorder's longest uninterrupted stay on the main thread, from a trace."""
    mark = {"candor": f"{EXTENSION_ID}/content.js", "clarity": "/bench/clarity.js"}.get(
        arm, "/bench/rrweb.js"
    )
    own = [
        event["dur"] / 1e3
        for event in events
        if event.get("ph") == "X"
        and event["name"] in {"FunctionCall", "EvaluateScript", "v8.run", "TimerFire"}
        and mark in json.dumps(event.get("args", {}))
    ]
    tasks = [
        event["dur"] / 1e3
        for event in events
        if event.get("ph") == "X" and event["name"] == "RunTask"
    ]
    return {
        "longest_own_ms": max(own, default=0.0),
        "calls": len(own),
        "longest_task_ms": max(tasks, default=0.0),
        "tasks_over_50_ms": sum(task > 50 for task in tasks),
    }


def run(effort: Effort, say: Callable[[str], None]) -> Iterator[dict[str, object]]:
    """Yield one row per run, and at last the bundles' sizes."""
    with bench() as ready:
        for repetition in range(effort.repetitions):
            for arm in ARMS:
                before = load_average()
                row = work(ready, arm, effort.blocks)
                if repetition < effort.large and arm != "rrweb, equal fidelity":
                    row |= {"large": large(ready, arm)}
                say(
                    f"{repetition + 1}/{effort.repetitions} {arm}: script {row['script_ms']:.0f} "
                    f"ms, start {row['start_script_ms']:.0f} ms, "
                    f"{row.get('interaction_bytes', 0):.0f} B"
                )
                yield {
                    "repetition": repetition,
                    "recorder": arm,
                    "load_average_before": before,
                    **row,
                }
        yield {"bundles": bundle_sizes(ready.browser.extension)}
