"""Events into sealed batches: one batch for each group, numbered and kept before it is sent.

Owns the open segments and the outbox's bounds; never seals what consent does not allow now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from relay.client.codec import pack_array
from relay.client.consenting import Consent
from relay.client.sealing import Segment, Standing, batch_frame, begin_segment, fits
from relay.client.state import State
from relay.errors import AccessError, ColumnsError
from relay.model import (
    GENERAL_GROUP,
    KEY_TIMING_GROUP,
    DropReason,
    Seq,
    Signal,
    StreamId,
    group_signals,
)
from relay.protocol.columns import decode_columns

OUTBOX_MS: Final = 7 * 24 * 3_600_000
OUTBOX_BYTES: Final = 16 * 1024 * 1024
SEGMENT_MS: Final = 10 * 60 * 1000
_BOUNDS_EVERY: Final = 16  # looking costs a walk through the outbox
_FORMAT: Final = 1
_NO_ROUTE: Final = 0

Events = Mapping[Signal, Sequence[Sequence[int]]]
"""Columns of each signal that has events, in wire order (protocol.md section 11)."""


class Outbox:
    """The device's sealed batches on their way.

    Args:
        state: The device's memory.
        consent: What may be recorded.
        participant_key: The participant's X-Wing public key, 1216 bytes.
        announced: Returns the highest seq in flight, which must not change any more; else 0.
    """

    def __init__(
        self,
        state: State,
        consent: Consent,
        participant_key: bytes,
        announced: Callable[[], int],
    ) -> None:
        self._state = state
        self._consent = consent
        self._participant_key = participant_key
        self._announced = announced
        self._segments: dict[tuple[int, int], Segment] = {}

    def seal(
        self, stream: StreamId, app: int, t0: int, document: int, events: Events, now_ms: int
    ) -> list[Seq]:
        """Seal events, whole or not at all; see `Device.seal`.

        Raises:
            AccessError: Something of it may not be recorded now.
            ColumnsError: It breaks a bound.
        """
        allowed = self._consent.allowed(app, now_ms)
        named = Signal(0)
        for signal in events:
            named |= signal
        if named & ~allowed:
            raise AccessError(
                "A signal was recorded that is not granted here. Nothing was sealed.",
                code="signal_not_granted",
            )
        plaintexts: list[tuple[int, bytes]] = []
        for group in (GENERAL_GROUP, KEY_TIMING_GROUP):
            if named & group_signals(group):
                declared = int(allowed & group_signals(group))
                plaintext = pack_array(
                    _FORMAT,
                    app,
                    group,
                    declared,
                    t0,
                    document,
                    _NO_ROUTE,
                    *(events.get(signal) if signal & declared else None for signal in Signal),
                )
                decode_columns(plaintext, app, group, declared)
                plaintexts.append((group, plaintext))
        if not all(fits(plaintext) for _, plaintext in plaintexts):
            raise ColumnsError("The events do not fit one batch. Seal fewer at once.")
        with self._state.change():
            return [self.seal_plaintext(stream, app, *item, now_ms) for item in plaintexts]

    def seal_plaintext(
        self, stream: StreamId, app: int, group: int, plaintext: bytes, now_ms: int
    ) -> Seq:
        """Seal bytes as they are; see `Device.seal_plaintext`.

        Raises:
            AccessError: Nothing of this group may be recorded in this app now.
        """
        signals = self._consent.allowed(app, now_ms) & group_signals(group)
        receipt = self._consent.receipt_hash
        if not signals or receipt is None:
            raise AccessError(
                "Nothing of this group of signals is granted here.", code="signal_not_granted"
            )
        standing = Standing(stream, receipt, self._consent.receipt_policy, app, group, signals)
        segment = self._segment(standing, now_ms)
        with self._state.change():
            seq = Seq(self._state.next_seq())
            self._state.put_segment(segment.id, segment.frame)
            frame = batch_frame(segment, seq, plaintext)
            self._state.put_batch(seq, segment.id, frame, now_ms)
            if seq % _BOUNDS_EVERY == 0:
                self._keep_bounds(now_ms)
        return seq

    def forget_keys(self) -> None:
        """Forget every open segment's key; the next batch begins a new segment."""
        self._segments.clear()

    def _segment(self, standing: Standing, now_ms: int) -> Segment:
        place = standing.app, standing.group
        segment = self._segments.get(place)
        if (
            segment is None
            or segment.standing != standing
            or not 0 <= now_ms - segment.began_ms < SEGMENT_MS
        ):
            segment = begin_segment(standing, self._consent.pinned, self._participant_key, now_ms)
            self._segments[place] = segment
        return segment

    def _keep_bounds(self, now_ms: int) -> None:
        announced = self._announced()
        self._state.drop(announced, DropReason.OUTBOX_EXPIRED, before_ms=now_ms - OUTBOX_MS)
        excess = self._state.counts()[1] - OUTBOX_BYTES
        if excess > 0:
            self._state.drop_oldest(announced, DropReason.OUTBOX_FULL, excess)
