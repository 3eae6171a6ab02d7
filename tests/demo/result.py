"""The demonstration's result: the one JSON line and its readable form.

Owns the names and their meaning; measures nothing.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from rich.console import Console
from rich.table import Table

LEAST_CANARIES = 40
LEAST_ACTIONS_AFTER_WITHDRAWAL = 50


class Result(msgspec.Struct, kw_only=True):
    """What was counted; None = not measured in this run. A frame here is a batch.

    `events_from_unapproved` adds batches sealed, sent or stored while the unapproved page was in
    front, opened events of that time, and the extension's execution contexts in that page.
    """

    stage: Literal["spine", "full"] = "spine"
    frames_acked: int | None = None
    frames_refused: int | None = None
    frames_stored: int | None = None
    duplicates: int | None = None
    events: dict[str, int] | None = None
    events_total: int | None = None
    bytes_on_wire: int | None = None
    canaries_typed: int | None = None
    canary_hits: int | None = None
    unapproved_pages_visited: int | None = None
    events_from_unapproved: int | None = None
    actions_after_withdrawal: int | None = None
    frames_after_withdrawal: int | None = None
    opened_by_research_alone: bool | None = None
    opened_by_representative_alone: bool | None = None
    opened_by_both: bool | None = None
    seconds: float | None = None

    def finish(self) -> None:
        """Name the stage: full once everything was measured."""
        values = [getattr(self, name) for name in self.__struct_fields__]
        self.stage = "spine" if None in values else "full"

    def line(self) -> str:
        """Return the JSON line."""
        return msgspec.json.encode(self).decode()

    def broken(self) -> list[str]:
        """Return what was measured and is not as promised, as sentences."""
        wrong = []
        if self.frames_acked is not None and (self.frames_stored or 0) < self.frames_acked:
            wrong.append("Fewer batches are stored than were acked.")
        if (self.frames_acked or 0) < (self.frames_stored or 0):
            wrong.append("More batches are stored than were acked.")
        if not self.events_total:
            wrong.append("Nothing was recorded where recording was agreed to.")
        if self.canaries_typed is not None and self.canaries_typed < LEAST_CANARIES:
            wrong.append("Too few canaries were typed for their absence to say much.")
        actions = self.actions_after_withdrawal
        if actions is not None and actions < LEAST_ACTIONS_AFTER_WITHDRAWAL:
            wrong.append("Too little was done after the withdrawal.")
        for name, sentence in _ZEROES.items():
            if getattr(self, name):
                wrong.append(sentence)
        if self.opened_by_both is False:
            wrong.append("Both keys together did not open what was recorded.")
        return wrong


_ZEROES = {
    "duplicates": "A batch is stored twice.",
    "canary_hits": "A canary left the page.",
    "events_from_unapproved": "Something was recorded beside the approved apps.",
    "frames_after_withdrawal": "Something was recorded after the withdrawal.",
    "opened_by_research_alone": "The research key opened something alone.",
    "opened_by_representative_alone": "The representative's key opened something alone.",
}


def show(console: Console, result: Result, places: dict[str, int], pictures: str) -> None:
    """Print the readable summary.

    Args:
        console: Where to.
        result: What was counted.
        places: How many bytes were searched, by kind of place.
        pictures: Where the screenshots are.
    """
    table = Table(title="What happened", show_header=False, title_justify="left")
    table.add_column(style="dim")
    table.add_column()
    rows = {
        "Recorded": _events(result),
        "Sent and acked": f"{_n(result.frames_acked)} batches stored, "
        f"{_n(result.frames_refused)} refused, {_n(result.bytes_on_wire)} bytes on the wire",
        "Found in the store": f"{_n(result.frames_stored)}, {_n(result.duplicates)} duplicates",
        "Typed and shown": f"{_n(result.canaries_typed)} canaries typed, in every kind of field",
        "Found of them": f"{_n(result.canary_hits)} in {_n(sum(places.values()))} bytes ("
        + ", ".join(f"{place} {_n(size)}" for place, size in places.items())
        + ")",
        "Unapproved webmail": f"{_n(result.unapproved_pages_visited)} visits, "
        f"{_n(result.events_from_unapproved)} things recorded, sent or running there",
        "After the withdrawal": f"{_n(result.actions_after_withdrawal)} actions, "
        f"{_n(result.frames_after_withdrawal)} batches",
        "Who can read it": f"research alone: {_yes(result.opened_by_research_alone)}, "
        f"representative alone: {_yes(result.opened_by_representative_alone)}, "
        f"both: {_yes(result.opened_by_both)}",
        "Screenshots": pictures,
        "Time": f"{result.seconds} s",
    }
    for name, text in rows.items():
        table.add_row(name, text)
    console.print(table)


def _events(result: Result) -> str:
    if result.events is None:
        return "not measured"
    each = ", ".join(f"{name} {_n(count)}" for name, count in sorted(result.events.items()))
    return f"{_n(result.events_total)} events: {each}"


def _n(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _yes(answer: bool | None) -> str:  # noqa: FBT001
    return {True: "yes", False: "no", None: "?"}[answer]
