"""Which transport to take next: a WebSocket where it holds, signed requests where it does not.

Owns that choice, as values (protocol.md section 3), and its paces; never opens anything, and the
clock is an argument.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from relay.client.wire import HTTPS, WEBSOCKET

Choice = Literal["auto", "websocket", "https"]
"""What a device may be told to use; "auto" falls back and comes back by itself."""

_CUTS: Final = 3
_MOST_DOUBLINGS: Final = 20


class Pace(NamedTuple):
    """How long a device waits for what, in seconds."""

    ping_s: float = 20.0
    silence_s: float = 50.0
    challenge_s: float = 10.0
    steady_s: float = 300.0
    blocked_s: float = 60.0
    cut_s: float = 600.0
    most_s: float = 3_600.0
    request_s: float = 1.0


DEFAULT_PACE: Final = Pace()


class Seen(NamedTuple):
    """What was seen of this network; `retry_at` is when a WebSocket may be tried again."""

    cuts: int = 0
    retreats: int = 0
    retry_at: float = 0.0


def next_transport(seen: Seen, now: float) -> int:
    """Return the transport to open now."""
    return WEBSOCKET if now >= seen.retry_at else HTTPS


def blocked(seen: Seen, now: float, pace: Pace, jitter: float) -> Seen:
    """Note that a WebSocket could not be opened, or brought no challenge.

    Args:
        seen: So far.
        now: Seconds of any steady clock.
        pace: How long to wait.
        jitter: 0 to 1.
    """
    return _retreat(seen, pace.blocked_s, now, pace, jitter)


def cut(seen: Seen, now: float, pace: Pace, jitter: float) -> Seen:
    """Note that a WebSocket was cut, or went silent, before it had held."""
    seen = seen._replace(cuts=seen.cuts + 1)
    return seen if seen.cuts < _CUTS else _retreat(seen, pace.cut_s, now, pace, jitter)


def unreachable(seen: Seen) -> Seen:
    """Note that requests did not reach the relay either, which says nothing about WebSockets."""
    return seen._replace(retry_at=0.0)


def _retreat(seen: Seen, first_s: float, now: float, pace: Pace, jitter: float) -> Seen:
    wait = min(pace.most_s, first_s * 2 ** min(seen.retreats, _MOST_DOUBLINGS))
    retry_at = now + wait * (0.75 + jitter / 2)
    return seen._replace(retreats=seen.retreats + 1, retry_at=retry_at)
