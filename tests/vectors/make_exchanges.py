"""Vectors of requests and answers of transport 2 (protocol.md section 3)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from tests.vectors.craft import RELAY, Json, Vector, drawn, packed, signing, vector
from tests.vectors.make_frames import DEVICE
from tests.vectors.make_frames import RELAY as SAID

_EXCHANGE = drawn("challenge")
_FRAMES = [packed(*DEVICE[name]) for name in ("segment", "batch", "ping")]
_SAID = [packed(*SAID[name]) for name in ("ack", "pong")]
REQUESTS: dict[str, tuple[str, int, list[bytes]]] = {
    "of_one_frame": ("A request of one frame is this", 1, _FRAMES[2:]),
    "of_three_frames": ("Frames keep their order", 2, _FRAMES),
    "of_a_late_counter": ("The counter is bound as 8 bytes", 2**53 - 1, _FRAMES[2:]),
}
ANSWERS: dict[str, tuple[str, list[bytes], int | None]] = {
    "of_nothing": ("A relay may have nothing to say", [], None),
    "of_two_frames": ("Frames keep their order", _SAID, None),
    "of_an_end": ("An ended session is told by its close code", _SAID[:1], 4409),
}
REFUSED: dict[str, tuple[str, bytes]] = {
    "empty": ("An answer is an array", b""),
    "page": ("A page of a proxy is no answer", b"<html>blocked</html>"),
    "one_part": ("An answer has two parts", packed(_SAID)),
    "three_parts": ("An answer has two parts", packed(_SAID, None, None)),
    "text_frame": ("Frames are binary", packed(["text"], None)),
    "frame_alone": ("Frames are a list", packed(_SAID[0], None)),
    "close_as_text": ("A close code is an integer", packed(_SAID, "4409")),
    "close_zero": ("A close code is not 0", packed(_SAID, 0)),
    "close_too_large": ("A close code is below 5 000", packed(_SAID, 5_000)),
    "close_true": ("A boolean is no close code", packed(_SAID, True)),  # noqa: FBT003
    "trailing_bytes": ("Nothing follows an answer", packed(_SAID, None) + b"\x00"),
}


def make() -> Iterator[tuple[str, Vector]]:
    """Yield name and vector."""
    key = signing("device")
    for name, (claim, counter, frames) in REQUESTS.items():
        body = packed(*frames)
        parts = (RELAY, _EXCHANGE, counter, hashlib.sha256(body).digest())
        signature = key.sign("candor/v1/frames", *parts)
        fields: dict[str, Json] = {
            "key": key.public,
            "origin": RELAY,
            "exchange": _EXCHANGE,
            "counter": counter,
            "frames": frames,
            "request": packed(_EXCHANGE, counter, signature, body),
        }
        yield f"exchange_request_{name}", vector("exchange_request", claim, **fields)
    for name, (claim, frames, close) in ANSWERS.items():
        answer = packed(frames, close)
        yield (
            f"exchange_answer_{name}",
            vector("exchange_answer", claim, answer=answer, frames=frames, close=close),
        )
    for name, (claim, answer) in REFUSED.items():
        yield (
            f"exchange_answer_refused_{name}",
            vector("exchange_answer_refused", claim, answer=answer),
        )
