"""Which transport a device takes next, on values alone."""

from __future__ import annotations

from relay.client.transports import (
    DEFAULT_PACE,
    Pace,
    Seen,
    blocked,
    cut,
    next_transport,
    unreachable,
)
from relay.client.wire import HTTPS, WEBSOCKET

PACE = Pace(blocked_s=60, cut_s=600, most_s=3_600)
MIDDLE = 0.5
"""A jitter that changes nothing."""


def test_a_websocket_is_taken_where_nothing_was_seen() -> None:
    assert next_transport(Seen(), 0.0) == WEBSOCKET


def test_a_blocked_websocket_is_tried_again_at_growing_intervals() -> None:
    seen, now = Seen(), 1_000.0
    waits = []
    for _ in range(8):
        seen = blocked(seen, now, PACE, MIDDLE)
        assert next_transport(seen, now) == HTTPS
        assert next_transport(seen, seen.retry_at - 0.001) == HTTPS
        assert next_transport(seen, seen.retry_at) == WEBSOCKET
        waits.append(seen.retry_at - now)
        now = seen.retry_at
    assert waits == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]


def test_one_or_two_cuts_are_bad_luck_and_three_are_the_network() -> None:
    seen = cut(cut(Seen(), 0, PACE, MIDDLE), 60, PACE, MIDDLE)
    assert next_transport(seen, 60) == WEBSOCKET
    seen = cut(seen, 120, PACE, MIDDLE)
    assert next_transport(seen, 719) == HTTPS
    assert next_transport(seen, 720) == WEBSOCKET
    seen = cut(seen, 780, PACE, MIDDLE)
    assert seen.retry_at == 780 + 1_200


def test_where_requests_do_not_arrive_either_a_websocket_is_next() -> None:
    seen = unreachable(blocked(Seen(), 0, PACE, MIDDLE))
    assert next_transport(seen, 0) == WEBSOCKET
    assert seen.retreats == 1


def test_devices_do_not_come_in_step() -> None:
    early, late = (blocked(Seen(), 0, PACE, jitter).retry_at for jitter in (0.0, 1.0))
    assert (early, late) == (45, 75)


def test_the_paces_are_those_of_the_protocol() -> None:
    assert (DEFAULT_PACE.ping_s, DEFAULT_PACE.challenge_s, DEFAULT_PACE.steady_s) == (20, 10, 300)
