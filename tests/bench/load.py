"""The load from Python: hands connected sockets to load.c and reads what it measured.

Owns the layout shared with load.c; the load runs in one thread of this process.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BUCKETS: Final = 400


class _Plan(ctypes.Structure):
    _fields_ = [
        ("connections", ctypes.c_int32),
        ("server_pid", ctypes.c_int32),
        ("window", ctypes.c_int32),
        ("paced", ctypes.c_int32),
        ("pool", ctypes.c_int32),
        ("signals", ctypes.c_int32),
        ("period_s", ctypes.c_double),
        ("warm_s", ctypes.c_double),
        ("measure_s", ctypes.c_double),
        ("drain_s", ctypes.c_double),
    ]


class _Result(ctypes.Structure):
    _fields_ = [
        *(
            (name, ctypes.c_int64)
            for name in (
                *("sent", "acked", "drained", "sent_all", "bytes", "acks", "refused"),
                *("closed", "other", "late"),
            )
        ),
        *(
            (name, ctypes.c_double)
            for name in ("wall_s", "server_cpu_s", "client_cpu_s", "worst_late_s")
        ),
        ("histogram", ctypes.c_int64 * _BUCKETS),
    ]


@dataclass(frozen=True)
class Plan:
    """How to load a server.

    Args:
        connections: How many.
        window: Unacked batches each keeps; None paces them at one a second.
        warm_s: Not measured, before.
        measure_s: Measured.
    """

    connections: int
    window: int | None
    warm_s: float
    measure_s: float
    drain_s: float = 10.0


@dataclass(frozen=True)
class Measured:
    """What one run gave."""

    acked: int
    acked_in_all: int
    sent_in_all: int
    wall_s: float
    server_cpu_s: float
    client_cpu_s: float
    ack_p50_ms: float
    ack_p99_ms: float
    late: int
    worst_late_ms: float
    frame_bytes: float

    @property
    def us_per_batch(self) -> float:
        """Server CPU per durably acked batch, in microseconds."""
        return self.server_cpu_s / self.acked * 1e6


def run_load(
    library: Path,
    pid: int,
    plan: Plan,
    descriptors: Sequence[int],
    segments: Sequence[bytes],
    sealed: Sequence[bytes],
    signals: int,
) -> Measured:
    """Load a server through connections that are greeted.

    Raises:
        RuntimeError: The server refused, closed or said anything but acks.
    """
    code = ctypes.CDLL(str(library))
    offsets = [0]
    for item in sealed:
        offsets.append(offsets[-1] + len(item))
    given = _Plan(
        len(descriptors),
        pid,
        plan.window or 0,
        plan.window is None,
        len(sealed),
        signals,
        1.0,
        plan.warm_s,
        plan.measure_s,
        plan.drain_s,
    )
    result = _Result()
    failed = code.run_load(
        ctypes.byref(given),
        (ctypes.c_int * len(descriptors))(*descriptors),
        b"".join(segments),
        b"".join(sealed),
        (ctypes.c_uint32 * len(offsets))(*offsets),
        ctypes.byref(result),
    )
    faults = {name: getattr(result, name) for name in ("refused", "closed", "other")}
    if failed or any(faults.values()) or not result.acked:
        said = f"the load met something but acks: {faults}, acked {result.acked}"
        raise RuntimeError(said)
    return Measured(
        acked=result.acked,
        acked_in_all=result.drained,
        sent_in_all=result.sent_all,
        wall_s=result.wall_s,
        server_cpu_s=result.server_cpu_s,
        client_cpu_s=result.client_cpu_s,
        ack_p50_ms=_quantile(result.histogram, 0.50),
        ack_p99_ms=_quantile(result.histogram, 0.99),
        late=result.late,
        worst_late_ms=result.worst_late_s * 1e3,
        frame_bytes=result.bytes / result.sent_all,
    )


def _quantile(histogram: Sequence[int], part: float) -> float:
    """Return the upper edge of the bucket that holds this part, in ms."""
    wanted = sum(histogram) * part
    seen = 0
    for index, count in enumerate(histogram):
        seen += count
        if seen >= wanted:
            return float(1e-2 * 1.05**index)
    return float("inf")
