"""The image and the compose file, really built and run without a Docker engine.

Owns a store of images below var/, which is kept between runs; touches no other image, container
or volume of this computer. Package indexes are those that pip and npm use here.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from tests.support.relay import ROOT

PROGRAMS: Final = ("mmdebstrap", "buildah", "podman", "runc")
"""Each is a Debian package of the same name."""
IMAGE: Final = "localhost/candor-relay"
SUITE: Final = "trixie"
"""The Debian release of the bases: the first with the Python and the Node that the image needs."""
BASES: Final = {
    "base": ("python3",),
    "build-base": ("ca-certificates", "nodejs", "npm", "python3", "python3-venv"),
}
LIMITS: Final = 4_096
"""Open files and processes per container; an engine's own default may exceed what a root here has.
"""
_STALE: Final = "72h"
_CA: Final = "/run/secrets/ca.pem"
_PIP_KEYS: Final = ("index-url", "extra-index-url", "trusted-host", "proxy", "default-timeout")
_PROXIES: Final = ("http_proxy", "https_proxy", "no_proxy")


class MissingToolsError(RuntimeError):
    """Containers cannot be built on this computer; says in words why."""


def need_tools() -> None:
    """Install what builds and runs containers here, where that is possible.

    Raises:
        MissingToolsError: It is not there and cannot be had.
    """
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if os.geteuid() != 0:
        raise MissingToolsError(
            "Not run as root, which mounting an image's file system takes here. Run it as root."
        )
    if not missing:
        return
    wanted = " ".join(missing)
    if shutil.which("apt-get") is None:
        raise MissingToolsError(f"Missing: {wanted}; there is no apt-get to install them with.")
    apt = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq")
    try:
        run([*apt, "update"], timeout_s=120)
        run([*apt, "-y", "--no-install-recommends", "install", *missing], timeout_s=300)
    except RuntimeError as error:
        raise MissingToolsError(f"Missing: {wanted}; not to be installed: {error}") from None


class Engine:
    """Builds and runs images in a store of its own.

    Args:
        folder: An empty folder for configuration and secrets of this run.
        project: Name of this run's containers and volumes.
    """

    def __init__(self, folder: Path, project: str) -> None:
        self.folder = folder
        self.project = project
        store = ROOT / "var" / "container"
        _forget_last_boot(store)
        self._store = [
            *("--root", str(store / "store"), "--runroot", str(store / "run")),
            *("--storage-driver", "overlay"),
        ]
        self._podman = [
            *("podman", *self._store, "--tmpdir", str(store / "podman")),
            *("--cgroup-manager", "cgroupfs", "--runtime", "runc"),
        ]
        self._wrapper = folder / "podman"
        self._wrapper.write_text(f'#!/bin/sh\nexec {" ".join(self._podman)} "$@"\n')
        self._wrapper.chmod(0o700)
        self._override = folder / "override.json"

    # ---------------------------------------------------------------------------- building

    def build(self) -> None:
        """Build the image from the working tree; unchanged steps come from the last build.

        Raises:
            MissingToolsError: No Debian base could be made.
        """
        with ThreadPoolExecutor(max_workers=len(BASES)) as pool:
            list(pool.map(self._need_base, BASES))
        run(
            [
                *("buildah", *self._store, "build", "--layers", "--format", "docker"),
                *("--isolation", "chroot", "--network", "host", "--tag", IMAGE),
                *("--file", "docker/Dockerfile"),
                *("--ignorefile", "docker/Dockerfile.dockerignore"),
                *("--build-arg", f"BASE={_base('base')}"),
                *("--build-arg", f"BUILD_BASE={_base('build-base')}"),
                *("--build-arg", f"NODE_BASE={_base('build-base')}"),
                *self._package_indexes(),
                ".",
            ],
            timeout_s=600,
        )
        self.podman("image", "prune", "--force", "--filter", f"until={_STALE}")

    def _need_base(self, name: str) -> None:
        """Make a Debian base unless an earlier run did."""
        if run(
            ["buildah", *self._store, "images", "--quiet", "--filter", f"reference={_base(name)}"]
        ):
            return
        tar = self.folder / f"{name}.tar"
        packages = ",".join(BASES[name])
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}"]
        try:
            run([*command, SUITE, str(tar)], timeout_s=400)
        except RuntimeError as error:
            raise MissingToolsError(f"No Debian base could be fetched: {error}") from None
        self.podman("import", str(tar), _base(name))
        tar.unlink()

    def _package_indexes(self) -> list[str]:
        """Return build options that hand on how pip and npm find packages here, without logins."""
        pip, npm, certificates = ["[global]"], [], []
        for key, value in _pip_settings().items():
            if key == "cert":
                certificates.append(value)
            elif key in _PIP_KEYS and "file:" not in value:
                pip.append(f"{key.removeprefix('default-')} = {value}")
        registry, cafile = (
            run(["npm", "config", "get", key], cwd=ROOT / "extension").strip()
            for key in ("registry", "cafile")
        )
        npm.append(f"registry={registry}")
        if cafile not in {"null", "undefined", ""}:
            certificates.append(cafile)
        if certificates:
            pip.append(f"cert = {_CA}")
            npm.append(f"cafile={_CA}")
        secrets = {
            "pip.conf": "\n".join(pip),
            "npmrc": "\n".join(npm),
            "ca.pem": "\n".join(Path(path).read_text() for path in dict.fromkeys(certificates)),
        }
        options = []
        for name, text in secrets.items():
            path = self.folder / name
            path.write_text(text + "\n")
            options += ["--secret", f"id={name},src={path}"]
        for name, value in os.environ.items():
            if name.lower() in _PROXIES:
                options += ["--build-arg", f"{name}={value}"]
        return options

    # ----------------------------------------------------------------------------- running

    def podman(self, *arguments: str | Path, timeout_s: float = 60) -> str:
        """Run a podman command and return what it printed."""
        return run([*self._podman, *map(str, arguments)], timeout_s=timeout_s)

    def inspect(self) -> dict[str, Any]:
        """Return the image's configuration."""
        found: list[dict[str, Any]] = json.loads(self.podman("image", "inspect", IMAGE))
        configuration: dict[str, Any] = found[0]["Config"]
        return configuration | {"Healthcheck": found[0].get("Healthcheck")}

    def files(self) -> list[str]:
        """Return the path of every file in the image, whoever may read it."""
        where = Path(self.podman("image", "mount", IMAGE).strip())
        try:
            return [str(path.relative_to(where)) for path in where.rglob("*")]
        finally:
            self.podman("image", "unmount", IMAGE)

    def compose(
        self, *arguments: str, port: int, pilot: Path, extra: Mapping[str, str] | None = None
    ) -> str:
        """Run a command over docker/compose.yaml as an operator does, and return what it printed.

        Only what this computer lacks is overridden: a network between containers, and limits.

        Args:
            arguments: What follows `docker compose`.
            port: Where the relay listens on the host's own network.
            pilot: The folder with public files and certificates.
            extra: Further variables for the compose file.
        """
        changes = {
            "network_mode": "host",
            "environment": {"CANDOR_PORT": str(port)},
            "ulimits": {"nofile": LIMITS, "nproc": LIMITS},
        }
        self._override.write_text(json.dumps({"services": {"relay": changes}}))
        words = list(arguments)
        last = max((at for at, word in enumerate(words) if word == "-f"), default=-2) + 2
        words[last:last] = ["-f", str(self._override)]
        own = ["--podman-path", str(self._wrapper), "--no-ansi", "--project-name", self.project]
        return run(
            [sys.executable, "-m", "podman_compose", *own, *words],
            environment={"PILOT": str(pilot), **(extra or {})},
        )

    @property
    def container(self) -> str:
        """Name of the relay's container."""
        return f"{self.project}_relay_1"

    def state(self) -> dict[str, Any]:
        """Return how the relay's container is or how it ended."""
        found: list[dict[str, Any]] = json.loads(self.podman("inspect", self.container))
        state: dict[str, Any] = found[0]["State"]
        return state

    def log(self) -> str:
        """Return what the relay's container wrote to either output."""
        return run([*self._podman, "logs", self.container], joined=True)

    def inside(self, *command: str) -> str:
        """Run a command in the relay's container, as its user and with its limits."""
        return self.podman("exec", self.container, *command)

    def volume(self) -> Path:
        """Return where the relay's volume lies on this computer."""
        name = f"{self.project}_state"
        form = "{{.Mountpoint}}"
        return Path(self.podman("volume", "inspect", "--format", form, name).strip())

    def remove(self) -> None:
        """Remove this run's containers and its volume; image and layers stay for the next run."""
        ours = f"label=com.docker.compose.project={self.project}"
        for name in self.podman("ps", "--all", "--quiet", "--filter", ours).split():
            self.podman("rm", "--force", "--time", "0", name)
        for name in self.podman("volume", "ls", "--quiet", "--filter", ours).split():
            self.podman("volume", "rm", name)


def run(
    command: Sequence[str],
    *,
    timeout_s: float = 60,
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    joined: bool = False,
) -> str:
    """Run a program and return its standard output.

    Args:
        command: Program and arguments.
        timeout_s: After this many seconds it is killed.
        cwd: Where it runs.
        environment: Variables beside this process's own, without settings of another relay.
        joined: Whether its standard error counts as output.

    Raises:
        RuntimeError: It ended with an error; carries the end of what it said.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("CANDOR_")}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=own | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if joined else subprocess.PIPE,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode != 0:
        message = f"{command[0]} ended with {done.returncode}: {_tail(done)}"
        raise RuntimeError(message)
    return done.stdout


def _forget_last_boot(store: Path) -> None:
    """Remove what the engines keep for as long as the computer runs, if it was started anew."""
    store.mkdir(parents=True, exist_ok=True)
    noted = store / "boot"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    if noted.exists() and noted.read_text() == boot:
        return
    for name in ("run", "podman"):
        shutil.rmtree(store / name, ignore_errors=True)
    noted.write_text(boot)


def _tail(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr or done.stdout).strip()[-3_000:]


def _base(name: str) -> str:
    return f"localhost/candor-{name}:{SUITE}"


def _pip_settings() -> dict[str, str]:
    """Return what pip is set to here, by key; what the environment says comes first."""
    found: dict[str, str] = {}
    listed = run(["python3", "-m", "pip", "config", "list"])
    for line in sorted(listed.splitlines(), key=lambda line: not line.startswith(":env:")):
        name, _, value = line.partition("=")
        found.setdefault(name.rpartition(".")[2], str(ast.literal_eval(value)))
    return found
