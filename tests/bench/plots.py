"""Bar charts as SVG, readable on light and dark pages.

Owns drawing only.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from tests.bench.figures import Spread

_WIDTH: Final = 760
_LEFT: Final = 190
_BAR: Final = 18
_GAP: Final = 6
_HEAD: Final = 26
_OURS: Final = "#2f7d5b"
_THEIRS: Final = "#8a93a6"


def bars(
    path: Path,
    title: str,
    groups: Sequence[tuple[str, Sequence[tuple[str, Spread]]]],
    unit: str,
    ours: str = "candor",
) -> None:
    """Draw groups of horizontal bars with a line from least to most.

    Args:
        path: File to write.
        title: What is shown, for those who cannot see it too.
        groups: Heading and bars of each group; every group has a scale of its own.
        unit: Written behind each number.
        ours: Bars whose name begins so are coloured.
    """
    parts: list[str] = []
    y = 8
    for heading, items in groups:
        parts.append(f'<text x="8" y="{y + 14}" font-weight="600">{escape(heading)}</text>')
        y += _HEAD
        room = _WIDTH - _LEFT - 130
        # An outlier's line is cut at the edge rather than making every bar small.
        scale = room / max(min(spread.most, 1.5 * spread.middle) for _, spread in items)
        for name, spread in items:
            width = max(1.0, spread.middle * scale)
            colour = _OURS if name.startswith(ours) else _THEIRS
            middle = y + _BAR / 2
            least, most = _LEFT + spread.least * scale, _LEFT + min(spread.most * scale, room)
            label = f"{_number(spread.middle)} {escape(unit)}"
            parts += [
                f'<text x="{_LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>',
                f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>',
                f'<path d="M{least:.1f} {middle}H{most:.1f}" stroke="currentColor"/>',
                f'<text x="{max(most, _LEFT + width) + 8:.1f}" y="{y + 14}">{label}</text>',
            ]
            y += _BAR + _GAP
        y += 10
    style = (
        "svg{color:#24292f;fill:#24292f;font:13px system-ui,sans-serif}"
        "@media(prefers-color-scheme:dark){svg{color:#d0d7de;fill:#d0d7de}}"
    )
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" role="img">'
        f"<title>{escape(title)}</title><style>{style}</style>{''.join(parts)}</svg>\n",
        encoding="utf-8",
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
