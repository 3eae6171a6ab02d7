"""The servers that are compared: starting, finding their port, stopping.

Owns processes; each one is killed when its measurement ends.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgpack  # type: ignore[import-untyped]

ROOT: Final = Path(__file__).resolve().parents[2]
PEERS: Final = Path(__file__).parent / "peers"
_START_S: Final = 30.0
_STOP_S: Final = 20.0


class Server:
    """One server process on this machine.

    Args:
        command: What to start.
        folder: Where its log goes; made if absent.
        environment: Beside the present one.
    """

    name = ""
    is_real = False
    stores = True

    def __init__(
        self, command: Sequence[str | Path], folder: Path, environment: dict[str, str] | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._command = [str(word) for word in command]
        self._log = folder / "server.log"
        self._environment = environment or {}

    def start(self) -> None:
        """Start, and wait for the line that tells the port."""
        kept = {name: value for name, value in os.environ.items() if name[:7] != "CANDOR_"}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=kept | self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + _START_S
        while time.monotonic() < until and self.process.poll() is None:
            for line in self._log.read_bytes().splitlines():
                if line.startswith(b"{") and b'"port"' in line:
                    self.port = int(json.loads(line)["port"])
                    return
            time.sleep(0.02)
        self.stop()
        said = f"{self.name} did not start; its log ends: {self.log()[-2000:]}"
        raise RuntimeError(said)

    def stop(self) -> None:
        """Ask the server to end, and kill it if it does not."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def log(self) -> str:
        """Return what it wrote."""
        return self._log.read_text("utf-8", "replace")

    @property
    def pid(self) -> int:
        """The process whose CPU counts."""
        assert self.process is not None
        return self.process.pid

    def stored(self) -> int:
        """Return how many batches the store holds."""
        path = self.folder / "relay.sqlite"
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)
        try:
            count: int = database.execute("SELECT count(*) FROM batches").fetchone()[0]
            return count
        finally:
            database.close()


class Candor(Server):
    """`candor serve` as shipped, plain HTTP on loopback, as behind a proxy that ends TLS."""

    name = "candor"
    is_real = True

    def __init__(self, folder: Path, port: int = 0) -> None:
        command = (sys.executable, "-m", "relay", "serve", folder, "--port", str(port))
        super().__init__(command, folder)

    def policy_body(self) -> bytes:
        """Return the policy in force."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.port}/v1/policy", timeout=10
        ) as answer:
            body: bytes = msgpack.unpackb(answer.read())[0]
            return body


class Bare(Server):
    """The same aiohttp WebSocket with a coalesced ack, and nothing else."""

    name = "bare loop"
    stores = False

    def __init__(self, folder: Path) -> None:
        super().__init__((sys.executable, PEERS / "bare.py"), folder)


class Node(Server):
    """Node's `ws` with better-sqlite3."""

    name = "node"

    def __init__(self, folder: Path, modules: Path) -> None:
        super().__init__(
            ("node", PEERS / "node.mjs", folder), folder, {"BENCH_MODULES": str(modules)}
        )


class FastApi(Server):
    """FastAPI with pydantic and SQLAlchemy on uvicorn."""

    name = "fastapi"

    def __init__(self, folder: Path, python: Path) -> None:
        super().__init__((python, PEERS / "fastapi_peer.py", folder), folder)


def copy_of(source: Path, folder: Path) -> Path:
    """Copy a relay's folder to start a measurement from."""
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("server.log", "relay.lock"))
    return folder
