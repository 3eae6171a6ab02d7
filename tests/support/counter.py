"""A page that counts what a person really did on it, to compare with what was stored.

Owns that page and the clicking on it.
"""

from __future__ import annotations

from aiohttp import web
from playwright.sync_api import Page

PATH = "/counter"
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Counter</title>
<style>body{margin:0}button{display:block;width:600px;height:300px;font-size:40px}</style></head>
<body><main><button type="button">0</button><p><a href="/counter">again</a></p></main><script>
let count = 0;
document.querySelector("button").addEventListener("click", (event) => {
  if (event.isTrusted) event.currentTarget.textContent = String(++count);
});
</script></body></html>"""


def counter_page(request: web.Request) -> str:
    """Answer with the counting page."""
    return _PAGE


def click_some(page: Page, count: int, *, gap_ms: float = 30) -> int:
    """Click the button so many times, at a new place each, and return how many it saw."""
    before = counted(page)
    for number in range(count):
        page.mouse.click(40 + 7 * (number % 70), 40 + 11 * (number % 20))
        page.wait_for_timeout(gap_ms)
    return counted(page) - before


def counted(page: Page) -> int:
    """Return how many clicks the page has seen since it was loaded."""
    return int(page.locator("button").inner_text())
