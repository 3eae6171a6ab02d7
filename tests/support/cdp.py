"""Input with explicit times, so that a real browser gives the same columns each time.

Owns the debugger's input commands; never reads the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import CDPSession

TICK_S = 0.01


@dataclass
class Clock:
    """Explicit event times: always the middle of a 10 ms tick, so that rounding cannot differ.

    Args:
        now_s: Seconds since 1970 of the first event.
    """

    now_s: float

    def __post_init__(self) -> None:
        self.now_s = (int(self.now_s / TICK_S) + 0.5) * TICK_S

    def advance(self, ticks: int) -> float:
        """Go on by so many ticks and return the time, in seconds since 1970."""
        self.now_s += ticks * TICK_S
        return round(self.now_s, 4)


class Input:
    """Sends trusted input events with the clock's times.

    Args:
        session: A debugger session of the page.
        clock: Where event times come from.
    """

    def __init__(self, session: CDPSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock

    def _mouse(self, kind: str, x: float, y: float, ticks: int, **more: Any) -> None:  # noqa: ANN401
        self._session.send(
            "Input.dispatchMouseEvent",
            {"type": kind, "x": x, "y": y, "timestamp": self._clock.advance(ticks), **more},
        )

    def move(self, x: float, y: float, ticks: int) -> None:
        """Move the pointer to x, y, `ticks` after the previous event."""
        self._mouse("mouseMoved", x, y, ticks)

    def click(self, x: float, y: float, ticks: int, *, hold: int = 7) -> None:
        """Press after `ticks` and release after `hold` more."""
        button: dict[str, Any] = {"button": "left", "clickCount": 1}
        self._mouse("mousePressed", x, y, ticks, buttons=1, **button)
        self._mouse("mouseReleased", x, y, hold, buttons=0, **button)

    def wheel(self, x: float, y: float, ticks: int, down: float) -> None:
        """Turn the wheel by so many pixels."""
        self._mouse("mouseWheel", x, y, ticks, deltaX=0, deltaY=down)

    def key(self, character: str, ticks: int, *, hold: int = 6) -> None:
        """Press a letter, a digit or a named key after `ticks`, release it after `hold` more."""
        named = _NAMED.get(character)
        text = "" if named else character
        key, code, number = named or (character, _code(character), ord(character.upper()))
        common: dict[str, Any] = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        down = {"type": "keyDown" if text else "rawKeyDown", **common}
        if text:
            down |= {"text": text, "unmodifiedText": text}
        self._session.send(
            "Input.dispatchKeyEvent", down | {"timestamp": self._clock.advance(ticks)}
        )
        self._session.send(
            "Input.dispatchKeyEvent",
            {"type": "keyUp", **common, "timestamp": self._clock.advance(hold)},
        )


_NAMED = {
    "Enter": ("Enter", "Enter", 13),
    "Tab": ("Tab", "Tab", 9),
    "Backspace": ("Backspace", "Backspace", 8),
    "ArrowLeft": ("ArrowLeft", "ArrowLeft", 37),
}


def _code(character: str) -> str:
    if character.isdigit():
        return f"Digit{character}"
    return "Space" if character == " " else f"Key{character.upper()}"
