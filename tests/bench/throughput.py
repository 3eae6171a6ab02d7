"""Server CPU per durably acked batch, of Candor's relay and of what it is compared with.

Owns the order of runs: every repetition runs every server on every load, one after another.
"""

from __future__ import annotations

import asyncio
import gc
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from tests.bench import install
from tests.bench.fleet import APP, DECLARED, SIGNALS, Fleet, greet_all, make_fleet
from tests.bench.load import Measured, Plan, run_load
from tests.bench.machine import load_average
from tests.bench.servers import Bare, Candor, FastApi, Node, Server, copy_of

FLEET: Final = 5_000
SERVERS: Final = ("candor", "bare loop", "node", "fastapi")


@dataclass(frozen=True)
class Effort:
    """How long and how often."""

    repetitions: int
    warm_s: float
    measure_s: float


def loads(effort: Effort) -> dict[str, Plan]:
    """Return the loads by name."""
    times = (effort.warm_s, effort.measure_s)
    return {
        "saturated, 500 connections": Plan(500, 8, *times),
        "paced, 1000 connections": Plan(1_000, None, *times),
        "paced, 5000 connections": Plan(5_000, None, *times),
    }


def fleet() -> Fleet:
    """Return the devices all measurements use."""
    return make_fleet(install.WORK / "fleet", FLEET)


def make_server(name: str, fleet: Fleet) -> Server:
    """Return a server that is not started yet, on a fresh store."""
    folder = install.WORK / "run"
    shutil.rmtree(folder, ignore_errors=True)
    if name == "candor":
        return Candor(copy_of(install.WORK / "fleet" / "relay", folder))
    if name == "bare loop":
        return Bare(folder)
    folder.mkdir(parents=True)
    known = {
        "receipts": [device.receipt.hex() for device in fleet.devices],
        "apps": [{"app": APP, "signals": SIGNALS}],
    }
    (folder / "peer.json").write_text(json.dumps(known))
    if name == "node":
        return Node(folder, install.MODULES)
    return FastApi(folder, install.VENV / "bin" / "python")


def measure(
    name: str,
    fleet: Fleet,
    plan: Plan,
    around: Callable[[Server, Plan], Any] | None = None,
) -> Measured:
    """Start a server, load it, check its store, stop it.

    Args:
        name: One of SERVERS.
        fleet: The devices.
        plan: The load.
        around: Called when the load is about to begin, such as to attach a profiler.
    """
    server = make_server(name, fleet)
    server.start()
    try:
        devices = fleet.devices[: plan.connections]
        links = asyncio.run(greet_all(server.port, fleet, devices, real=server.is_real))
        if around:
            around(server, plan)
        gc.collect()
        measured = run_load(
            install.LOAD,
            server.pid,
            plan,
            [link.hand_over() for link in links],
            [device.segment.id for device in devices],
            fleet.sealed,
            DECLARED,
        )
        for link in links:
            link.close()
        if server.stores and not measured.acked_in_all <= server.stored() <= measured.sent_in_all:
            said = f"{name} acked {measured.acked_in_all} and stored {server.stored()}"
            raise RuntimeError(said)
    finally:
        server.stop()
    return measured


def run(effort: Effort, say: Callable[[str], None]) -> Iterator[dict[str, object]]:
    """Yield one row per run."""
    known = fleet()
    for repetition in range(effort.repetitions):
        for load, plan in loads(effort).items():
            for name in SERVERS:
                began, before = time.time(), load_average()
                measured = measure(name, known, plan)
                say(
                    f"{repetition + 1}/{effort.repetitions} {load}: {name} "
                    f"{measured.us_per_batch:.1f} us, {measured.acked / measured.wall_s:.0f}/s, "
                    f"client {measured.client_cpu_s / measured.wall_s:.0%}, "
                    f"p99 {measured.ack_p99_ms:.0f} ms"
                )
                yield {
                    "repetition": repetition,
                    "load": load,
                    "server": name,
                    "us_per_batch": measured.us_per_batch,
                    "began": round(began),
                    "load_average_before": before,
                    **asdict(measured),
                }
