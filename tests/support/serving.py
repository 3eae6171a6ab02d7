"""A real `candor serve` on loopback without TLS, for tests that look at its edges.

Owns one process and its data directory; started with a small programme of its own.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from relay.consent.document import encode_key
from relay.vault.keys import KeyFile
from tests.support.programme import Programme

ROOT = Path(__file__).resolve().parents[2]


def write_relay(directory: Path, programme: Programme) -> None:
    """Write what `candor init` writes: settings with both public keys, and the ledger key."""
    directory.mkdir(mode=0o700, exist_ok=True)
    (directory / "candor.toml").write_text(
        f'controller_key = "{encode_key(programme.controller.public)}"\n'
        f'representative_key = "{encode_key(programme.representative.public)}"\n',
        "utf-8",
    )
    keys = KeyFile(
        format="candor-keys-v1",
        role="ledger",
        name="",
        seeds={"ledger": encode_key(programme.ledger.seed)},
    )
    file = directory / "ledger.key"
    file.write_bytes(msgspec.json.encode(keys))
    file.chmod(0o600)


class Serving:
    """One `candor serve` process; `CANDOR_*` settings may be given as keywords."""

    def __init__(
        self, directory: Path, programme: Programme | None = None, **settings: object
    ) -> None:
        self.directory = directory
        self.programme = programme or Programme()
        self.settings = settings
        self.log = directory / "serve.log"
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None
        self._offset = 0
        write_relay(directory, self.programme)

    def start(self, *, publish: bool = True) -> Serving:
        """Start it, wait until it is ready, and publish the programme's policy."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CANDOR_")}
        environment |= {f"CANDOR_{k.upper()}": str(v) for k, v in self.settings.items()}
        self._offset = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "relay", "serve", str(self.directory), "--port", "0"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        port = self._ready()["port"]
        self.url = f"http://127.0.0.1:{port}"
        if publish:
            status, body = self.post("/v1/policy", self.programme.publication())
            assert status == 200, body
        return self

    def _ready(self) -> dict[str, object]:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            for line in self.lines(self._offset):
                if line.get("event") == "serve.ready":
                    return line
            if self.process is not None and self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(self.text())

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it, and return its exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(how)
        code = self.process.wait(timeout=30)
        self.process = None
        return code

    def text(self) -> str:
        """Return everything it logged."""
        return self.log.read_text("utf-8")

    def lines(self, offset: int = 0) -> list[dict[str, object]]:
        """Return its log lines from this offset of the log."""
        data = self.log.read_bytes()[offset:]
        return [json.loads(line) for line in data.splitlines() if line.startswith(b"{")]

    def metric(self, name: str) -> float:
        """Return one metric, named with its labels as /metrics writes it; 0 if absent."""
        for line in self.get("/metrics")[1].decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Send a GET; return status and body."""
        return self._ask("GET", path, None, headers)

    def post(self, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
        """Send a POST; return status and body. Underscores in header names become hyphens."""
        return self._ask("POST", path, body, headers)

    def ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request; return status, headers by lower-case name, and body."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=10)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, named, answer.read()
        finally:
            connection.close()

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        status, _, answer = self.ask(method, path, body, named)
        return status, answer
