"""The web's small rules: errors as answers, origins, what metrics may say."""

from __future__ import annotations

import json
from http import HTTPStatus

import pytest

from relay import errors
from relay.errors import CandorError, ProtocolError
from relay.model import (
    Batch,
    Day,
    DroppedRange,
    DropReason,
    RefusalReason,
    Refused,
    SegmentId,
    Seq,
    Stored,
    StreamId,
)
from relay.protocol.effects import Fault, Transport
from relay.web.admission import origin_is_admitted
from relay.web.metrics import Metrics
from relay.web.problems import STATUS_OF, fault_of, problem, status_of

IDS = ("a" * 32,)


def tree(kind: type[CandorError]) -> list[type[CandorError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in tree(child))]


@pytest.mark.parametrize("kind", tree(CandorError))
def test_every_error_has_a_status_and_a_close_code(kind: type[CandorError]) -> None:
    error = kind("What happened.")
    assert status_of(error) in set(STATUS_OF.values())
    assert fault_of(error) in Fault


def test_the_tree_is_the_one_that_is_documented() -> None:
    documented = errors.__doc__ or ""
    for kind in tree(CandorError):
        assert kind.__name__ in documented


def test_a_protocol_error_keeps_its_close_code() -> None:
    assert fault_of(ProtocolError("no", close_code=4403)) is Fault.UNKNOWN_DEVICE
    assert fault_of(errors.StoreError("no")) is Fault.UNAVAILABLE


def test_a_problem_has_the_one_shape() -> None:
    answer = problem(HTTPStatus.SERVICE_UNAVAILABLE, "store_full", "Make room.")
    assert answer.status == 503
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Retry-After"] == "5"
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body) == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "Make room.",
        "code": "store_full",
    }


@pytest.mark.parametrize(
    ("origin", "admitted"),
    [
        (None, True),
        ("chrome-extension://" + "a" * 32, True),
        ("chrome-extension://" + "b" * 32, False),
        ("chrome-extension://", False),
        ("moz-extension://any", True),
        ("https://crm.corp.example", False),
        ("http://localhost", False),
        ("null", False),
        ("", False),
        ("xmoz-extension://any", False),
        ("https://moz-extension://any", False),
    ],
)
def test_origins(origin: str | None, *, admitted: bool) -> None:
    assert origin_is_admitted(origin, IDS) is admitted


def test_metrics_count_outcomes_under_closed_labels() -> None:
    metrics = Metrics()
    stream = StreamId(b"t" * 32)
    batch = Batch(stream, Seq(2), SegmentId(b"s" * 16), 3, b"n" * 12, b"x")
    metrics.settled(
        [
            Stored(stream, Seq(1)),
            Refused(batch, 7, RefusalReason.WITHDRAWN, Day(20_000)),
            DroppedRange(stream, Seq(3), Seq(9), DropReason.OUTBOX_FULL),
        ]
    )
    metrics.closed(Fault.SEQ_GAP)
    metrics.closed(None)
    metrics.turned_away("origin")
    metrics.opened(Transport.HTTPS, 3)
    text = metrics.text().decode()
    for line in (
        'candor_batches_total{outcome="stored",reason=""} 1.0',
        'candor_batches_total{outcome="refused",reason="withdrawn"} 1.0',
        'candor_batches_total{outcome="dropped",reason="outbox_full"} 7.0',
        'candor_sessions_closed_total{close_code="4423"} 1.0',
        'candor_sessions_closed_total{close_code="0"} 1.0',
        'candor_connections_refused_total{reason="origin"} 1.0',
        'candor_sessions_opened_total{transport="https"} 1.0',
        'candor_sessions_opened_total{transport="websocket"} 0.0',
    ):
        assert line in text
    assert metrics.text().decode() == text
    labels = {part.split("=")[0] for part in text.replace("{", ",").split(",") if '="' in part}
    assert labels == {"outcome", "reason", "close_code", "transport"}
