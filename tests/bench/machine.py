"""What the figures were measured on.

Owns facts without names: nothing here tells whose machine it is.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from pathlib import Path


def load_average() -> float:
    """Return the system's load over the last minute."""
    return round(os.getloadavg()[0], 2)


def facts() -> dict[str, object]:
    """Return what a reader needs to judge the figures."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**20),
        "system": f"Linux {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "node": _said("node", "--version"),
        "sqlite": sqlite3.sqlite_version,
        "load_average": load_average(),
    }


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "absent"
