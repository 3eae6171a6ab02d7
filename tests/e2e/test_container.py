"""The image as operators run it: built here, read-only, without capabilities, told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import io
import json
import os
import re
import shlex
import shutil
import socket
import sqlite3
import ssl
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from relay.client import Device, tls_context
from relay.model import Signal
from tests.support.container import Engine, MissingToolsError, need_tools
from tests.support.relay import ROOT, candor
from tests.support.tls import Authority

pytestmark = pytest.mark.timeout(900)

USER = 10001
GRACE_SECONDS = 20
ENOUGH_ACKED = 200
ROLES = ("controller", "representative", "research")
POINTER = {Signal.POINTER: [[0, 1, 2], [400, -3, 0], [300, 4, 0]]}
T0 = 179_560_000_000
BUILD_TOOLS = {
    *("pip", "pip3", "uv", "hatchling", "npm", "npx", "node", "esbuild", "git"),
    *("cc", "gcc", "g++", "c++", "clang", "make", "cmake", "ld", "as", "cargo", "go"),
}
PROGRAM_FOLDERS = {"bin", "sbin", ".bin"}


def readme_commands() -> list[str]:
    """Return the two commands of docker/README.md that lead to a running pilot."""
    text = (ROOT / "docker" / "README.md").read_text("utf-8")
    block = re.search(r"<!-- pilot: .*? -->\s+```console\n(.*?)```", text, re.DOTALL)
    assert block is not None
    lines = block[1].replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ") for line in lines if line.strip()]


class Pilot:
    """A programme with its holders' keys on this computer and its relay in a container."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.keys = folder / "keys"
        self.public = folder / "pilot"
        self.policy = folder / "policy.toml"
        self.extra: dict[str, str] = {}
        self.authority = Authority(folder / "authority")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port = taken.getsockname()[1]
        self.origin = f"https://127.0.0.1:{self.port}"
        self._hand_over()

    def _hand_over(self) -> None:
        """Lay down what the operator gets: public files, a certificate and its key."""
        self.keys.mkdir(mode=0o700)
        tls = self.public / "tls"
        tls.mkdir(parents=True)
        for role in ROLES:
            candor("keys", "new", "--role", role, "--out", self.keys)
            shutil.copy(self.keys / f"{role}.pub.json", self.public)
        issued = self.authority.issue("127.0.0.1")
        shutil.copy(issued.chain, tls / "cert.pem")
        shutil.copy(issued.key, tls / "key.pem")
        (tls / "key.pem").chmod(0o400)
        os.chown(tls / "key.pem", USER, USER)

    def type(self, command: str) -> str:
        """Run a command of the README, with this pilot's address in the place of the example's."""
        docker, compose, *words = shlex.split(
            command.replace("https://candor.corp.example", self.origin)
        )
        assert (docker, compose) == ("docker", "compose")
        return self.compose(*words)

    def compose(self, *words: str) -> str:
        return self.engine.compose(*words, port=self.port, pilot=self.public, extra=self.extra)

    def get(self, path: str, *, scheme: str = "https") -> tuple[int, bytes]:
        """Fetch a path and return status and body."""
        context: ssl.SSLContext = self.authority.client_context()
        url = f"{scheme}://127.0.0.1:{self.port}{path}"
        try:
            with urllib.request.urlopen(url, context=context, timeout=10) as answer:  # noqa: S310 - ours
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def wait(self, scheme: str = "https") -> None:
        """Wait until the relay answers, or fail with what it logged."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                assert self.get("/healthz", scheme=scheme)[0] == 200
                return
            time.sleep(0.1)
        pytest.fail(self.engine.log())

    def fill_in_and_sign(self) -> None:
        """Do the holders' part: fill in the draft from the volume, sign it twice."""
        today = dt.datetime.now(dt.UTC).date()
        answers = {
            "programme": "container-pilot",
            "eligible": "Everyone in customer service.",
            "first_day": today.isoformat(),
            "last_day": (today + dt.timedelta(days=90)).isoformat(),
            "name": "Somebody",
            "email": "somebody@corp.example",
        }
        draft = (self.engine.volume() / "policy.toml").read_text("utf-8")
        draft = draft.replace("purposes = []", 'purposes = ["Fewer steps for frequent tasks."]')
        draft = re.sub(
            r'^(\w+) = ""$',
            lambda blank: f'{blank[1]} = "{answers[blank[1]]}"',
            draft,
            flags=re.MULTILINE,
        )
        self.policy.write_text(draft, "utf-8")
        for role in ROLES[:2]:
            candor("policy", "sign", self.policy, "--key", self.keys / f"{role}.key.json", "--yes")

    def publish(self) -> None:
        signatures = [self.policy.with_suffix(f".{role}.sig") for role in ROLES[:2]]
        candor("policy", "publish", self.policy, *signatures, "--cafile", self.authority.file)

    def code(self) -> str:
        """Issue an enrolment string, as the representative does."""
        key = self.keys / "representative.key.json"
        printed = candor("enrol", "codes", "--key", key, "--policy", self.policy)
        return next(line for line in printed.splitlines() if line.startswith("candor1."))

    def stored(self, stream: bytes) -> list[int]:
        """Return the seqs in the volume's store, in order of arrival."""
        path = self.engine.volume() / "relay.sqlite"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            rows = database.execute(
                "SELECT b.seq FROM batches b JOIN streams s ON s.stream = b.stream "
                "WHERE s.id = ? ORDER BY b.batch",
                (stream,),
            )
            return [seq for (seq,) in rows]

    def log_names(self) -> list[str]:
        """Return the names of what the relay logged, oldest first."""
        lines = self.engine.log().splitlines()
        return [json.loads(line)["event"] for line in lines if line.startswith("{")]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Build the image, or skip with the reason why it cannot be built on this computer."""
    try:
        need_tools()
        engine = Engine(tmp_path_factory.mktemp("engine"), f"candor-test-{os.getpid()}")
        engine.build()
    except MissingToolsError as error:
        pytest.skip(f"The container was not tested. {error}")
    yield engine
    engine.remove()


@pytest.fixture(scope="module")
def pilot(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Pilot:
    """Start a pilot with the two commands of docker/README.md."""
    pilot = Pilot(engine, tmp_path_factory.mktemp("pilot"))
    prepare, start = readme_commands()
    assert "secret" in pilot.type(prepare)
    pilot.type(start)
    pilot.wait()
    return pilot


@pytest.fixture(scope="module")
def published(pilot: Pilot) -> Pilot:
    """Return the pilot with a policy in force."""
    status, body = pilot.get("/readyz")
    assert (status, json.loads(body)["code"]) == (503, "policy_missing")
    pilot.fill_in_and_sign()
    pilot.publish()
    return pilot


# -------------------------------------------------------------------------------- what is in it


def test_the_image_says_how_it_wants_to_be_run(engine: Engine) -> None:
    configuration = engine.inspect()
    assert configuration["User"] == f"{USER}:{USER}"
    assert configuration["StopSignal"] == "SIGTERM"
    assert configuration["Volumes"] == {"/var/lib/candor": {}}
    assert configuration["Healthcheck"]["Test"][0] == "CMD"


def test_the_image_holds_no_build_tools_and_no_secrets(engine: Engine) -> None:
    files = engine.files()
    assert "srv/candor/bin/candor" in files
    programs = {Path(file).name for file in files if Path(file).parent.name in PROGRAM_FOLDERS}
    assert "python3" in programs
    assert programs & BUILD_TOOLS == set()
    left = re.compile(r"node_modules|/ensurepip|etc/pip\.conf|npmrc|run/secrets")
    assert [file for file in files if left.search(file)] == []


def test_the_image_offers_the_extension_that_this_source_makes(
    pilot: Pilot, extension: Path
) -> None:
    status, body = pilot.get("/extension/chromium.zip")
    assert status == 200
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        served = {name: sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
    built = {
        path.relative_to(extension).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in extension.rglob("*")
        if path.is_file()
    }
    assert served == built


# ------------------------------------------------------------------------------- how it is run


def test_it_runs_as_itself_without_any_right(pilot: Pilot) -> None:
    status = pilot.engine.inside("cat", "/proc/1/status")
    facts = dict(re.findall(r"^(\w+):\s+(.*)$", status, re.MULTILINE))
    assert facts["Uid"].split() == [str(USER)] * 4
    assert {facts[name].strip("0") for name in ("CapInh", "CapPrm", "CapEff", "CapBnd")} == {""}
    assert facts["NoNewPrivs"] == "1"
    assert "candor" in pilot.engine.inside("cat", "/proc/1/cmdline")


@pytest.mark.parametrize("folder", ["/", "/srv/candor", "/etc", "/pilot"])
def test_it_can_write_nowhere_but_in_its_volume(pilot: Pilot, folder: str) -> None:
    attempt = "import pathlib, sys; pathlib.Path(sys.argv[1], 'written').touch()"
    with pytest.raises(RuntimeError, match="Read-only file system"):
        pilot.engine.inside("python", "-c", attempt, folder)
    pilot.engine.inside("python", "-c", attempt, "/var/lib/candor")


def test_the_health_check_passes_while_it_serves(pilot: Pilot) -> None:
    pilot.engine.podman("healthcheck", "run", pilot.engine.container)


def test_the_health_check_fails_where_nothing_serves(pilot: Pilot) -> None:
    check = ("env", "CANDOR_PORT=1", "python", "/srv/candor/healthcheck.py")
    with pytest.raises(RuntimeError, match="cannot be asked"):
        pilot.engine.inside(*check)


def test_it_is_ready_once_a_policy_is_published(published: Pilot) -> None:
    assert published.get("/readyz")[0] == 200


async def test_what_was_acked_before_sigterm_is_in_the_volume(published: Pilot) -> None:
    pilot = published
    async with Device(tls=tls_context(pilot.authority.file)) as device:
        await device.enrol(pilot.code())
        await device.grant({1: Signal.POINTER})
        working = asyncio.create_task(seal_all_the_time(device))
        await until(lambda: device.through >= ENOUGH_ACKED)
        began = time.monotonic()
        await asyncio.to_thread(pilot.compose, "-f", "docker/compose.yaml", "stop")
        took = time.monotonic() - began
        acked = device.through
        ended = pilot.engine.state()
        assert (ended["Status"], ended["ExitCode"]) == ("exited", 0)
        assert took < GRACE_SECONDS
        names = pilot.log_names()
        assert "relay.draining" in names
        assert names[-1] == "serve.stopped"
        assert device.refused == {}
        assert ENOUGH_ACKED <= acked < device.last_seq
        kept = pilot.stored(device.stream)
        assert set(range(1, acked + 1)) <= set(kept)
        assert len(kept) == len(set(kept))

        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
        await asyncio.to_thread(pilot.type, readme_commands()[1])
        await device.settled(timeout_s=60)
        assert pilot.stored(device.stream) == list(range(1, device.last_seq + 1))


async def seal_all_the_time(device: Device) -> None:
    """Seal a batch every few milliseconds until cancelled."""
    while True:
        device.seal(1, T0, 7, POINTER)
        await asyncio.sleep(0.003)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - the device tells of acks by its state alone
            await asyncio.sleep(0.02)


def test_behind_a_proxy_it_serves_and_is_healthy_without_tls(published: Pilot) -> None:
    pilot = published
    pilot.compose("-f", "docker/compose.yaml", "down")
    env_file = ROOT / "docker" / "behind-proxy.env"
    shutil.rmtree(pilot.public / "tls")
    pilot.compose(
        "-f",
        "docker/compose.yaml",
        "--env-file",
        str(env_file),
        "up",
        "--detach",
        "--force-recreate",
    )
    pilot.wait("http")
    assert pilot.get("/readyz", scheme="http")[0] == 200
    pilot.engine.podman("healthcheck", "run", pilot.engine.container)
    pilot.compose("-f", "docker/compose.yaml", "down")
