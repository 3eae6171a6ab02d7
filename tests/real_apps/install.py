"""Apps that no one here wrote, from the package registry, in exact versions with hashes.

Owns var/apps/; does nothing where they are there already.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
WORK: Final = ROOT / "var" / "apps"
PYTHON: Final = WORK / "venv" / "bin" / "python"
LOCK: Final = ROOT / "requirements-apps.lock"
INSTALL_SECONDS: Final = 300


class CannotInstallError(RuntimeError):
    """The apps cannot be had; says why."""


def install() -> Path:
    """Return the Python that has the apps, installing them first where they are missing.

    Raises:
        CannotInstallError: The packages cannot be had.
    """
    WORK.mkdir(parents=True, exist_ok=True)
    stamp = WORK / "stamp"
    wanted = f"{hashlib.sha256(LOCK.read_bytes()).hexdigest()} {sys.version_info[:2]} {ROOT}"
    with (WORK / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two terminals may test at once
        if not (stamp.exists() and stamp.read_text() == wanted and PYTHON.exists()):
            shutil.rmtree(WORK / "venv", ignore_errors=True)
            _run(sys.executable, "-m", "venv", "--without-pip", WORK / "venv")
            _fill()
            stamp.write_text(wanted)
    return PYTHON


def _fill() -> None:
    """Install with pip, which reads its user's settings, or with uv where there is no pip."""
    which = ("--require-hashes", "--requirement", LOCK)
    pip = (sys.executable, "-m", "pip")
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode == 0:
        quietly = ("-qq", "--disable-pip-version-check", "--no-input")
        _run(*pip, "--python", PYTHON, "install", *quietly, *which)
    else:
        _run("uv", "pip", "install", "--quiet", "--python", PYTHON, *which)


def _run(*command: str | Path) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotInstallError(str(error)) from error
    if done.returncode:
        raise CannotInstallError((done.stderr or done.stdout)[-600:])
