"""The researcher's step: from unlocked roots to validated columns.

Owns the road Opened to Validated; drops and counts whatever fails on it, repairs nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from relay.dataset.checking import Checked, Evidence, SkipReason
from relay.dataset.reading import BatchRow, Reader
from relay.dataset.request import Request
from relay.dataset.unlock import Unlocked
from relay.errors import ColumnsError, SignatureError
from relay.model import SegmentId, Seq, Signal, StreamId
from relay.protocol.columns import Columns, decode_columns
from relay.protocol.transcript import batch_binding, key_id, root_hash
from relay.vault.seal import OpeningKey, frame_key, open_batch


class Opened(NamedTuple):
    """A batch's decrypted bytes before anything in them was checked."""

    stream: StreamId
    segment: SegmentId
    seq: Seq
    app: int
    app_id: str
    group: int
    signals: int
    day: int
    plaintext: bytes

    def __repr__(self) -> str:
        """Name the batch without its bytes."""
        return f"Opened(seq={self.seq}, bytes={len(self.plaintext)})"


class Validated(NamedTuple):
    """A batch whose columns keep every rule; the only thing events are made of."""

    stream: StreamId
    segment: SegmentId
    seq: Seq
    app_id: str
    day: int
    columns: Columns


@dataclass
class Tally:
    """What became of everything asked for; `dropped` counts segments and batches by reason."""

    segments: int = 0
    batches: int = 0
    validated: int = 0
    events: Counter[str] = field(default_factory=Counter)
    dropped_segments: Counter[str] = field(default_factory=Counter)
    dropped_batches: Counter[str] = field(default_factory=Counter)


def open_everything(
    reader: Reader,
    evidence: Evidence,
    request: Request,
    unlocked: Unlocked,
    inner: OpeningKey,
    tally: Tally,
) -> Iterator[Opened]:
    """Yield every batch of the request that opens, its bytes not yet validated.

    Args:
        reader: Signs with the policy's `requests` key.
        evidence: With the policy's two keys pinned.
        request: Verified by `check_request`.
        unlocked: Verified by `read_unlocked`.
        inner: The researcher's opening key.
        tally: Counts what is dropped; the caller shows it.

    Raises:
        AccessError: The relay refuses this reader.
        ProtocolError: An answer is malformed.
    """
    rows = list(reader.segments(request.apps, request.first_day, request.last_day))
    evidence.gather(rows)
    seen: set[tuple[bytes, int]] = set()
    for row in rows:
        tally.segments += 1
        checked = evidence.check(row, request)
        if isinstance(checked, SkipReason):
            tally.dropped_segments[checked] += 1
            continue
        key = _frame_key(checked, unlocked, inner)
        if isinstance(key, SkipReason):
            tally.dropped_segments[key] += 1
            continue
        for batch in reader.batches(row.stream, row.segment):
            tally.batches += 1
            if (row.stream, batch.seq) in seen:
                tally.dropped_batches[SkipReason.REPEATED] += 1
                continue
            opened = _open(checked, batch, key, request)
            if isinstance(opened, SkipReason):
                tally.dropped_batches[opened] += 1
                continue
            seen.add((row.stream, batch.seq))
            yield opened


def validate(opened: Opened, tally: Tally) -> Validated | None:
    """Check an opened batch strictly; None means that it was dropped and counted.

    Args:
        opened: From `open_everything`.
        tally: Where it is counted.
    """
    try:
        columns = decode_columns(opened.plaintext, opened.app, opened.group, opened.signals)
    except ColumnsError as error:
        tally.dropped_batches[error.code] += 1
        return None
    tally.validated += 1
    for signal, signal_columns in columns.present():
        tally.events[signal.label] += len(signal_columns[0])
    return Validated(opened.stream, opened.segment, opened.seq, opened.app_id, opened.day, columns)


def _frame_key(checked: Checked, unlocked: Unlocked, inner: OpeningKey) -> bytes | SkipReason:
    row = checked.row
    sealed = unlocked.roots.get((row.stream, row.segment))
    if sealed is None:
        return SkipReason.NOT_UNLOCKED
    if row.salt is None:
        return SkipReason.NO_SALT
    try:
        root = inner.open(sealed, checked.binding("inner", key_id(inner.public)))
    except SignatureError:
        return SkipReason.UNOPENABLE
    if root_hash(root) != row.root_hash:
        return SkipReason.ROOT_MISMATCH
    return frame_key(root, row.salt)


def _open(checked: Checked, batch: BatchRow, key: bytes, request: Request) -> Opened | SkipReason:
    row = checked.row
    if not request.covers(row.app, batch.day):
        return SkipReason.OUTSIDE_REQUEST
    if Signal(batch.signals) & ~checked.signals:
        return SkipReason.NOT_GRANTED
    stream, segment, seq = StreamId(row.stream), SegmentId(row.segment), Seq(batch.seq)
    binding = batch_binding(stream, segment, seq, batch.signals)
    try:
        plaintext = open_batch(key, batch.nonce, binding, batch.ciphertext)
    except SignatureError:
        return SkipReason.UNOPENABLE
    app = checked.policy.app(row.app)
    return Opened(
        stream=stream,
        segment=segment,
        seq=seq,
        app=row.app,
        app_id="" if app is None else app.id,
        group=row.group,
        signals=batch.signals,
        day=batch.day,
        plaintext=plaintext,
    )
