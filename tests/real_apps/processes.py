"""The real apps' servers: JupyterLab and datasette, each with a folder of its own.

Owns one process each, on a free port of the loopback address; configures nothing about recording.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final

LAB_HOST: Final = "lab.corp.example"
DATA_HOST: Final = "data.corp.example"
LAB: Final = f"https://{LAB_HOST}"
DATA: Final = f"https://{DATA_HOST}"
START_SECONDS: Final = 60
ROWS: Final = 1000
CITIES: Final = ("Bergen", "Lyon", "Porto", "Turin")


class Server:
    """One server process.

    Args:
        command: What to start; `{port}` stands for the port.
        folder: Its home, and where its log goes.
        ready: Path that answers once it is ready.
        environment: Beside PATH and HOME.
        inside: Where it works, if not in its folder.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        folder: Path,
        ready: str,
        *,
        environment: dict[str, str] | None = None,
        inside: Path | None = None,
    ) -> None:
        self.port = _free_port()
        self._log = folder / "server.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(word).replace("{port}", str(self.port)) for word in command],
                cwd=inside or folder,
                env={"PATH": os.environ["PATH"], "HOME": str(folder), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until(ready)
        except BaseException:
            self.stop()
            raise

    def _wait_until(self, ready: str) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{ready}", timeout=5):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.1)
        said = self._log.read_text("utf-8", "replace")[-2000:]
        raise RuntimeError(said)

    def stop(self) -> None:
        """End it with everything that it started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(timeout=10)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def start_lab(python: Path, folder: Path, files: dict[str, str]) -> Server:
    """Start JupyterLab in a folder of notebooks.

    Args:
        python: Of the environment that has it.
        folder: Everything goes below it.
        files: Names in the file browser, and what is in them.
    """
    notebooks = folder / "notebooks"
    notebooks.mkdir(parents=True)
    for name, text in files.items():
        (notebooks / name).write_text(text, "utf-8")
    config = folder / "config"
    (config / "labconfig").mkdir(parents=True)
    # Its news would come from the internet, which tests must not need.
    news = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (config / "labconfig" / "page_config.json").write_text(json.dumps(news), "utf-8")
    command = (
        *(python, "-m", "jupyter", "lab", "--allow-root", "--no-browser", "--ip=127.0.0.1"),
        *("--port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={notebooks}"),
        *("--IdentityProvider.token=", "--ServerApp.allow_remote_access=True"),
        *(f"--ServerApp.allow_origin={LAB}", "--LabApp.extension_manager=readonly"),
    )
    environment = {
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "SHELL": "/bin/sh",
        "PS1": "$ ",
    }
    return Server(command, folder, "/api", environment=environment, inside=notebooks)


def start_data(python: Path, folder: Path, secrets: dict[str, str]) -> Server:
    """Start datasette over one database of customers.

    Args:
        python: Of the environment that has it.
        folder: Everything goes below it.
        secrets: Name and value of what one customer's note says, and of a further table.
    """
    folder.mkdir(parents=True)
    database = sqlite3.connect(folder / "shop.db")
    database.execute("create table customers (id integer primary key, name, city, spent int, note)")
    rows = (
        (number, f"Customer {number}", CITIES[number % len(CITIES)], number * 37 % 500, "-")
        for number in range(1, ROWS + 1)
    )
    database.executemany("insert into customers values (?, ?, ?, ?, ?)", rows)
    database.execute("update customers set note = ? where id = 3", (secrets["note"],))
    database.execute(f'create table "{secrets["table"]}" (id integer primary key, text)')
    database.commit()
    database.close()
    command = (
        *(python, "-m", "datasette", "serve", "shop.db", "--host", "127.0.0.1"),
        *("--port", "{port}", "--setting", "force_https_urls", "on"),
    )
    return Server(command, folder, "/-/versions.json")
