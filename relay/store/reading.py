"""What readers may fetch, from read-only connections beside the writer.

Owns those queries; never decides who may ask.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from relay.model import Day, SegmentId, StreamId
from relay.store.salts import read_salt
from relay.store.schema import RELAY_FILE, SALTS_FILE, failure, open_reader, sql

Row = tuple[Any, ...]


class Reading:
    """Read-only connections; use from one thread at a time.

    Args:
        directory: The relay's data directory.

    Raises:
        StoreError: The stores cannot be opened.
    """

    def __init__(self, directory: Path) -> None:
        self._db = open_reader(directory / RELAY_FILE)
        self._salts = open_reader(directory / SALTS_FILE)

    def segments(
        self,
        apps: Sequence[int],
        first_day: Day,
        last_day: Day,
        *,
        after: int,
        limit: int,
        with_salts: bool,
    ) -> tuple[list[Row], int | None]:
        """Return segments of these apps announced on these days, and where to go on.

        Args:
            apps: App numbers.
            first_day: Inclusive.
            last_day: Inclusive.
            after: Row after which to begin.
            limit: 1-500.
            with_salts: Whether the asker may have shred salts.

        Raises:
            StoreError: Storage failed.
        """
        places = ",".join(f"${number + 5}" for number in range(len(apps)))
        found = self._all(
            f"""SELECT segments.segment, streams.id, segments.id, app, signal_group, receipt,
                  policy, inner_key, outer_key, root_hash, NULL, sealed_root, day, streams.salt
                FROM segments JOIN streams ON streams.stream = segments.stream
                WHERE segments.segment > $1 AND day BETWEEN $2 AND $3 AND app IN ({places})
                ORDER BY segments.segment LIMIT $4""",  # noqa: S608 - only places go in
            (after, first_day, last_day, limit, *apps),
        )
        rows = [
            (*row[:10], self._salt(row[1], row[2]) if with_salts else None, *row[11:])
            for row in found
        ]
        return rows, found[-1][0] if len(found) == limit else None

    def receipts(self, hashes: Sequence[bytes]) -> list[Row]:
        """Return [hash, body, signature, device key] of each receipt that is here.

        Raises:
            StoreError: Storage failed.
        """
        return [
            row
            for name in hashes
            for row in self._all(
                """SELECT receipt, body, signature, device_key FROM receipts
                   JOIN devices ON devices.device = receipts.device WHERE receipt = $1""",
                (name,),
            )
        ]

    def batches(
        self, stream: StreamId, segment: SegmentId, *, after: int, limit: int
    ) -> tuple[list[Row], int | None]:
        """Return [seq, signals, nonce, ciphertext, day] of a segment, and where to go on.

        Raises:
            StoreError: Storage failed.
        """
        rows = self._all(
            """SELECT seq, signals, nonce, ciphertext, batches.day FROM batches
               JOIN segments ON segments.segment = batches.segment
               JOIN streams ON streams.stream = batches.stream
               WHERE streams.id = $1 AND segments.id = $2 AND seq > $3
               ORDER BY seq LIMIT $4""",
            (stream, segment, after, limit),
        )
        return list(rows), rows[-1][0] if len(rows) == limit else None

    def close(self) -> None:
        """Close the connections."""
        self._db.close()
        self._salts.close()

    def _salt(self, stream: bytes, segment: bytes) -> bytes | None:
        try:
            return read_salt(self._salts, StreamId(stream), SegmentId(segment))
        except sqlite3.Error as error:
            raise failure(error) from None

    def _all(self, statement: str, values: Sequence[object]) -> list[Row]:
        try:
            return self._db.execute(sql(statement), values).fetchall()
        except sqlite3.Error as error:
            raise failure(error) from None
