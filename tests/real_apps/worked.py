"""One round of work in both apps, with the extension recording or without any extension.

Owns the order of servers, browser and steps; keeps what can be compared afterwards.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, Playwright

from tests.real_apps import data, lab
from tests.real_apps.gateway import Gateway
from tests.real_apps.looking import Console, constant
from tests.real_apps.processes import DATA_HOST, LAB_HOST, start_data, start_lab
from tests.support.browser import chromium
from tests.support.canary import Canaries
from tests.support.tls import Authority

APPS = ("jupyterlab", "datasette")


@dataclass
class Round:
    """What one round of work did and left behind, by app."""

    states: dict[str, dict[str, object]] = field(default_factory=dict)
    console: dict[str, set[str]] = field(default_factory=dict)
    cost: dict[str, dict[str, float]] = field(default_factory=dict)
    asked: dict[str, set[str]] = field(default_factory=dict)
    clicks: dict[str, int] = field(default_factory=dict)
    typed: dict[str, dict[str, int]] = field(default_factory=dict)
    steps: dict[str, tuple[float, float]] = field(default_factory=dict)
    """When each step in JupyterLab was, in seconds since 1970."""


@contextlib.contextmanager
def served(
    python: Path, folder: Path, authority: Authority, canaries: Canaries
) -> Iterator[Gateway]:
    """Run both apps, new, behind a gateway."""
    with contextlib.ExitStack() as stack:
        notebooks = start_lab(python, folder / "lab", lab.files(canaries))
        stack.callback(notebooks.stop)
        database = start_data(python, folder / "data", data.secrets(canaries))
        stack.callback(database.stop)
        backends = {LAB_HOST: notebooks.port, DATA_HOST: database.port}
        gateway = Gateway(authority, backends).start()
        stack.callback(gateway.stop)
        yield gateway


@contextlib.contextmanager
def plain_browser(
    playwright: Playwright, folder: Path, authority: Authority, hosts: dict[str, int]
) -> Iterator[BrowserContext]:
    """Run the same browser without any extension."""
    authority.trust_in(folder / "home")
    rules = [f"MAP {host}:443 127.0.0.1:{port}" for host, port in hosts.items()]
    rules += ["MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1", "EXCLUDE localhost"]
    context = playwright.chromium.launch_persistent_context(
        str(folder / "profile"),
        executable_path=chromium(),
        env={**os.environ, "HOME": str(folder / "home")},
        color_scheme="light",
        viewport={"width": 1280, "height": 800},
        args=[f"--host-resolver-rules={', '.join(rules)}"],
    )
    try:
        yield context
    finally:
        context.close()


def work(page: Page, gateway: Gateway, folder: Path, canaries: Canaries) -> Round:
    """Work in both apps, one after the other, in one tab."""
    done = Round()
    in_lab = lab.LabWork(page, canaries, folder / "lab")
    people: dict[str, lab.LabWork | data.DataWork] = {
        "jupyterlab": in_lab,
        "datasette": data.DataWork(page, canaries),
    }
    for app, person in people.items():
        console = Console(page)
        person.run()
        done.states[app] = person.state()
        done.cost[app] = {
            "script_ms": round(person.cost.script_ms, 1),
            "task_ms": round(person.cost.task_ms, 1),
        }
        done.console[app] = console.said()
        done.clicks[app] = person.clicks
        done.typed[app] = dict(person.typed)
    done.steps = in_lab.steps
    for app, host in zip(APPS, (LAB_HOST, DATA_HOST), strict=True):
        done.asked[app] = {
            constant(f"{method} {path}") for method, at, path in gateway.asked if at == host
        }
    return done
