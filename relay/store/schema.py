"""Opening SQLite files, bringing them up to date, and the dialect of every statement.

Owns pragmas, migrations and placeholders; knows no table.
"""

from __future__ import annotations

import fcntl
import functools
import os
import sqlite3
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import IO, Final

from relay.errors import StoreError

RELAY_FILE: Final = "relay.sqlite"
SALTS_FILE: Final = "salts.sqlite"
LOCK_FILE: Final = "relay.lock"
_CHUNK: Final = 128
"""Most rows of one statement; every smaller number has its own, prepared once and kept."""
_PRIVATE_UMASK: Final = 0o077
_CHECKPOINT_PAGES: Final = 4_000
"""16 MiB of log: the same hot pages are copied back less often."""


@functools.cache
def sql(statement: str) -> str:
    """Return a statement written with `$1`, `$2` … in SQLite's spelling."""
    return statement.replace("$", "?")


@functools.cache
def _bulk(prefix: str, width: int, rows: int, suffix: str) -> str:
    groups = (
        "(" + ",".join(f"${row * width + column + 1}" for column in range(width)) + ")"
        for row in range(rows)
    )
    return sql(f"{prefix} {','.join(groups)} {suffix}")


def bulk(
    db: sqlite3.Connection, prefix: str, rows: Sequence[Sequence[object]], suffix: str = ""
) -> int:
    """Run one statement over many rows of values.

    Few large statements, because each one gives up the interpreter's lock and a busy event loop
    hands it back late: a row each was 15 times slower beside a busy loop.

    Args:
        db: In a transaction.
        prefix: The statement up to and including VALUES.
        rows: Any number, all equally long.
        suffix: What follows the values.

    Returns:
        Rows changed.
    """
    changed = 0
    start = 0
    while start < len(rows):
        size = min(_CHUNK, len(rows) - start)
        values = [value for row in rows[start : start + size] for value in row]
        statement = _bulk(prefix, len(rows[0]), size, suffix)
        changed += db.execute(statement, values).rowcount
        start += size
    return changed


def lock_directory(directory: Path) -> IO[bytes]:
    """Make this process the only relay on a directory; keep the result open.

    Raises:
        StoreError: Another relay runs on it.
    """
    file = (directory / LOCK_FILE).open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise StoreError(
            "Another relay runs on this directory. Stop it first, or give this one its own.",
            code="store_locked",
        ) from None
    return file


def open_writer(path: Path, migrations: str, *, secure_delete: bool = False) -> sqlite3.Connection:
    """Open a file for the writer thread and bring its schema up to date.

    Args:
        path: The file; made, for its owner only, if absent.
        migrations: Folder under store/migrations.
        secure_delete: Overwrite what is deleted.

    Raises:
        StoreError: It cannot be opened, or a newer version wrote it.
    """
    before = os.umask(_PRIVATE_UMASK)
    try:
        db = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=512
        )
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA busy_timeout = 5000")
        db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        db.execute("PRAGMA cache_size = -65536")
        # Else each commit opens a file in /var/tmp, which a read-only container may not have.
        db.execute("PRAGMA temp_store = MEMORY")
        db.execute(f"PRAGMA secure_delete = {'ON' if secure_delete else 'OFF'}")
        _migrate(db, migrations)
    except sqlite3.Error as error:
        raise failure(error) from None
    finally:
        os.umask(before)
    return db


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a file read-only, for one thread at a time.

    Raises:
        StoreError: It cannot be opened.
    """
    try:
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
        db.execute("PRAGMA busy_timeout = 5000")
    except sqlite3.Error as error:
        raise failure(error) from None
    return db


def failure(error: sqlite3.Error | OSError) -> StoreError:
    """Turn a database's or system's error into ours."""
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return store_full()
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    return StoreError(
        f"Storage failed ({name}), so nothing was acked. Check the disk; devices keep what they "
        "have and send it again.",
        code="store_failed",
        retryable=True,
    )


def store_full() -> StoreError:
    """Return the error for a disk without room."""
    return StoreError(
        "The disk is full, so nothing was acked. Make room; devices keep what they have and send "
        "it again.",
        code="store_full",
        retryable=True,
    )


def _migrate(db: sqlite3.Connection, migrations: str) -> None:
    """Apply each numbered file above the version that the database has."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    scripts = sorted(_scripts(migrations))
    if scripts and version > scripts[-1][0]:
        raise StoreError(
            "A newer version wrote this store. Run that version, or restore an older copy.",
            code="store_newer",
        )
    for number, script in scripts:
        if number > version:
            db.executescript(
                f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;"
            )


def _scripts(migrations: str) -> Iterable[tuple[int, str]]:
    folder = resources.files("relay.store").joinpath("migrations", migrations)
    for file in folder.iterdir():
        if file.name.endswith(".sql"):
            yield int(file.name.removesuffix(".sql")), file.read_text(encoding="utf-8")
