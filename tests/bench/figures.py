"""Numbers out of runs: medians, spreads and ratios of the same repetition.

Owns arithmetic only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Spread:
    """A median with the least and the most of all repetitions."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Return the spread of one value a repetition."""
        found = list(values)
        return cls(median(found), min(found), max(found))

    def text(self, digits: int = 1) -> str:
        """Write as `1.5 (1.2-1.9)`."""
        middle, least, most = (
            f"{value:,.{digits}f}" for value in (self.middle, self.least, self.most)
        )
        return f"{middle} ({least}\u2013{most})"


def select(rows: Sequence[Row], **wanted: object) -> list[Row]:
    """Return the rows with these values, in order of repetition."""
    return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]


def ratio(ours: Sequence[Row], theirs: Sequence[Row], value: Callable[[Row], float]) -> Spread:
    """Return ours over theirs, each pair from the same repetition."""
    other = {row["repetition"]: value(row) for row in theirs}
    return Spread.of(value(row) / other[row["repetition"]] for row in ours)
