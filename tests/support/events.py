"""Counting opened events.

Owns nothing but the counting.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

Event = dict[str, Any]


def by_signal(events: list[Event]) -> Counter[str]:
    """Return how many events there are of each signal."""
    return Counter(str(event["signal"]) for event in events)


def clicks(events: list[Event]) -> int:
    """Return how many clicks there are."""
    return by_signal(events)["click"]


def between(events: list[Event], start_s: float, end_s: float) -> list[Event]:
    """Return the events that happened between two times, in seconds since 1970."""
    return [event for event in events if start_s <= event["t_ms"] / 1000 <= end_s]
