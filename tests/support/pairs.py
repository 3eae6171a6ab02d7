"""Pairs of pages that look the same to a hand and say different things.

Owns the pages and the input on them: from one seed come layout and movements, from the variant come
all contents, names and keys.
"""

from __future__ import annotations

import random
import string
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs

from aiohttp import web
from playwright.sync_api import BrowserContext, Page

from tests.support.cdp import Clock, Input

PATH = "/pairs"
BOXES = 10
"""Boxes of one page; each is a pair of its own, with its own kind and contents."""
COLUMNS = 5
KEYS = 3
AFTER_LOADING_S = 0.4
"""Input cannot be older than the document, and what loading itself records must be older."""
WIDTH, HEIGHT = 200, 120

Variant = Literal["a", "b"]

KINDS = {
    "button": '<button type="button" {more}>{text}</button>',
    "link": '<a href="#{id}" {more}>{text}</a>',
    "text": '<input {more} placeholder="{word}" value="{text}">',
    "e-mail": '<input type="email" {more} placeholder="{word}">',
    "number": '<input type="number" {more} placeholder="{word}">',
    "search": '<input type="search" {more} placeholder="{word}">',
    "long text": "<textarea {more}>{text}</textarea>",
    "rich text": '<div contenteditable="true" role="textbox" {more}>{text}</div>',
    "choice": "<select {more}><option>{text}</option><option>{word}</option></select>",
    "cell": "<table {more}><tr><td>{text}</td></tr></table>",
    "item": '<ul role="menu" {more}><li role="menuitem" data-x="{word}">{text}</li></ul>',
    "picture": '<img alt="{text}" {more}>',
    "own element": "<{tag} {more}>{text}</{tag}>",
    "section": '<section aria-label="{word}" {more}><h2>{text}</h2></section>',
    "check": '<label {more}><input type="checkbox" name="{word}">{text}</label>',
}
TYPED = {"text", "e-mail", "number", "search", "long text", "rich text"}

_STYLE = """<style>html,body{margin:0;height:100%;overflow:hidden;font:16px monospace}
div.box{position:absolute;width:180px;height:100px;overflow:hidden;white-space:nowrap}
div.box>*{display:block;box-sizing:border-box;width:180px;height:100px;margin:0;padding:0;
overflow:hidden;border:1px solid}
td,li,h2{display:block;width:180px;height:100px;margin:0}</style>"""
_SCRIPT = """<script>addEventListener("click", (event) => {
  if (event.target.closest("a")) event.preventDefault();
});</script>"""


@dataclass(frozen=True)
class Plan:
    """What is the same in both variants of a page: kinds of boxes, and the movements."""

    seed: int

    @property
    def kinds(self) -> list[str]:
        """Return the kind of each box."""
        return random.Random(self.seed).choices(list(KINDS), k=BOXES)

    def page(self, variant: Variant) -> str:
        """Return the page in one variant."""
        content = random.Random(f"{self.seed}{variant}")
        boxes = "".join(
            f'<div class="box" style="left:{WIDTH * (number % COLUMNS)}px;'
            f'top:{HEIGHT * (number // COLUMNS)}px">{_box(kind, content)}</div>'
            for number, kind in enumerate(self.kinds)
        )
        title = _word(content, 20)
        return (
            f"<!doctype html><html><meta charset=utf-8><title>{title}</title>{_STYLE}"
            f"<body class={_word(content)}><main>{boxes}</main>{_SCRIPT}</body></html>"
        )

    def act(self, context: BrowserContext, page: Page, variant: Variant) -> tuple[float, float]:
        """Make the plan's movements with explicit times; return the times of its first and last.

        Only the keys differ between variants, each with another of the same class.
        """
        chance = random.Random(self.seed + 1)
        keys = random.Random(f"{self.seed}{variant}keys")
        session = context.new_cdp_session(page)
        loaded_ms: float = page.evaluate("performance.timeOrigin")
        clock = Clock(loaded_ms / 1000 + AFTER_LOADING_S)
        start = clock.now_s
        hand = Input(session, clock)
        for number, kind in enumerate(self.kinds):
            left, top = WIDTH * (number % COLUMNS), HEIGHT * (number // COLUMNS)
            for _ in range(2):
                hand.move(
                    left + chance.randrange(20, 160),
                    top + chance.randrange(20, 80),
                    chance.randrange(1, 6),
                )
            hand.move(left + 90, top + 50, chance.randrange(1, 4))
            if kind == "choice":
                continue  # its list of options is drawn by the system, outside of the page
            hand.click(left + 90, top + 50, chance.randrange(1, 5), hold=chance.randrange(3, 9))
            for _ in range(KEYS if kind in TYPED else 0):
                ticks, hold = chance.randrange(2, 5), chance.randrange(1, 4)
                key = keys.choice(string.digits if kind == "number" else string.ascii_lowercase)
                hand.key(key, ticks, hold=hold)
        hand.move(1100, 700, 5)
        session.detach()
        return start, clock.now_s


def pairs_page(request: web.Request) -> str:
    """Answer /pairs?plan=N&v=a."""
    query = parse_qs(request.query_string)
    variant: Variant = "a" if query["v"][0] == "a" else "b"
    return Plan(int(query["plan"][0])).page(variant)


def _box(kind: str, content: random.Random) -> str:
    more = (
        f'id="{_word(content)}" class="{_word(content)} {_word(content)}" name="{_word(content)}" '
        f'title="{_word(content)}" data-{_word(content).lower()}="{_word(content)}" '
        f'aria-label="{_word(content, content.randrange(1, 30))}"'
    )
    text = " ".join(
        _word(content, content.randrange(1, 14)) for _ in range(content.randrange(1, 6))
    )
    if kind == "number":
        text = "".join(content.choices(string.digits, k=5))
    return KINDS[kind].format(
        more=more,
        text=text,
        word=_word(content),
        id=_word(content),
        tag=f"x-{_word(content).lower()}",
    )


def _word(content: random.Random, length: int = 12) -> str:
    return "".join(content.choices(string.ascii_letters, k=length))
