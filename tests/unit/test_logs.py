"""A log line holds listed keys with plain values, and nothing else."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from relay.logs import ALLOWED_KEYS, set_up_logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Set logs up to write into memory, and put everything back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    set_up_logs("info", written)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    """Return the lines written so far."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_listed_keys_are_written_as_json(stream: io.StringIO) -> None:
    structlog.get_logger().info("batch.settled", count=3, outcome="stored")
    (line,) = lines(stream)
    assert line.pop("timestamp")
    assert line == {"event": "batch.settled", "count": 3, "outcome": "stored", "level": "info"}


def test_anything_else_is_dropped_and_counted(stream: io.StringIO) -> None:
    structlog.get_logger().info(
        "batch.settled", device="secret", count=b"secret", code="secret" * 40, url="secret"
    )
    assert "secret" not in stream.getvalue()
    assert lines(stream)[0]["dropped_keys"] == 4


def test_less_than_the_level_is_not_written(stream: io.StringIO) -> None:
    structlog.get_logger().debug("batch.settled")
    assert lines(stream) == []


def test_a_library_s_text_is_not_written(stream: io.StringIO) -> None:
    logging.getLogger("aiohttp.server").info("GET /secret")
    logging.getLogger("aiohttp.server").warning("bad request from %s", "secret")
    assert "secret" not in stream.getvalue()
    (line,) = lines(stream)
    assert (line["event"], line["code"], line["status"]) == ("library.warned", "aiohttp", "warning")


def test_no_listed_key_names_a_person_device_stream_or_app() -> None:
    for word in ("device", "stream", "app", "user", "email", "url", "path", "origin", "ip", "key"):
        assert word not in ALLOWED_KEYS
