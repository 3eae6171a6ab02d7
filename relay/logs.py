"""Logs: one JSON object a line, with names, ids, counts and durations only.

Owns which keys may appear; whatever is not listed here is dropped, and counted in the line.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

ALLOWED_KEYS = frozenset(
    {
        "batches",
        "bytes",
        "close_code",
        "code",
        "connections",
        "count",
        "demo",
        "duration_ms",
        "event",
        "host",
        "level",
        "number",
        "outcome",
        "port",
        "reason",
        "sessions",
        "status",
        "timestamp",
        "tls",
        "unsettled",
    }
)
"""Every key a log line may have. None of them can name a person, a device, a stream or an app."""

_PLAIN = (str, int, float, bool)
_MAX_TEXT_CHARS = 200


def keep_allowed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop keys that are not listed, and values that are no plain text or number."""
    kept: EventDict = {
        key: value
        for key, value in event.items()
        if key in ALLOWED_KEYS
        and (value is None or isinstance(value, _PLAIN))
        and not (isinstance(value, str) and len(value) > _MAX_TEXT_CHARS)
    }
    if len(kept) < len(event):
        kept["dropped_keys"] = len(event) - len(kept)
    return kept


def set_up_logs(level: str, stream: TextIO | None = None) -> None:
    """Send structlog's lines and other libraries' warnings to one stream as JSON.

    Args:
        level: "debug", "info", "warning" or "error".
        stream: Where lines go; standard error by default.
    """
    target = stream or sys.stderr
    least = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            keep_allowed,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    handler = _NameOnly()
    logging.basicConfig(level=max(least, logging.WARNING), handlers=[handler], force=True)


class _NameOnly(logging.Handler):
    """Pass on that a library warned, without its text, which may quote a request."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the library's name and level as one line."""
        structlog.get_logger().warning(
            "library.warned", code=record.name.partition(".")[0], status=record.levelname.lower()
        )
