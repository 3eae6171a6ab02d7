"""What a device must not lose: its keys, its consent, its numbering and its outbox.

Owns one SQLite file in which each change is whole or absent, so that killing the process at any
moment loses nothing that was sealed and never uses a seq twice. Holds sealed batches only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from relay.model import DropReason

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS segments (id BLOB PRIMARY KEY, frame BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (
  seq INTEGER PRIMARY KEY,
  segment BLOB NOT NULL,
  frame BLOB NOT NULL,
  reason TEXT,
  made_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS outbox_segment ON outbox (segment);
CREATE TABLE IF NOT EXISTS refusals (seq INTEGER PRIMARY KEY, reason TEXT NOT NULL);
"""


class Entry(NamedTuple):
    """A sealed batch, or, where `reason` is set, a seq that will never come."""

    seq: int
    segment: bytes
    frame: bytes
    reason: str | None
    made_ms: int


class State:
    """A device's memory.

    Args:
        path: Where it is kept; None keeps it in memory, for devices that end with the process.
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is not None and not path.exists():
            path.touch(mode=0o600)
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;" + _SCHEMA
        )

    def close(self) -> None:
        """Close the file; the state may not be used afterwards."""
        self._db.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        """Make the changes of a `with` block together or not at all."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def get(self, name: str) -> bytes | None:
        """Return a fact, or None."""
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def get_int(self, name: str) -> int:
        """Return a fact that is a number; 0 where absent."""
        value = self.get(name)
        return 0 if value is None else int(value)

    def put(self, name: str, value: bytes | int | None) -> None:
        """Set a fact; None forgets it."""
        if value is None:
            self._db.execute("DELETE FROM facts WHERE name = ?", (name,))
            return
        stored = str(value).encode() if isinstance(value, int) else value
        self._db.execute(
            "INSERT OR REPLACE INTO facts VALUES (?, ?)",
            (name, stored),
        )

    def next_seq(self) -> int:
        """Take the next seq; call it in the transaction that puts what it numbers."""
        seq = self.get_int("last_seq") + 1
        self.put("last_seq", seq)
        return seq

    def put_segment(self, segment: bytes, frame: bytes) -> None:
        """Keep the frame that announces a segment, for as long as a batch names it."""
        self._db.execute("INSERT OR IGNORE INTO segments VALUES (?, ?)", (segment, frame))

    def segment_frame(self, segment: bytes) -> bytes:
        """Return the exact frame that announces this segment.

        Raises:
            KeyError: No batch in the outbox names it.
        """
        row = self._db.execute("SELECT frame FROM segments WHERE id = ?", (segment,)).fetchone()
        if row is None:
            raise KeyError(segment.hex())
        return bytes(row[0])

    def put_batch(self, seq: int, segment: bytes, frame: bytes, made_ms: int) -> None:
        """Put a sealed batch into the outbox."""
        self._db.execute(
            "INSERT INTO outbox VALUES (?, ?, ?, NULL, ?)", (seq, segment, frame, made_ms)
        )

    def waiting(self, after: int, limit: int) -> list[Entry]:
        """Return the first entries beyond a seq, in order."""
        rows = self._db.execute(
            "SELECT seq, segment, frame, reason, made_ms FROM outbox WHERE seq > ? "
            "ORDER BY seq LIMIT ?",
            (after, limit),
        )
        return [Entry(*row) for row in rows]

    def counts(self) -> tuple[int, int]:
        """Return how many batches wait, and their bytes."""
        row = self._db.execute(
            "SELECT count(*), coalesce(sum(length(frame)), 0) FROM outbox WHERE reason IS NULL"
        ).fetchone()
        return row[0], row[1]

    @property
    def is_empty(self) -> bool:
        """Whether every seq has its outcome as far as the device knows."""
        return self._db.execute("SELECT 1 FROM outbox LIMIT 1").fetchone() is None

    def settle(self, through: int, refused: list[tuple[int, str]]) -> None:
        """Let go of everything up to a seq, and note which of it was refused."""
        with self.change():
            self._db.execute("DELETE FROM outbox WHERE seq <= ?", (through,))
            self._db.executemany("INSERT OR REPLACE INTO refusals VALUES (?, ?)", refused)
            self.put("through", max(through, self.get_int("through")))
            self._forget_segments()

    def drop(self, after: int, reason: DropReason, *, before_ms: int | None = None) -> int:
        """Turn batches beyond a seq into seqs that will never come; the bytes are gone.

        Args:
            after: Only batches with a greater seq; those in flight must not change.
            reason: Why.
            before_ms: Only batches made before this time; all where absent.

        Returns:
            How many batches were dropped.
        """
        with self.change():
            rows = self._db.execute(
                "SELECT seq FROM outbox WHERE seq > ? AND reason IS NULL "
                "AND (? IS NULL OR made_ms < ?) ORDER BY seq",
                (after, before_ms, before_ms),
            ).fetchall()
            self._replace([row[0] for row in rows], reason)
        return len(rows)

    def drop_oldest(self, after: int, reason: DropReason, excess_bytes: int) -> int:
        """Drop the oldest batches beyond a seq until that many bytes are free.

        Returns:
            How many batches were dropped.
        """
        seqs = []
        with self.change():
            rows = self._db.execute(
                "SELECT seq, length(frame) FROM outbox WHERE seq > ? AND reason IS NULL "
                "ORDER BY seq",
                (after,),
            )
            for seq, size in rows:
                if excess_bytes <= 0:
                    break
                seqs.append(seq)
                excess_bytes -= size
            self._replace(seqs, reason)
        return len(seqs)

    def start_stream(self, salt: bytes) -> None:
        """Begin a new stream; whatever the old one still held is gone and counted as lost."""
        with self.change():
            self.put("lost", self.get_int("lost") + self.counts()[0])
            for table in ("outbox", "segments", "refusals"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - the three names above
            for name in ("last_seq", "through", "withdraw_through"):
                self.put(name, None)
            self.put("stream_salt", salt)

    @property
    def refused(self) -> dict[int, str]:
        """The refused seqs the device was told of, with their reasons."""
        return dict(self._db.execute("SELECT seq, reason FROM refusals ORDER BY seq"))

    def _replace(self, seqs: list[int], reason: DropReason) -> None:
        if not seqs:
            return
        for seq in seqs:
            self._db.execute(
                "UPDATE outbox SET segment = x'', frame = x'', reason = ? WHERE seq = ?",
                (reason.value, seq),
            )
        self._forget_segments()

    def _forget_segments(self) -> None:
        self._db.execute(
            "DELETE FROM segments WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE segment = id)"
        )
