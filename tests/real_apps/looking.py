"""What can be seen of a page from outside: its elements, its console, what it costs.

Owns the looking; never changes the page.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final

from playwright.sync_api import CDPSession, Page

_RANDOM: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # kernels, sessions, blobs
    r"|0x[0-9a-f]+|\b\d{13}\b"
    r"|\d+/\d+/\d+,?|\d+:\d\d|\b[AP]M\b"  # dates and times of day
    r"|\b\d+ ?(?:s|sec|seconds?|m|min|minutes?)\.? ago\b|\bnow\b"
    r"|\b\d+(?:\.\d+)?ms\b"
)

_PASSING: Final = " jp-mod-refreshing"
"""JupyterLab's file browser says so every few seconds, while it looks for new files."""
STILL_MS: Final = 700
LOOKS: Final = 15

_ELEMENTS: Final = """() => {
  const lines = [];
  const walk = (node, depth) => {
    if (node.nodeType === Node.TEXT_NODE) {
      const text = node.data.trim();
      if (text) lines.push(" ".repeat(depth) + JSON.stringify(text));
      return;
    }
    if (node.nodeType === Node.ELEMENT_NODE) {
      const names = "class role type name href title aria-label contenteditable".split(" ");
      const said = names.map((name) => [name, node.getAttribute(name)])
        .filter(([, value]) => value !== null)
        .map(([name, value]) => [name, name === "class" ? value.split(/\\s+/).sort() : [value]])
        .map(([name, words]) => `${name}=${words.join(" ")}`);
      const value = "value" in node ? ` now=${node.value}` : "";
      lines.push(" ".repeat(depth) + [node.localName, ...said].join(" ") + value);
      if (node.shadowRoot) walk(node.shadowRoot, depth + 1);
    }
    if (node.localName === "script" || node.localName === "style") return;
    for (const child of node.childNodes) walk(child, depth + 1);
  };
  walk(document.documentElement, 0);
  lines.push(`globals: ${Object.getOwnPropertyNames(window).sort().join(" ")}`);
  return lines;
}"""


def page_state(page: Page) -> list[str]:
    """Return elements with attributes, values and texts, shadow roots included, and globals.

    Waits until the page is still, for some seconds at most.
    """
    state = _look(page)
    for _ in range(LOOKS):
        page.wait_for_timeout(STILL_MS)
        before, state = state, _look(page)
        if state == before:
            break
    return state


def _look(page: Page) -> list[str]:
    lines: list[str] = page.evaluate(_ELEMENTS)
    return [constant(line.replace(_PASSING, "")) for line in lines]


def constant(text: str) -> str:
    """Return a text without what differs from run to run."""
    return _RANDOM.sub("?", text)


class Console:
    """Everything that appears in a page's console from now on, its own errors included."""

    def __init__(self, page: Page) -> None:
        self._said: Counter[str] = Counter()
        page.on("console", lambda message: self._note(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self._note(f"uncaught: {error}"))
        page.on("crash", lambda _: self._note("the page crashed"))

    def _note(self, text: str) -> None:
        self._said[constant(text)] += 1

    def said(self) -> set[str]:
        """Return what was said, once each, without what is random."""
        return set(self._said)


class Cost:
    """What the main thread of a tab's pages does, in milliseconds of its own time.

    The browser counts anew on each page: keep the count once, just before leaving it.
    """

    def __init__(self, page: Page) -> None:
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self.script_ms = 0.0
        self.task_ms = 0.0

    def keep(self) -> None:
        """Add what this page did so far."""
        metrics: list[dict[str, Any]] = self._session.send("Performance.getMetrics")["metrics"]
        found = {metric["name"]: 1000 * float(metric["value"]) for metric in metrics}
        self.script_ms += found["ScriptDuration"]
        self.task_ms += found["TaskDuration"]
