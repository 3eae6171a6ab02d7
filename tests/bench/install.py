"""Make what the bench needs beside the project itself: peers in exact versions, and the load.

Owns var/bench/; does nothing where everything is there already.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
WORK: Final = ROOT / "var" / "bench"
MODULES: Final = WORK / "node"
VENV: Final = WORK / "venv"
LOAD: Final = WORK / "load.so"
LOCK: Final = ROOT / "requirements-bench.lock"


def install(say: object = print) -> None:
    """Install the peers and compile the load."""
    assert callable(say)
    WORK.mkdir(parents=True, exist_ok=True)
    for what, sources, make in (
        ("node", ("package.json", "package-lock.json", ".npmrc"), _node),
        ("bundles", ("package-lock.json", "peers/rrweb.mjs", "peers/clarity.mjs"), _bundles),
        ("venv", (str(LOCK),), _venv),
        ("load", ("load.c",), _load),
    ):
        digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in sources))
        stamp = WORK / f".{what}"
        wanted = f"{digest.hexdigest()} {ROOT}"
        if not stamp.exists() or stamp.read_text() != wanted:
            say(f"setting up: {what}")
            make()
            stamp.write_text(wanted)


def _run(*command: str | Path, cwd: Path = WORK) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        said = f"{' '.join(map(str, command))} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        raise RuntimeError(said)


def _node() -> None:
    """Install without running code, then build the one native module from its source."""
    shutil.rmtree(MODULES, ignore_errors=True)
    MODULES.mkdir()
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(HERE / name, MODULES / name)
    _run("npm", "ci", "--no-progress", "--loglevel=error", cwd=MODULES)
    _run(
        "npm", "rebuild", "better-sqlite3", "--ignore-scripts=false", "--loglevel=error",
        cwd=MODULES,
    )  # fmt: skip


def _bundles() -> None:
    """Bundle the recorders as a site would ship them: minified, for modern browsers."""
    for name in ("rrweb", "clarity"):
        shutil.copy(HERE / "peers" / f"{name}.mjs", MODULES / f"{name}.mjs")
        _run(
            MODULES / "node_modules" / ".bin" / "esbuild",
            *(f"{name}.mjs", "--bundle", "--minify", "--format=iife", "--target=chrome148"),
            *("--legal-comments=none", "--log-level=warning", f"--outfile=../{name}.js"),
            cwd=MODULES,
        )


def _venv() -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    pip = ("-qq", "--disable-pip-version-check", "--no-input")
    _run(sys.executable, "-m", "venv", "--without-pip", VENV)
    _run(
        sys.executable, "-m", "pip", "--python", VENV / "bin" / "python", "install", *pip,
        "--require-hashes", "--requirement", LOCK,
    )  # fmt: skip


def _load() -> None:
    compiler = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    if compiler is None:
        said = "no C compiler was found for the load; install one (Debian: apt-get install gcc)"
        raise RuntimeError(said)
    _run(compiler, "-O2", "-shared", "-fPIC", "-o", LOAD, HERE / "load.c")
