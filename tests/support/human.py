"""A plausible hand: pointer paths with a bell-shaped speed and a little noise, and a typing rhythm.

Owns numbers only; never touches a browser.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

FRAME_MS = 16.7


@dataclass(frozen=True)
class Point:
    """Where the pointer is, and how long after the previous point, in milliseconds."""

    x: float
    y: float
    after_ms: float


class Hand:
    """One person's way of moving and typing.

    Args:
        seed: Whose hand it is; the same seed moves the same way.
        pace: Above 1 is faster than life.
    """

    def __init__(self, seed: int, pace: float = 1.0) -> None:
        self._random = random.Random(seed)
        self._pace = pace
        self._key_mean_ms = self._random.uniform(95, 150)

    def path(self, start: tuple[float, float], end: tuple[float, float]) -> list[Point]:
        """Return points from start to end: minimum-jerk progress along a slightly bowed line.

        Source: Flash and Hogan, "The coordination of arm movements", J. Neurosci. 1985 (the
        quintic); Fitts' law for the duration.
        """
        reach_x, reach_y = end[0] - start[0], end[1] - start[1]
        distance = math.hypot(reach_x, reach_y)
        duration = (120 + 110 * math.log2(1 + distance / 40)) * self._random.uniform(0.85, 1.2)
        duration /= self._pace
        steps = max(2, round(duration / FRAME_MS))
        bow = self._random.gauss(0, 0.06)
        points = []
        for step in range(1, steps + 1):
            part = step / steps
            progress = part**3 * (10 - 15 * part + 6 * part**2)
            sideways = bow * math.sin(math.pi * progress)
            shake = 0 if step == steps else self._random.gauss(0, 0.6)
            points.append(
                Point(
                    start[0] + reach_x * progress - reach_y * sideways + shake,
                    start[1] + reach_y * progress + reach_x * sideways + shake,
                    duration / steps,
                )
            )
        return points

    def key_gap_ms(self, previous: str, key: str) -> float:
        """Return how long after the previous key this one is pressed."""
        gap = self._random.lognormvariate(math.log(self._key_mean_ms), 0.35)
        if previous == " " or key == " ":
            gap *= 1.3
        return min(gap, 900) / self._pace

    def key_dwell_ms(self) -> float:
        """Return how long a key stays down."""
        return max(20.0, self._random.gauss(85, 18)) / self._pace

    def pause_ms(self, low: float = 150, high: float = 500) -> float:
        """Return a pause between two actions."""
        return self._random.uniform(low, high) / self._pace

    def aim(self, width: float, height: float) -> tuple[float, float]:
        """Return a place inside a box where a hand would land."""
        x = width * min(0.85, max(0.15, self._random.gauss(0.5, 0.14)))
        y = height * min(0.8, max(0.2, self._random.gauss(0.5, 0.12)))
        return x, y
