"""The README's pilot with separate keys, by its own lines: from new keys to an opened event."""

from __future__ import annotations

import datetime as dt
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from relay.client import Device, tls_context
from relay.model import Signal
from tests.support.relay import ROOT, environment
from tests.support.tls import Authority

pytestmark = pytest.mark.timeout(300)

MARK = "<!-- pilot: tests/e2e/test_pilot.py runs these lines"
ORIGIN = "https://candor.corp.example"
DIRECTORY = "/srv/candor"
LISTENING = "--host 0.0.0.0 --port 443"
ANSWERS = {
    "programme": "pilot",
    "eligible": "Everyone in customer service.",
    "name": "Somebody",
    "email": "somebody@corp.example",
}
T0 = 179_560_000_000


@dataclass(frozen=True)
class Line:
    """A line of the README: whose prompt it stands after, and what they type."""

    who: str
    words: list[str]

    def runs(self, *name: str) -> bool:
        """Tell whether this is that command of `candor`."""
        return self.words[1 : 1 + len(name)] == list(name)


def readme_lines(**changes: str) -> list[Line]:
    """Return the lines of the pilot's blocks, with these texts in the place of the example's."""
    section = (ROOT / "README.md").read_text("utf-8").partition(MARK)[2].partition("\n## ")[0]
    text = "\n".join(re.findall(r"```console\n(.*?)```", section, re.DOTALL))
    for old, new in changes.items():
        assert old in text, f"the README's lines hold no {old}"
        text = text.replace(old, new)
    lines = []
    for line in text.replace("\\\n", " ").splitlines():
        who, _, typed = line.partition("$ ")
        words = shlex.split(typed, comments=True)
        if words:
            assert words[0] == "candor", line
            lines.append(Line(who.strip(), words))
    return lines


class Pilot:
    """Holders with a folder each; files pass from one to another, key files never do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.origin = f"https://127.0.0.1:{port}"
        self.directory = self.home("operator") / "srv"
        self.authority = Authority(folder / "authority")
        certificate = self.authority.issue("127.0.0.1")
        shutil.copy(certificate.chain, self.home("operator") / "cert.pem")
        shutil.copy(certificate.key, self.home("operator") / "key.pem")
        today = dt.datetime.now(dt.UTC).date()
        self.lines = readme_lines(
            **{
                ORIGIN: self.origin,
                DIRECTORY: str(self.directory),
                LISTENING: f"--host 127.0.0.1 --port {port}",
                "2027-01-11": today.isoformat(),
                "2027-01-15": (today + dt.timedelta(days=4)).isoformat(),
            }
        )
        self.process: subprocess.Popen[bytes] | None = None

    def home(self, who: str) -> Path:
        home = self.folder / who
        home.mkdir(exist_ok=True)
        return home

    def hand_over(self, line: Line) -> None:
        """Bring what this line reads and its holder lacks, from whoever has it."""
        written = {line.words[at + 1] for at, word in enumerate(line.words[:-1]) if word == "--out"}
        for word in line.words:
            name = re.fullmatch(r"[a-z-]+(\.[a-z]+)*\.(toml|sig|json|jsonl)", word)
            if name is None or word in written or (self.home(line.who) / word).exists():
                continue
            assert not word.endswith(".key.json"), f"{line.who} has no {word}"
            found = [path for path in self.folder.rglob(word) if path.is_file()]
            assert found, f"nobody has {word}, which {line.who} needs"
            shutil.copy(found[0], self.home(line.who))

    def run(self, line: Line) -> str:
        """Run a line in its holder's folder, saying yes, and return what it printed."""
        self.hand_over(line)
        if line.runs("serve"):
            self.serve(line)
            return ""
        done = subprocess.run(
            [sys.executable, "-m", "relay", *line.words[1:]],
            cwd=self.home(line.who),
            env=self.environment(),
            input="y\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{shlex.join(line.words)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def environment(self) -> dict[str, str]:
        """Return the environment of a machine that trusts the authority, as a company's would."""
        return environment() | {"SSL_CERT_FILE": str(self.authority.file), "PYTHONPATH": str(ROOT)}

    def serve(self, line: Line) -> None:
        log = self.folder / "serve.log"
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "relay", *line.words[1:]],
                cwd=self.home(line.who),
                env=self.environment(),
                stdout=output,
                stderr=output,
            )
        until = time.monotonic() + 30
        while b"serve.ready" not in log.read_bytes():
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)

    def fill_in(self) -> None:
        """Do the operator's part between two lines: fill in what the draft leaves blank."""
        policy = self.directory / "policy.toml"
        today = dt.datetime.now(dt.UTC).date()
        days = {
            "first_day": today.isoformat(),
            "last_day": (today + dt.timedelta(days=30)).isoformat(),
        }
        answers = ANSWERS | days
        draft = policy.read_text("utf-8")
        draft = draft.replace("purposes = []", 'purposes = ["Fewer steps for frequent tasks."]')
        draft = re.sub(
            r'^(\w+) = ""$',
            lambda blank: f'{blank[1]} = "{answers[blank[1]]}"',
            draft,
            flags=re.MULTILINE,
        )
        policy.write_text(draft, "utf-8")

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(timeout=30) == 0


@pytest.fixture
def pilot(tmp_path: Path) -> Iterator[Pilot]:
    made = Pilot(tmp_path)
    yield made
    made.stop()


async def record(pilot: Pilot, enrolment: str) -> None:
    """Take part as a participant's device does: enrol, grant, send one click."""
    async with Device(tls=tls_context(pilot.authority.file)) as device:
        await device.enrol(enrolment)
        await device.grant({1: Signal.CLICK})
        device.seal(1, T0, 1, {Signal.CLICK: [[5], [0], [1], [9]]})
        await device.settled(timeout_s=30)
        assert device.refused == {}


async def test_its_lines_lead_from_new_keys_to_an_opened_event(pilot: Pilot) -> None:
    opened = ""
    for line in pilot.lines:
        opened = pilot.run(line)
        if line.runs("init"):
            pilot.fill_in()
        if line.runs("enrol", "codes"):
            codes = opened.split()
            assert len(codes) == len(set(codes)) == 20
            await record(pilot, codes[0])
    assert pilot.lines[-1].runs("open")
    assert "click" in opened
    assert {path.parent.parent.name for path in pilot.folder.rglob("*.key.json")} == {
        *("controller", "representative", "research")
    }
