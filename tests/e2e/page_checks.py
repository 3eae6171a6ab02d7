"""Checks of a page as a person meets it: contrast, keyboard, size of targets, width.

Owns the measuring; which pages are measured, the tests say.
"""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

# Every piece of text that is shown, its colour, the colour beneath it, and their ratio by WCAG 2.
_CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, a = 1] = rgb(getComputedStyle(at).backgroundColor);
      if (a > 0) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim() !== "");
    const field = element.matches("input:not([type=checkbox]),textarea");
    if (!(own || field) || !element.checkVisibility()) continue;
    const one = light(rgb(getComputedStyle(element).color)) + 0.05;
    const other = light(ground(element)) + 0.05;
    const ratio = Math.max(one, other) / Math.min(one, other);
    found.push([element.tagName + " " + element.textContent.trim().slice(0, 40), ratio]);
  }
  return found;
}"""

# What has the focus now: its name, whether the ring shows, and its size with its label's.
_FOCUS = """() => {
  const element = document.activeElement;
  if (element === document.body) return null;
  const style = getComputedStyle(element);
  const area = element.matches("input[type=checkbox]") ? element.closest("label") : element;
  const { width, height } = area.getBoundingClientRect();
  const inline = style.display === "inline";
  return {
    name: element.id || element.textContent.trim().slice(0, 40) || element.tagName,
    ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    width, height, inline,
  };
}"""


def faint_texts(page: Page, least: float = 7.0) -> list[tuple[str, float]]:
    """Return every shown text whose contrast is below the least ratio."""
    return [(text, ratio) for text, ratio in page.evaluate(_CONTRAST) if ratio < least]


def shown_texts(page: Page) -> int:
    """Return how many texts the page shows, so that an empty page is no good page."""
    return len(page.evaluate(_CONTRAST))


def walk_by_keyboard(page: Page, most: int = 120) -> list[dict[str, Any]]:
    """Press Tab until the focus leaves the page, and return each stop."""
    stops: list[dict[str, Any]] = []
    page.evaluate("document.activeElement.blur()")
    for _ in range(most):
        page.keyboard.press("Tab")
        stop = page.evaluate(_FOCUS)
        if stop is None or (stops and stop["name"] == stops[0]["name"]):
            break
        stops.append(stop)
    return stops


def widths_that_overflow(page: Page) -> list[int]:
    """Return the widths, from a small phone to a desk, at which the page scrolls sideways."""
    wide = []
    for width in (320, 360, 768, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(50)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(width)
    return wide
