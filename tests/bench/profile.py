"""Where the relay's time goes, sampled while it is loaded.

Owns the grouping of stack frames; runs apart from what is measured, since sampling costs.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, Final

from tests.bench import install
from tests.bench.load import Plan
from tests.bench.servers import Server
from tests.bench.throughput import Effort, fleet, loads, measure

_RATE: Final = 250
_GROUPS: Final = (
    ("asyncio/runners.py", "event loop and socket reads (uvloop)"),
    ("aiohttp/_websocket/writer", "writing frames (aiohttp, socket)"),
    ("aiohttp", "reading frames (aiohttp)"),
    ("relay/protocol/messages", "decoding and encoding messages"),
    ("relay/protocol", "session rules"),
    ("relay/web/metrics", "metrics"),
    ("relay/web", "connections"),
    ("relay/consent", "gate"),
    ("relay/ingest", "gate and outcomes"),
    ("relay/store/schema", "SQLite: inserts and updates"),
    ("relay/store/writer", "SQLite: begin, commit, WAL; waking threads"),
    ("relay/store", "collecting rows"),
)


def profile(effort: Effort) -> dict[str, list[tuple[str, float]]]:
    """Return the parts of the relay's time by load, largest first."""
    known = fleet()
    found = {}
    for name, plan in loads(effort).items():
        samples = install.WORK / "profile.raw"
        started: list[subprocess.Popen[bytes]] = []

        def attach(server: Server, plan: Plan) -> None:
            started.append(_attach(server, plan, samples))  # noqa: B023

        measure("candor", known, plan, attach)
        started[0].wait()
        found[name] = _groups(samples)
    return found


def _attach(server: Server, plan: Plan, samples: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(install.VENV / "bin" / "py-spy", "record", "--pid", str(server.pid)),
            *("--duration", str(int(plan.warm_s + plan.measure_s)), "--rate", str(_RATE)),
            *("--format", "raw", "--output", samples),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _groups(samples: Path) -> list[tuple[str, float]]:
    counts: Counter[str] = Counter()
    for line in samples.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        leaf: Any = stack.rpartition(";")[2]
        group = next((name for part, name in _GROUPS if part in leaf), "the rest")
        counts[group] += int(count)
    total = counts.total()
    return [(name, count / total) for name, count in counts.most_common()]
