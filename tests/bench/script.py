"""The scripted work of the recorder comparison: the same moves, clicks, keys and wheel turns.

Owns the pages and the steps; nothing here knows a recorder.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from playwright.sync_api import CDPSession

from tests.support.human import Hand

WIDTH: Final = 1280
HEIGHT: Final = 800
ROWS: Final = 500
LARGE_ROWS: Final = 6_250
"""Eight elements a row, so 50,000 in all."""
MOVES_A_BLOCK, CLICKS_A_BLOCK, KEYS_A_BLOCK, TURNS_A_BLOCK = 250, 5, 25, 10
_FIELD: Final = (140.0, 60.0)
_WORDS: Final = "the order was moved to next week and the customer agreed to it "


def page(rows: int, recorder: str = "") -> str:
    """Return a table under a form, as business software has them; no text in it is anyone's.

    Args:
        rows: Rows of the table.
        recorder: Address of a recorder's script, and its options as JavaScript after a space.
    """
    address, _, options = recorder.partition(" ")
    script = f"<script>window.bench={options or '{}'}</script><script src={address}></script>"
    body = "".join(
        f"<tr><td>{row}</td><td><a href='#r{row}'>Order {row}</a></td>"
        f"<td>{escape(_WORDS[row % 40 : row % 40 + 18])}</td><td><span>{row * 37 % 991}</span></td>"
        f"<td><button>Open</button></td></tr>"
        for row in range(rows)
    )
    return f"""<!doctype html><html lang=en><head><meta charset=utf-8><title>Orders</title>
<style>
 body {{ margin: 0; font: 14px sans-serif }} form {{ position: fixed; top: 0; left: 0; right: 0;
 height: 120px; background: #eee; padding: 20px; box-sizing: border-box }}
 form > * {{ position: absolute; top: 45px; height: 30px; box-sizing: border-box }}
 table {{ margin-top: 120px; width: 100%; border-collapse: collapse }} td {{ padding: 6px }}
</style>{script if address else ""}</head><body>
<form onsubmit="return false"><input name=find style="left:20px;width:240px">
<select style="left:280px"><option>All<option>Open</select>
<button style="left:380px;width:90px">Search</button>
<button style="left:490px;width:90px" type=button>Clear</button></form>
<table><tbody>{body}</tbody></table></body></html>"""


@dataclass(frozen=True)
class Step:
    """One thing the hand does."""

    kind: str
    x: float = 0
    y: float = 0
    key: str = ""


def steps(blocks: int, seed: int = 11) -> Iterator[Step]:
    """Yield the work: each block has 250 moves, 5 clicks, 25 keys and 10 wheel turns."""
    rng = random.Random(seed)
    hand = Hand(seed)
    here = (400.0, 400.0)
    letters = iter(_WORDS * 100)
    for _ in range(blocks):
        moves = 0
        clicks = 0
        while moves < MOVES_A_BLOCK:
            goal = (rng.uniform(60, WIDTH - 80), rng.uniform(140, HEIGHT - 40))
            if clicks == CLICKS_A_BLOCK - 1:
                goal = _FIELD
            for point in hand.path(here, goal):
                if moves < MOVES_A_BLOCK:
                    moves += 1
                    here = (point.x, point.y)
                    yield Step("move", *here)
            if clicks < CLICKS_A_BLOCK:
                clicks += 1
                yield Step("click", *here)
        for _ in range(CLICKS_A_BLOCK - clicks):
            yield Step("click", *here)
        yield Step("click", *_FIELD)
        for _ in range(KEYS_A_BLOCK):
            yield Step("key", key=next(letters))
        for _ in range(TURNS_A_BLOCK):
            yield Step("wheel", 640, 500)


def play(session: CDPSession, work: Iterator[Step]) -> dict[str, int]:
    """Do the work as trusted input of a real browser, as fast as it takes it; counts it."""
    done = {"move": 0, "click": 0, "key": 0, "wheel": 0}
    for step in work:
        done[step.kind] += 1
        if step.kind == "key":
            _key(session, step.key)
            continue
        place: dict[str, Any] = {"x": round(step.x), "y": round(step.y)}
        send = session.send
        if step.kind == "move":
            send("Input.dispatchMouseEvent", {"type": "mouseMoved", **place})
        elif step.kind == "wheel":
            send(
                "Input.dispatchMouseEvent",
                {"type": "mouseWheel", **place, "deltaX": 0, "deltaY": 120},
            )
        else:
            press = {**place, "button": "left", "clickCount": 1}
            send("Input.dispatchMouseEvent", {"type": "mousePressed", "buttons": 1, **press})
            send("Input.dispatchMouseEvent", {"type": "mouseReleased", "buttons": 0, **press})
    return done


def _key(session: CDPSession, character: str) -> None:
    code = "Space" if character == " " else f"Key{character.upper()}"
    number = ord(character.upper())
    common = {"key": character, "code": code, "windowsVirtualKeyCode": number}
    down = {"type": "keyDown", "text": character, "unmodifiedText": character, **common}
    session.send("Input.dispatchKeyEvent", down)
    session.send("Input.dispatchKeyEvent", {"type": "keyUp", **common})
