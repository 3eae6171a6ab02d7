"""A small WebDriver BiDi client over one WebSocket, without a driver program in between.

Owns commands, their replies and input in tabs; knows nothing of extensions or of Candor.

Source: WebDriver BiDi, W3C Editor's Draft; its nouns are used here.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from tests.support.human import Hand

REPLY_SECONDS = 60
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Backspace": "\ue003", "Escape": "\ue00c"}


class BidiError(RuntimeError):
    """The browser refused a command, or a script in it threw."""


class Bidi:
    """One session.

    Args:
        url: The browser's address for sessions, `ws://...`.
    """

    def __init__(self, url: str) -> None:
        self._stack = contextlib.ExitStack()
        self._socket = self._stack.enter_context(
            connect(url, max_size=None, proxy=None, compression=None)
        )
        self._ids = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        """Every event that came while a reply was waited for, oldest first."""

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401
        """Send a command and return its result.

        Raises:
            BidiError: The browser refused it.
            TimeoutError: No reply came.
        """
        number = next(self._ids)
        text = json.dumps({"id": number, "method": method, "params": parameters})
        self._socket.send(text)
        until = time.monotonic() + REPLY_SECONDS
        while True:
            message = json.loads(self._socket.recv(timeout=max(0.0, until - time.monotonic())))
            if message.get("id") != number:
                self.events.append(message)
            elif message["type"] == "error":
                said = f"{method}: {message['error']}: {message['message']}"
                raise BidiError(said)
            else:
                result: dict[str, Any] = message["result"]
                return result

    def close(self) -> None:
        """Close the connection."""
        self._stack.close()

    def tab(self, url: str = "about:blank") -> Tab:
        """Open a tab in front of the others and go somewhere."""
        context = self.command("browsingContext.create", type="tab")["context"]
        tab = Tab(self, context)
        if url != "about:blank":
            tab.goto(url)
        return tab

    def tabs(self) -> list[Tab]:
        """Return every open tab."""
        tree = self.command("browsingContext.getTree", maxDepth=0)
        return [Tab(self, one["context"]) for one in tree["contexts"]]

    def call(self, context: str, function: str, *arguments: object) -> Any:  # noqa: ANN401
        """Call a JavaScript function in a context and return what it resolves to, by way of JSON.

        Raises:
            BidiError: It threw.
        """
        given = ", ".join(json.dumps(argument) for argument in arguments)
        wrapped = f"async () => JSON.stringify((await ({function})({given})) ?? null)"
        answer = self.command(
            "script.callFunction",
            functionDeclaration=wrapped,
            awaitPromise=True,
            target={"context": context},
        )
        if answer["type"] == "exception":
            said = f"{function[:60]} threw: {answer['exceptionDetails']['text']}"
            raise BidiError(said)
        return json.loads(answer["result"]["value"])


class Tab:
    """One browsing context, and a hand in it.

    Args:
        bidi: The session.
        context: Id of the browsing context.
        hand: How the person moves and types.
    """

    def __init__(self, bidi: Bidi, context: str, hand: Hand | None = None) -> None:
        self.bidi = bidi
        self.context = context
        self.hand = hand or Hand(1, pace=3)
        self._at = (40.0, 40.0)

    def goto(self, url: str) -> None:
        """Navigate and wait for the load."""
        self.bidi.command(
            "browsingContext.navigate", context=self.context, url=url, wait="complete"
        )

    def back(self) -> None:
        """Go one step back in the tab's history."""
        self.bidi.command("browsingContext.traverseHistory", context=self.context, delta=-1)

    def front(self) -> None:
        """Bring the tab to the front."""
        self.bidi.command("browsingContext.activate", context=self.context)

    def close(self) -> None:
        """Close the tab."""
        self.bidi.command("browsingContext.close", context=self.context)

    def call(self, function: str, *arguments: object) -> Any:  # noqa: ANN401
        """Call a JavaScript function in the tab, by way of JSON."""
        return self.bidi.call(self.context, function, *arguments)

    def size(self, width: int, height: int) -> None:
        """Set the size of the viewport, CSS pixels."""
        viewport = {"width": width, "height": height}
        self.bidi.command("browsingContext.setViewport", context=self.context, viewport=viewport)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """Keep a screenshot, of the whole document if asked."""
        origin = "document" if whole else "viewport"
        taken = self.bidi.command(
            "browsingContext.captureScreenshot", context=self.context, origin=origin
        )
        path.write_bytes(base64.b64decode(taken["data"]))

    def wait(self, condition: Callable[[], object], *, seconds: float = 20) -> Any:  # noqa: ANN401
        """Call `condition` until it returns something true, and return that.

        Raises:
            TimeoutError: Nothing true came.
        """
        return wait_until(condition, seconds=seconds)

    def text(self) -> str:
        """Return the text that the page shows."""
        return str(self.call("() => document.body.innerText"))

    def wait_for_text(self, text: str, *, seconds: float = 30) -> None:
        """Wait until the page shows a text."""
        wait_until(lambda: text in self.text(), seconds=seconds)

    # ------------------------------------------------------------------------------------ input

    def box(self, css: str, at: int = 0) -> tuple[float, float, float, float]:
        """Scroll an element into view and return left, top, width and height.

        Raises:
            TimeoutError: No such element came.
        """
        found = wait_until(lambda: self.call(_BOX, css, at))
        return (found[0], found[1], found[2], found[3])

    def move_to(self, x: float, y: float) -> None:
        """Move the pointer along a plausible path."""
        moves = [
            {
                "type": "pointerMove",
                "x": round(point.x),
                "y": round(point.y),
                "duration": round(point.after_ms),
            }
            for point in self.hand.path(self._at, (x, y))
            if point.x >= 0 and point.y >= 0
        ]
        self._pointer(moves)
        self._at = (x, y)

    def hover(self, css: str, at: int = 0) -> None:
        """Move onto an element, as a hand would land there."""
        left, top, width, height = self.box(css, at)
        x, y = self.hand.aim(width, height)
        self.move_to(left + x, top + y)

    def click(self, css: str, at: int = 0) -> None:
        """Move onto an element and click it."""
        self.hover(css, at)
        self._pointer(
            [
                {"type": "pointerDown", "button": 0},
                {"type": "pause", "duration": round(self.hand.key_dwell_ms())},
                {"type": "pointerUp", "button": 0},
            ]
        )

    def type(self, text: str) -> None:
        """Press and release the keys of this text in a rhythm, where the focus is."""
        steps: list[dict[str, Any]] = []
        previous = ""
        for key in text:
            steps += self._stroke(key, self.hand.key_gap_ms(previous, key))
            previous = key
        self._keys(steps)

    def press(self, key: str) -> None:
        """Press one named key."""
        self._keys(self._stroke(KEYS[key], 0))

    def scroll(self, pixels: int) -> None:
        """Turn the wheel over the middle of the view."""
        turn = {"type": "scroll", "x": 300, "y": 300, "deltaX": 0, "deltaY": pixels // 4}
        self._act({"type": "wheel", "id": "wheel", "actions": [turn] * 4})

    def _stroke(self, key: str, gap_ms: float) -> list[dict[str, Any]]:
        return [
            {"type": "pause", "duration": round(gap_ms)},
            {"type": "keyDown", "value": key},
            {"type": "pause", "duration": round(self.hand.key_dwell_ms())},
            {"type": "keyUp", "value": key},
        ]

    def _keys(self, steps: list[dict[str, Any]]) -> None:
        self._act({"type": "key", "id": "keyboard", "actions": steps})

    def _pointer(self, steps: list[dict[str, Any]]) -> None:
        self._act({"type": "pointer", "id": "mouse", "actions": steps})

    def _act(self, source: dict[str, Any]) -> None:
        self.bidi.command("input.performActions", context=self.context, actions=[source])


def wait_until(condition: Callable[[], object], *, seconds: float = 20) -> Any:  # noqa: ANN401
    """Call `condition` until it returns something true, and return that.

    Raises:
        TimeoutError: Nothing true came.
    """
    until = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > until:
            message = f"nothing true came within {seconds} s"
            raise TimeoutError(message)
        time.sleep(0.1)
    return value


_BOX = """(css, at) => {
  const element = document.querySelectorAll(css)[at];
  if (!element) return null;
  element.scrollIntoView({ block: "center", behavior: "instant" });
  const { left, top, width, height } = element.getBoundingClientRect();
  return width > 0 && height > 0 ? [left, top, width, height] : null;
}"""
