"""`make run`: a relay on this machine for one's own app in one's own browser, with instructions.

Owns the folder var/run and the process it starts; changes nothing in the browser.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from relay.consent.origins import is_loopback, join_origin
from tests.support.browser import ROOT, SHIPPED
from tests.support.relay import CandorFailedError, candor, environment

HELP = """Name the app that may be recorded, by its address in your browser:

  make run APP=https://intranet.example

A demonstration keeps all keys on this machine, so the relay listens on this machine only."""
START_SECONDS = 30
HOLDERS = ("controller", "representative")


def app_origin(text: str) -> str:
    """Return the origin of the address a person named.

    Raises:
        ValueError: It is no address whose app can be approved; the message says what to do.
    """
    parts = urlsplit(text if "//" in text else f"https://{text}")
    host = parts.netloc.rpartition("@")[2].lower()
    origin = join_origin(parts.scheme, host) if parts.scheme in {"http", "https"} else None
    if origin is None:
        message = f"{text} is no web address. Give one such as https://intranet.example."
        raise ValueError(message)
    if parts.scheme == "http" and not is_loopback(origin):
        message = f"{text} is not encrypted. Only an app on this machine may be http."
        raise ValueError(message)
    return origin


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class OwnRelay:
    """The relay of one app, kept in var/run so that the next run goes on with it.

    Args:
        app: Origin of the app.
    """

    def __init__(self, app: str) -> None:
        self.app = app
        self.folder = ROOT / "var" / "run" / re.sub(r"[^a-z0-9]+", "-", app)
        self.policy = self.folder / "policy.toml"
        self.signatures = [self.folder / f"policy.{role}.sig" for role in HOLDERS]
        self.log = self.folder / "serve.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.origin = ""

    def prepare(self) -> None:
        """Make the programme's files and sign its policy, as far as no earlier run did."""
        if not self.policy.exists():
            # The draft is written last: without it nothing was signed, served or stored here.
            shutil.rmtree(self.folder, ignore_errors=True)
            origin = f"http://127.0.0.1:{_free_port()}"
            candor("init", self.folder, "--demo", "--relay", origin, "--app", self.app)
        for role, signature in zip(HOLDERS, self.signatures, strict=True):
            if not signature.exists() or not signature.stat().st_size:
                key = self.folder / "keys" / f"{role}.key.json"
                candor("policy", "sign", self.policy, "--key", key, "--yes")
        found = re.search(r'^relay = "([^"]+)"', self.policy.read_text("utf-8"), re.MULTILINE)
        if found is None:
            message = f"{self.policy} names no relay. Remove {self.folder} and run this again."
            raise ValueError(message)
        self.origin = found[1]

    def serve(self) -> None:
        """Start the relay, wait until it says that it listens, publish the policy.

        Raises:
            RuntimeError: It did not start; the message says why, and where its log is.
        """
        port = self.origin.rpartition(":")[2]
        began = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "relay", "serve", str(self.folder), "--port", port],
                cwd=ROOT,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until = time.monotonic() + START_SECONDS
        # What answers at the address may be another relay, so this one's own word counts.
        while not self._is_ready(began):
            if self.process.poll() is not None or time.monotonic() > until:
                message = f"The relay did not start. {self.reason(began)}"
                raise RuntimeError(message)
            time.sleep(0.1)
        candor("policy", "publish", self.policy, *self.signatures, "--relay", self.origin)

    def _is_ready(self, began: int) -> bool:
        lines = self.log.read_bytes()[began:].splitlines()
        return any(
            json.loads(line).get("event") == "serve.ready"
            for line in lines
            if line.startswith(b"{") and line.endswith(b"}")
        )

    def reason(self, began: int = 0) -> str:
        """Return what the relay said last, and where it said it."""
        lines = self.log.read_bytes()[began:].decode("utf-8", "replace").splitlines()
        last = next((line for line in reversed(lines) if line.startswith("candor: ")), "")
        return f"{last}\nIts log: {_shown(self.log)}".strip()

    def code(self) -> str:
        """Issue one enrolment string."""
        key = self.folder / "keys" / "representative.key.json"
        return candor("enrol", "codes", "-n", "1", "--key", key, "--policy", self.policy).strip()

    def stop(self) -> None:
        """End the relay; what it stored stays."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=20)


def _shown(path: Path) -> str:
    return os.path.relpath(path, ROOT)


def instructions(own: OwnRelay, code: str) -> str:
    """Return what a person does now, step by step."""
    app_id = re.search(r'^id = "([^"]+)"', own.policy.read_text("utf-8"), re.MULTILINE)
    today = dt.datetime.now(dt.UTC).date()
    week = today + dt.timedelta(days=7)
    folder, keys = _shown(own.folder), _shown(own.folder / "keys")
    relay = f"--relay {own.origin}"
    return f"""
A relay for {own.app} runs at {own.origin}. Demonstration: this machine holds all keys.

1. Load the extension. In Chromium 148 or later open chrome://extensions, switch on
   "Developer mode", choose "Load unpacked" and take this folder:
     {SHIPPED}
2. Its welcome page opens. Paste this string, read the notice, try to catch it, decide:
     {code}
3. Say yes, and allow access when the browser asks. Then work in {own.app};
   Candor's button in the toolbar shows what is recorded. Pause and withdraw are there too.
4. Read what was recorded, with both holders' keys one after the other:
     .venv/bin/candor request --key {keys}/research.key.json {relay} \\
       --app {app_id[1] if app_id else "app"} --first-day {today} --last-day {week} \\
       --purpose "See what was recorded of me" --out {folder}/request.json
     .venv/bin/candor unlock {folder}/request.json --key {keys}/representative.key.json \\
       --controller-key {keys}/controller.pub.json {relay} --out {folder}/unlocked.jsonl
     .venv/bin/candor open {folder}/unlocked.jsonl --key {keys}/research.key.json \\
       --request {folder}/request.json {relay} --format table --out -

The relay runs until you press Ctrl-C. To forget everything: remove {folder} and the extension.
"""


def _one_line(error: Exception) -> str:
    """Return what happened, without the command line of the `candor` that said it."""
    return error.said.strip() if isinstance(error, CandorFailedError) else str(error)


def main() -> int:
    """Run the relay until interrupted."""
    named = os.environ.get("APP") or (sys.argv[1] if len(sys.argv) > 1 else "")
    if not named:
        print(HELP, file=sys.stderr)
        return 2
    try:
        own = OwnRelay(app_origin(named))
        own.prepare()
    except (ValueError, CandorFailedError) as error:
        print(_one_line(error), file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        own.serve()
        print(instructions(own, own.code()), flush=True)
        if own.process is not None and own.process.wait() != 0:
            print(f"The relay ended. {own.reason()}", file=sys.stderr)
            return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on where this ended.")
    except (RuntimeError, CandorFailedError) as error:
        print(_one_line(error), file=sys.stderr)
        return 1
    finally:
        own.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
