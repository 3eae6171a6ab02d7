"""Outcomes in one transaction: appended, refused and dropped batches, their counts, resume points.

Owns the conditional append: it holds only while the stream's session and the device's consent are
the ones under which it was decided. Never decides whether a batch may be kept.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import defaultdict
from typing import Final

from relay.errors import StoreError
from relay.model import (
    Admitted,
    Batch,
    Day,
    DroppedRange,
    DropReason,
    RefusalReason,
    Refused,
    Seq,
    Stored,
)
from relay.store.book import LiveStream
from relay.store.schema import bulk, sql

STORED: Final = "stored"
UNKNOWN_APP: Final = 0
UNKNOWN_SIGNALS: Final = 0

_APPEND: Final = (
    "INSERT INTO batches (stream, seq, segment, signals, nonce, ciphertext, day) VALUES"
)
_REFUSE: Final = "INSERT INTO refused (stream, seq, reason, digest, day) VALUES"
_DROP: Final = "INSERT INTO dropped (stream, first, last, reason, day) VALUES"
_MOVE: Final = "UPDATE positions SET through = v.column4 FROM (VALUES"
_MOVE_IF: Final = """) AS v
    WHERE positions.stream = v.column1 AND positions.session = v.column2
      AND positions.through = v.column3
      AND EXISTS (SELECT 1 FROM devices
                  WHERE devices.device = v.column5 AND devices.epoch = v.column6)"""
_COUNT: Final = "INSERT INTO counts (day, app, signals, outcome, total) VALUES"
_COUNT_ON: Final = """ON CONFLICT (day, app, signals, outcome)
    DO UPDATE SET total = counts.total + excluded.total"""


class Conflict:
    """A repeated seq does not equal what was settled under it."""


class Appends:
    """Outcomes given in one transaction, written together by `flush`.

    Args:
        db: The writer's connection.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._stored: list[tuple[object, ...]] = []
        self._refused: list[tuple[object, ...]] = []
        self._dropped: list[tuple[object, ...]] = []
        self._moved: dict[int, tuple[LiveStream, int]] = {}
        self._counts: defaultdict[tuple[Day, int, int, str], int] = defaultdict(int)

    def append(self, stream: LiveStream, segment_row: int, admitted: Admitted) -> Stored:
        """Keep an admitted batch; it is stored once the transaction commits."""
        batch = admitted.batch
        self._stored.append(
            (
                stream.row,
                batch.seq,
                segment_row,
                batch.signals,
                batch.nonce,
                batch.ciphertext,
                admitted.day,
            )
        )
        self._counts[admitted.day, admitted.app, batch.signals, STORED] += 1
        self._advance(stream, batch.seq)
        return Stored(stream.id, batch.seq)

    def refuse(self, stream: LiveStream, refused: Refused) -> Refused:
        """Record a refusal, with a digest in place of the batch."""
        batch = refused.batch
        self._refused.append(
            (stream.row, batch.seq, refused.reason.value, digest(batch), refused.day)
        )
        outcome = f"refused:{refused.reason.value}"
        self._counts[refused.day, refused.app, batch.signals, outcome] += 1
        self._advance(stream, batch.seq)
        return refused

    def drop(
        self, stream: LiveStream, first: Seq, last: Seq, reason: DropReason, day: Day
    ) -> DroppedRange:
        """Record that a range of seqs will never come."""
        self._dropped.append((stream.row, first, last, reason.value, day))
        key = (day, UNKNOWN_APP, UNKNOWN_SIGNALS, f"dropped:{reason.value}")
        self._counts[key] += last - first + 1
        self._advance(stream, last)
        return DroppedRange(stream.id, first, last, reason)

    def repeated(self, stream: LiveStream, batch: Batch, day: Day) -> Stored | Refused | Conflict:
        """Return the outcome that this very batch already has."""
        self.flush()
        row = self._db.execute(
            sql(
                """SELECT segments.id, signals, nonce, ciphertext FROM batches
                   JOIN segments ON segments.segment = batches.segment
                   WHERE batches.stream = $1 AND seq = $2"""
            ),
            (stream.row, batch.seq),
        ).fetchone()
        if row is not None:
            same = row == (batch.segment, batch.signals, batch.nonce, batch.ciphertext)
            return Stored(stream.id, batch.seq) if same else Conflict()
        row = self._db.execute(
            sql("SELECT reason, digest FROM refused WHERE stream = $1 AND seq = $2"),
            (stream.row, batch.seq),
        ).fetchone()
        if row is not None and row[1] == digest(batch):
            return Refused(batch, UNKNOWN_APP, RefusalReason(row[0]), day)
        return Conflict()

    def repeated_drop(
        self, stream: LiveStream, first: Seq, last: Seq, reason: DropReason
    ) -> DroppedRange | Conflict:
        """Return the outcome that this very range already has."""
        self.flush()
        row = self._db.execute(
            sql("SELECT last, reason FROM dropped WHERE stream = $1 AND first = $2"),
            (stream.row, first),
        ).fetchone()
        if row == (last, reason.value):
            return DroppedRange(stream.id, first, last, reason)
        return Conflict()

    def flush(self) -> None:
        """Write everything given so far.

        Raises:
            StoreError: A stream's session or its device's consent is no longer the one under
                which its batches were decided; roll back.
        """
        if not self._moved:
            return
        bulk(self._db, _APPEND, self._stored)
        bulk(self._db, _REFUSE, self._refused)
        bulk(self._db, _DROP, self._dropped)
        moves = [
            (row, at.session, before, at.through, at.device.row, at.device.epoch)
            for row, (at, before) in self._moved.items()
        ]
        if bulk(self._db, _MOVE, moves, _MOVE_IF) != len(moves):
            raise StoreError(
                "The store changed under its only writer, so nothing was acked. Make sure that "
                "nothing else writes to it.",
                code="store_changed",
                retryable=True,
            )
        counts = [(*key, total) for key, total in self._counts.items()]
        bulk(self._db, _COUNT, counts, _COUNT_ON)
        for pending in (self._stored, self._refused, self._dropped):
            pending.clear()
        self._moved.clear()
        self._counts.clear()

    def _advance(self, stream: LiveStream, through: int) -> None:
        if stream.row not in self._moved:
            self._moved[stream.row] = (stream, stream.through)
        stream.through = through


def digest(batch: Batch) -> bytes:
    """Return what stands for a batch that is not kept, 32 bytes."""
    header = batch.segment + bytes([batch.signals]) + batch.nonce
    return hashlib.sha256(header + batch.ciphertext).digest()
