"""A person at the browser: moves, clicks and types through real input events.

Owns the pointer's place on one page; never reaches into the page's script to act.
"""

from __future__ import annotations

from playwright.sync_api import Locator, Page

from tests.support.human import Hand


class Person:
    """Acts on one page with one hand.

    Args:
        page: The page in front.
        hand: How this person moves.
    """

    def __init__(self, page: Page, hand: Hand) -> None:
        self.page = page
        self.hand = hand
        self.actions = 0
        self._at = (40.0, 40.0)

    def move_to(self, x: float, y: float) -> None:
        """Move the pointer along a plausible path."""
        for point in self.hand.path(self._at, (x, y)):
            self.page.mouse.move(point.x, point.y)
            self.page.wait_for_timeout(point.after_ms)
        self._at = (x, y)

    def hover(self, target: Locator) -> None:
        """Move onto the target, as a hand would land there."""
        target.scroll_into_view_if_needed(timeout=5000)
        box = target.bounding_box()
        if box is None:
            message = f"{target} is not on the page, so no pointer can reach it"
            raise LookupError(message)
        x, y = self.hand.aim(box["width"], box["height"])
        self.move_to(box["x"] + x, box["y"] + y)

    def click(self, target: Locator) -> None:
        """Move onto the target and click it."""
        self.hover(target)
        self.page.mouse.down()
        self.page.wait_for_timeout(self.hand.key_dwell_ms())
        self.page.mouse.up()
        self.actions += 1
        self.page.wait_for_timeout(self.hand.pause_ms(60, 160))

    def type(self, text: str) -> None:
        """Press and release the keys of this text in a rhythm, where the focus is."""
        previous = ""
        for key in text:
            self.page.wait_for_timeout(self.hand.key_gap_ms(previous, key))
            self.page.keyboard.press(key, delay=self.hand.key_dwell_ms())
            previous = key
        self.actions += 1

    def fill(self, target: Locator, text: str) -> None:
        """Click into a field and type."""
        self.click(target)
        self.type(text)

    def press(self, key: str) -> None:
        """Press one key or chord."""
        self.page.keyboard.press(key, delay=self.hand.key_dwell_ms())
        self.actions += 1

    def scroll(self, pixels: float) -> None:
        """Turn the wheel in steps."""
        steps = 6
        for _ in range(steps):
            self.page.mouse.wheel(0, pixels / steps)
            self.page.wait_for_timeout(30)
        self.actions += 1
