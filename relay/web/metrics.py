"""Counters for the operator, with closed label sets only.

Owns every metric; none has a label that could name a person, a stream or an app.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    disable_created_metrics,
    generate_latest,
)

from relay.model import DroppedRange, DropReason, RefusalReason, Refused, Stored
from relay.protocol.effects import Fault, Outcome, Transport

REFUSED_CONNECTIONS: Final = ("subprotocol", "origin", "full", "draining", "handshake")


class Metrics:
    """All metrics of one relay."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        outcomes = Counter(
            "candor_batches",
            "Batches by their outcome.",
            ("outcome", "reason"),
            registry=self.registry,
        )
        self._stored = outcomes.labels("stored", "")
        self._refused = {
            reason.value: outcomes.labels("refused", reason.value) for reason in RefusalReason
        }
        self._dropped = {reason: outcomes.labels("dropped", reason.value) for reason in DropReason}
        closed = Counter(
            "candor_sessions_closed",
            "Sessions that ended, by the close code the relay gave (0: the device left).",
            ("close_code",),
            registry=self.registry,
        )
        self._closed = {fault: closed.labels(str(int(fault))) for fault in Fault}
        self._left = closed.labels("0")
        opened = Counter(
            "candor_sessions_opened",
            "Sessions greeted, by how their frames travel.",
            ("transport",),
            registry=self.registry,
        )
        self._opened = {transport: opened.labels(transport.label) for transport in Transport}
        refused = Counter(
            "candor_connections_refused",
            "Connections refused before a session.",
            ("reason",),
            registry=self.registry,
        )
        self._turned_away = {reason: refused.labels(reason) for reason in REFUSED_CONNECTIONS}
        self.refusals = Counter(
            "candor_refusals",
            "Control messages refused, by reason.",
            ("reason",),
            registry=self.registry,
        )
        self.connections = Gauge("candor_connections", "Open connections.", registry=self.registry)
        self.sessions = Gauge("candor_sessions", "Greeted sessions.", registry=self.registry)
        self.waiting_bytes = Gauge(
            "candor_waiting_bytes", "Bytes waiting for their commit.", registry=self.registry
        )
        self.totals = {"stored": 0, "refused": 0, "dropped": 0}
        self._stored_counted = 0

    def settled(self, outcomes: Sequence[Outcome]) -> None:
        """Count durable outcomes; a repeat counts again here, never in the store."""
        stored = 0
        for outcome in outcomes:
            if type(outcome) is Stored:
                stored += 1
            elif type(outcome) is DroppedRange:
                count = outcome.last - outcome.first + 1
                self._dropped[outcome.reason].inc(count)
                self.totals["dropped"] += count
            else:
                assert type(outcome) is Refused  # noqa: S101 - the union has no more members
                self._refused[outcome.reason.value].inc()
                self.totals["refused"] += 1
        # The exported counter follows in `count_stored`: it takes a lock, and this is hot.
        self.totals["stored"] += stored

    def count_stored(self) -> None:
        """Bring the exported counter of stored batches up to date."""
        self._stored.inc(self.totals["stored"] - self._stored_counted)
        self._stored_counted = self.totals["stored"]

    def opened(self, transport: Transport, sessions: int) -> None:
        """Count a greeted session, and note how many there are."""
        self._opened[transport].inc()
        self.sessions.set(sessions)

    def closed(self, fault: Fault | None) -> None:
        """Count the end of a session."""
        (self._left if fault is None else self._closed[fault]).inc()

    def turned_away(self, reason: str) -> None:
        """Count a connection that never became a session."""
        self._turned_away[reason].inc()

    def text(self) -> bytes:
        """Return every metric in the Prometheus text format."""
        self.count_stored()
        return generate_latest(self.registry)
