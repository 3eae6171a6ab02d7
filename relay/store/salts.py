"""Shred salts in a file of their own: without its salt a segment never opens again.

Owns that file; salts are committed before the batches that need them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from relay.model import Day, SegmentId, StreamId
from relay.store.schema import SALTS_FILE, bulk, open_writer, sql

MIGRATIONS = "salts"


class Salt(msgspec.Struct, frozen=True):
    """The shred salt of one segment, 32 bytes."""

    stream: StreamId
    segment: SegmentId
    salt: bytes
    day: Day

    def __repr__(self) -> str:
        """Name the salt without its bytes."""
        return "Salt(…)"


class SaltStore:
    """The salts file, used by the writer thread only.

    Args:
        directory: The relay's data directory.
    """

    def __init__(self, directory: Path) -> None:
        self._db = open_writer(directory / SALTS_FILE, MIGRATIONS, secure_delete=True)

    def keep(self, salts: Sequence[Salt]) -> None:
        """Commit salts durably; the first one of a segment stays.

        Raises:
            sqlite3.Error: Storage failed; none is kept.
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            rows = [(salt.stream + salt.segment, salt.salt, salt.day) for salt in salts]
            bulk(
                self._db,
                "INSERT INTO salts (segment, salt, day) VALUES",
                rows,
                "ON CONFLICT (segment) DO NOTHING",
            )
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def salt_of(self, stream: StreamId, segment: SegmentId) -> bytes | None:
        """Return a segment's salt, or None if it was never here or was erased."""
        return read_salt(self._db, stream, segment)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def read_salt(db: sqlite3.Connection, stream: StreamId, segment: SegmentId) -> bytes | None:
    """Return a segment's salt from an open salts file, or None."""
    row = db.execute(sql("SELECT salt FROM salts WHERE segment = $1"), (stream + segment,))
    found = row.fetchone()
    return None if found is None else bytes(found[0])
