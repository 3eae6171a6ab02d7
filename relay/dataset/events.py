"""Events in words: one record for each event of a validated batch.

Owns the names and units of what `candor open` writes; streams get a random pseudonym per file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

from relay.dataset.opening import Validated
from relay.model import Signal
from relay.protocol.columns import COLUMN_NAMES, TICK_MS
from relay.protocol.vocabulary import (
    ATTENTION_STATES,
    FIELD_CLASSES,
    KEY_CLASSES,
    NAVIGATION_KINDS,
    describe_target,
)

Event = dict[str, int | str]
"""An event's fields by name; `t_ms` counts from 1970, in steps of 10 ms."""

_PSEUDONYM_BYTES: Final = 6
_IN_TICKS: Final = {"dwell", "duration"}
_IN_WORDS: Final[dict[tuple[Signal, str], tuple[str, ...]]] = {
    (Signal.TYPING, "field"): FIELD_CLASSES,
    (Signal.KEY_TIMING, "class"): KEY_CLASSES,
    (Signal.ATTENTION, "state"): ATTENTION_STATES,
    (Signal.NAVIGATION, "kind"): NAVIGATION_KINDS,
}


class Pseudonyms:
    """Random names for streams, new in every file, so that files cannot be joined by them."""

    def __init__(self) -> None:
        self._names: dict[bytes, str] = {}

    def of(self, stream: bytes) -> str:
        """Return this file's name for a stream."""
        return self._names.setdefault(stream, os.urandom(_PSEUDONYM_BYTES).hex())


def events_of(batch: Validated, pseudonyms: Pseudonyms) -> Iterator[Event]:
    """Yield a batch's events, oldest first.

    Args:
        batch: Validated columns.
        pseudonyms: This file's names.
    """
    found: list[Event] = []
    head: Event = {
        "stream": pseudonyms.of(batch.stream),
        "seq": batch.seq,
        "document": batch.columns.document,
        "app": batch.app_id,
    }
    for signal, columns in batch.columns.present():
        tick = batch.columns.t0
        x = y = 0
        for values in zip(*columns, strict=True):
            fields = dict(zip(COLUMN_NAMES[signal], values, strict=True))
            tick += fields.pop("dt")
            event = {**head, "t_ms": tick * TICK_MS, "signal": signal.label}
            if signal is Signal.POINTER:
                x, y = x + fields["dx"], y + fields["dy"]
                event |= {"x": x, "y": y}
            else:
                event |= dict(_named(signal, name, value) for name, value in fields.items())
            found.append(event)
    yield from sorted(found, key=_moment)


def table_lines(events: Iterable[Event]) -> Iterator[str]:
    """Yield events as lines for reading: time, stream, app, signal, fields."""
    yield f"{'t_ms':>13}  {'stream':<12}  {'app':<12}  {'signal':<10}  fields"
    for event in events:
        rest = " ".join(
            f"{name}={value}"
            for name, value in event.items()
            if name not in {"t_ms", "stream", "app", "signal", "seq", "document"}
        )
        yield (
            f"{event['t_ms']:>13}  {event['stream']:<12}  {event['app']:<12}  "
            f"{event['signal']:<10}  {rest}"
        )


def _named(signal: Signal, name: str, value: int) -> tuple[str, int | str]:
    """Give a field its unit or its word."""
    if name in _IN_TICKS:
        return f"{name}_ms", value * TICK_MS
    if name == "target":
        return name, describe_target(value)
    words = _IN_WORDS.get((signal, name))
    return (name, value) if words is None else (name, words[value - 1])


def _moment(event: Event) -> int:
    return int(event["t_ms"])
