"""`make bench`: measure, keep the results as JSON, write the page.

    python -m tests.bench [relay] [recorders] [profile] [page]     default: all of them

With CANDOR_EFFORT=full the committed results are replaced; otherwise a shorter run goes to var/.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from tests.bench import install, machine, profile, recorders, throughput
from tests.bench.report import write_report

HERE: Final = Path(__file__).parent
PARTS: Final = ("recorders", "relay", "profile", "page")


def main(words: list[str]) -> int:
    """Run the named parts, or all."""
    unknown = set(words) - set(PARTS)
    if unknown:
        sys.stderr.write(f"bench: unknown {', '.join(unknown)}; there are {', '.join(PARTS)}.\n")
        return 2
    full = os.environ.get("CANDOR_EFFORT") == "full"
    base = HERE if full else install.WORK / "quick"
    results = base / "results"
    results.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"bench {time.monotonic() - began:5.0f} s: {text}\n")
        sys.stderr.flush()

    install.install(say)
    parts = words or PARTS
    if "recorders" in parts:
        effort = recorders.Effort(5, 6, 3) if full else recorders.Effort(3, 2, 1)
        _keep(results / "recorders.json", effort.repetitions, lambda: recorders.run(effort, say))
    load = throughput.Effort(5, 2, 6) if full else throughput.Effort(3, 1, 3)
    if "relay" in parts:
        _keep(results / "relay.json", load.repetitions, lambda: throughput.run(load, say))
    if "profile" in parts:
        _write(results / "profile.json", {"loads": profile.profile(load)})
    page = base / "README.md"
    write_report(results, page)
    say(f"done; see {page.relative_to(install.ROOT)}")
    return 0


def _keep(path: Path, repetitions: int, run: Callable[[], Iterable[dict[str, object]]]) -> None:
    facts = machine.facts()
    _write(
        path,
        {
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "effort": "full" if os.environ.get("CANDOR_EFFORT") == "full" else "quick",
            "repetitions": repetitions,
            "machine": facts,
            "note": os.environ.get("BENCH_NOTE", ""),
            "rows": list(run()),
        },
    )


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
