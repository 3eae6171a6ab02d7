"""A real relay as its operator and key holders run it: through the `candor` command.

Owns one data folder and one serving process; reads the store only to count, never to write.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.apps import CRM, WIKI
from tests.support.tls import Authority

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30


class CandorFailedError(RuntimeError):
    """A `candor` command ended with an error; carries its exit code and what it said."""

    def __init__(self, arguments: Sequence[str], code: int, said: str) -> None:
        super().__init__(f"candor {' '.join(arguments)} ended with {code}: {said.strip()}")
        self.code = code
        self.said = said


def environment() -> dict[str, str]:
    """Return this process's environment without settings meant for another relay."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CANDOR_")}


def candor(*arguments: str | Path, answers: str = "") -> str:
    """Run a `candor` command to its end and return what it printed.

    Args:
        arguments: As on the command line.
        answers: What is typed at its questions.

    Raises:
        CandorFailedError: It ended with an error.
    """
    words = [str(argument) for argument in arguments]
    done = subprocess.run(
        [sys.executable, "-m", "relay", *words],
        cwd=ROOT,
        env=environment(),
        input=answers,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        raise CandorFailedError(words, done.returncode, done.stderr or done.stdout)
    return done.stdout


@dataclass(frozen=True)
class StoredBatch:
    """A row of the store, as far as a test needs it."""

    stream: bytes
    seq: int
    ciphertext: bytes


class Relay:
    """One programme's relay with all its key holders' files.

    Args:
        folder: Everything goes here: DIR of the relay, key files, logs.
        authority: Issues its certificate.
        origin: The origin the policy names, where devices connect; None = where it listens.
        apps: Origins of the approved apps, numbered from 1.
        command: What is started instead of `candor serve`; only a sabotage needs it.
    """

    def __init__(
        self,
        folder: Path,
        authority: Authority,
        *,
        origin: str,
        apps: Sequence[str] = (CRM, WIKI),
        command: Sequence[str] = ("-m", "relay"),
    ) -> None:
        self.folder = folder
        self.data = folder / "relay"
        self.keys = self.data / "keys"
        self.policy = self.data / "policy.toml"
        self.log = folder / "serve.log"
        self.authority = authority
        self.origin = origin
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._apps = apps
        self._command = command
        self._certificate = authority.issue("127.0.0.1", "localhost")

    def init(self, *changes: tuple[str, str]) -> None:
        """Make the programme's files and have both policy keys sign its policy.

        Args:
            changes: Texts of the drafted policy, each with what replaces it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        apps = [word for app in self._apps for word in ("--app", app)]
        candor("init", self.data, "--demo", "--relay", self.origin, *apps)
        draft = self.policy.read_text("utf-8")
        for old, new in changes:
            draft = draft.replace(old, new)
        self.policy.write_text(draft, "utf-8")
        self.sign()

    def sign(self) -> None:
        """Sign the policy file with both keys, each holder's step on its own."""
        for role in ("controller", "representative"):
            (self.data / f"policy.{role}.sig").unlink(missing_ok=True)
            candor("policy", "sign", self.policy, "--key", self.keys / f"{role}.key.json", "--yes")

    def publish(self) -> None:
        """Publish the signed policy at the running relay."""
        signatures = [self.data / f"policy.{role}.sig" for role in ("controller", "representative")]
        candor("policy", "publish", self.policy, *signatures, *self.where())

    def where(self, start: Sequence[str | Path] = ()) -> list[str | Path]:
        """Return these words and the options by which a command finds this relay."""
        return [*start, "--relay", self.origin, "--cafile", self.authority.file]

    def codes(self, count: int = 1) -> list[str]:
        """Issue enrolment strings, as the representative does."""
        key = self.keys / "representative.key.json"
        printed = candor("enrol", "codes", "-n", str(count), "--key", key, "--policy", self.policy)
        return [line.strip() for line in printed.splitlines() if line.startswith("candor1.")]

    # ------------------------------------------------------------------------------ the process

    def start(self) -> None:
        """Start serving and wait until it says on which port; the same port as before."""
        began = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, *self._command, "serve", str(self.data)),
                    *("--port", str(self.port)),
                    *("--tls-cert", str(self._certificate.chain)),
                    *("--tls-key", str(self._certificate.key)),
                ],
                cwd=ROOT,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            for entry in self.log_entries(began):
                if entry.get("event") == "serve.ready":
                    self.port = int(str(entry["port"]))
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        tail = self.log.read_text("utf-8", "replace")[-2000:]
        message = f"the relay did not become ready; its log ends: {tail}"
        raise RuntimeError(message)

    def kill(self) -> None:
        """Kill the relay without warning, as a power cut does."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask the relay to end and return its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(how)
        code = self.process.wait(timeout=30)
        self.process = None
        return code

    def log_entries(self, offset: int = 0) -> Iterator[dict[str, object]]:
        """Yield what the relay logged since this offset of its log file."""
        for line in self.log.read_bytes()[offset:].splitlines():
            if line.startswith(b"{"):
                yield json.loads(line)

    def get(self, path: str) -> str:
        """Fetch a path of the relay itself, past any proxy."""
        context: ssl.SSLContext = self.authority.client_context()
        url = f"https://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(url, context=context, timeout=10) as answer:
            return str(answer.read().decode())

    # -------------------------------------------------------------------------------- the store

    def database(self) -> sqlite3.Connection:
        """Open the store for reading; the running relay is not disturbed."""
        path = self.data / "relay.sqlite"
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)

    def stored(self) -> list[StoredBatch]:
        """Return every stored batch, each stream's in order of arrival."""
        database = self.database()
        try:
            rows = database.execute(
                "SELECT s.id, b.seq, b.ciphertext FROM batches b "
                "JOIN streams s ON s.stream = b.stream ORDER BY b.batch"
            )
            return [StoredBatch(*row) for row in rows]
        finally:
            database.close()

    def kept(self) -> list[tuple[bytes, int]]:
        """Return stream salt and seq of every batch on disk, while no relay runs.

        Read from a copy, so that recovering it changes nothing for the relay that starts next.
        """
        with tempfile.TemporaryDirectory() as folder:
            for path in self.data.glob("relay.sqlite*"):
                shutil.copy(path, folder)
            database = sqlite3.connect(Path(folder) / "relay.sqlite")
            try:
                rows = database.execute(
                    "SELECT s.salt, b.seq FROM batches b JOIN streams s ON s.stream = b.stream"
                )
                return [(bytes(salt), int(seq)) for salt, seq in rows]
            finally:
                database.close()

    def stored_of(self, stream: bytes) -> list[int]:
        """Return the seqs stored for one stream, in order of arrival."""
        return [batch.seq for batch in self.stored() if batch.stream == stream]

    def outcomes(self) -> dict[str, int]:
        """Return how many batches met each outcome, from the store's durable counts."""
        return self._pairs("SELECT outcome, sum(total) FROM counts GROUP BY outcome")

    def dropped(self) -> dict[str, int]:
        """Return how many batches devices gave up, by reason."""
        return self._pairs("SELECT reason, sum(last - first + 1) FROM dropped GROUP BY reason")

    def refused(self) -> dict[str, int]:
        """Return how many batches the gate refused, by reason."""
        return self._pairs("SELECT reason, count(*) FROM refused GROUP BY reason")

    def streams(self) -> int:
        """Return how many streams the relay knows."""
        return self._pairs("SELECT 'streams', count(*) FROM streams")["streams"]

    def _pairs(self, query: str) -> dict[str, int]:
        database = self.database()
        try:
            return {str(name): int(count) for name, count in database.execute(query)}
        finally:
            database.close()

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield every file of the relay, its log included, and what /metrics says."""
        for path in [*sorted(self.data.rglob("*")), self.log]:
            if path.is_file():
                yield f"relay: {path.relative_to(self.folder)}", path.read_bytes()
        if self.process is not None:
            yield "relay: /metrics", self.get("/metrics").encode()
