"""Each harness can fail: a decoder that breaks one promise on purpose is found out."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]  # it ships no types
import pytest

from relay.consent.canonical import canonical
from relay.errors import ColumnsError, InputError, ProtocolError, ReceiptError
from tests.fuzz import bombs
from tests.fuzz.judging import FoundError, judge
from tests.fuzz.mutation import mutate_bytes
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

GIVEN: Final = 1_000
"""Changes within which a sabotage must be found, as many as `make test` draws for a target."""


def find(target: Target, name: str) -> FoundError:
    """Draw as the tests do until a fault is found."""
    origin = target.seeds()
    draw = random.Random(f"many {name}")
    for data in [*(target.mutate(draw, origin) for _ in range(GIVEN)), *bombs.of(name)]:
        try:
            judge(target, data)
        except FoundError as found:
            return found
    pytest.fail("the sabotage was not found")


def sabotaged(name: str, read: Callable[[bytes], str]) -> FoundError:
    """Put another reader into a target and return what the harness says to it."""
    return find(TARGETS[name]._replace(read=read), name)


def unguarded_frame(frame: bytes) -> str:
    """Read a frame with a library and convert by hand, as if errors were documented enough."""
    kind, *positions = msgpack.unpackb(frame)
    return f"{int(kind)} {len(positions)}"


def test_a_decoder_that_lets_other_errors_through() -> None:
    assert "let it through" in str(sabotaged("device_frame", unguarded_frame))


def test_a_decoder_of_columns_that_forgets_a_case() -> None:
    def read(data: bytes) -> str:
        answer = TARGETS["columns"].read(data)
        return str(msgpack.unpackb(bytes.fromhex(answer))[8][2])  # clicks, where there are some

    assert "let it through: TypeError" in str(sabotaged("columns", read))


def test_a_decoder_with_an_error_that_it_does_not_document() -> None:
    def read(frame: bytes) -> str:
        try:
            return TARGETS["relay_frame"].read(frame)
        except ProtocolError:
            raise InputError("Malformed.") from None

    assert "documents another error: InputError" in str(sabotaged("relay_frame", read))


def test_a_decoder_that_quotes_what_it_read() -> None:
    def read(body: bytes) -> str:
        try:
            return TARGETS["receipt"].read(body)
        except ReceiptError as error:
            raise ReceiptError(f"{error} It was {body!r}.") from None

    assert "quoted its input" in str(sabotaged("receipt", read))


def test_a_decoder_whose_log_would_quote_what_it_read() -> None:
    def read(data: bytes) -> str:
        try:
            return TARGETS["columns"].read(data)
        except ColumnsError:
            raise ColumnsError("Malformed.") from ValueError(data)

    assert "quoted its input" in str(sabotaged("columns", read))


def test_a_decoder_that_takes_what_it_would_not_write() -> None:
    def read(body: bytes) -> str:
        document: Any = json.loads(body)
        assert canonical(document) == body, "two forms"
        return body.hex()

    assert "let it through" in str(sabotaged("canonical", read))


def test_a_decoder_that_takes_long() -> None:
    def read(data: bytes) -> str:
        started = time.thread_time()
        while len(data) > 30_000 and time.thread_time() < started + 1.1:
            pass
        return TARGETS["device_frame"].read(data)

    assert "took 1.1 s" in str(sabotaged("device_frame", read))


def test_a_matcher_that_tries_every_way() -> None:
    upwards = re.compile(r"[. ]*\.[. ]*\.[. ]*")

    def read(text: bytes) -> str:
        # What the allowlist did once. A part of the length, or it would take minutes.
        path = text.decode("utf-8", "surrogatepass").rpartition("/")[2]
        return str(upwards.fullmatch(path[-1_400:]) is None)

    assert "took" in str(sabotaged("url", read))


def test_a_guard_that_is_too_narrow_is_found_on_plain_bytes_too() -> None:
    narrow = TARGETS["padding"]._replace(
        mutate=mutate_bytes, read=lambda data: str(int.from_bytes(data[:4]) // len(data))
    )
    assert "ZeroDivisionError" in str(find(narrow, "padding"))
