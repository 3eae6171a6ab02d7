"""Vectors of sessions: frames of both sides in order, for both sides' machines (section 5)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors.craft import Json, Vector, drawn, packed, vector
from tests.vectors.make_frames import DEVICE, RELAY

_SEGMENT = drawn("an id", 16)
_NONCE = drawn("a nonce", 12)
Step = dict[str, Json]


def relay(*positions: Json) -> Step:
    """Return what the relay sends."""
    return {"relay": packed(*positions)}


def device(*positions: Json) -> Step:
    """Return what the device sends."""
    return {"device": packed(*positions)}


def stored(*seqs: int) -> Step:
    """Return that the store settled these seqs, in this order; no ack need follow."""
    return {"settled": [[seq, None] for seq in seqs]}


def refused(seq: int, reason: str) -> Step:
    """Return that the gate refused a seq, durably."""
    return {"settled": [[seq, reason]]}


def batch(seq: int, ciphertext: bytes = b"sealed") -> Step:
    """Return a batch."""
    return device(37, seq, _SEGMENT, 3, _NONCE, ciphertext)


def ack(through: int, *refusals: tuple[int, str]) -> Step:
    """Return an ack."""
    return relay(3, through, refusals)


def opened(resume: int = 0, credit: int = 4) -> list[Step]:
    """Return a session's beginning up to its first segment."""
    return [
        relay(*RELAY["challenge"]),
        device(*DEVICE["hello_with_receipt"]),
        relay(2, 1, resume, None, None, 1_795_600_000_000, credit, None, None),
        device(*DEVICE["segment"]),
    ]


Trace = tuple[str, list[Step], int, int]
HELD: dict[str, Trace] = {
    "enrols_and_says_hello": (
        "After an enrolment comes a new challenge",
        [
            relay(*RELAY["challenge"]),
            device(*DEVICE["enrol"]),
            relay(*RELAY["enrolled"]),
            relay(1, drawn("second nonce"), 1, None),
            device(*DEVICE["hello_before_any_receipt"]),
            relay(*RELAY["welcome_for_a_new_stream"]),
        ],
        0,
        0,
    ),
    "enrolment_refused": (
        "After a refused enrolment comes a new challenge too",
        [
            relay(*RELAY["challenge"]),
            device(*DEVICE["enrol"]),
            relay(10, 33, "code_spent"),
            relay(1, drawn("second nonce"), 1, None),
            device(*DEVICE["enrol"]),
            relay(*RELAY["enrolled"]),
            relay(1, drawn("third nonce"), 1, None),
            device(*DEVICE["hello_before_any_receipt"]),
            relay(*RELAY["welcome_for_a_new_stream"]),
        ],
        0,
        0,
    ),
    "grants": (
        "A grant is answered",
        [*opened()[:3], device(*DEVICE["grant"]), relay(*RELAY["granted"])],
        0,
        0,
    ),
    "grant_refused": (
        "A refused grant leaves the session open",
        [
            *opened()[:3],
            device(*DEVICE["grant"]),
            relay(*RELAY["refusal"]),
            device(39, 5),
            relay(11, 5),
        ],
        0,
        0,
    ),
    "one_ack_for_many": (
        "An ack is cumulative",
        [*opened(), batch(1), batch(2), batch(3), stored(1, 2, 3), ack(3)],
        3,
        3,
    ),
    "ack_waits_for_the_gap": (
        "What is settled out of order is acked when the gap closes",
        [*opened(), batch(1), batch(2), batch(3), stored(2, 3), stored(1), ack(3)],
        3,
        3,
    ),
    "refused_is_acked": (
        "A refused batch is acked with its reason",
        [
            *opened(),
            batch(1),
            batch(2),
            stored(1),
            ack(1),
            refused(2, "withdrawn"),
            ack(2, (2, "withdrawn")),
        ],
        2,
        2,
    ),
    "refused_waits_for_the_gap": (
        "A reason is told with the ack that passes its seq",
        [
            *opened(),
            batch(1),
            batch(2),
            refused(2, "withdrawn"),
            stored(1),
            ack(2, (2, "withdrawn")),
        ],
        2,
        2,
    ),
    "resumes": (
        "Numbering goes on after resume",
        [*opened(resume=41), batch(42), stored(42), ack(42)],
        42,
        42,
    ),
    "dropped_is_acked": (
        "A dropped range is settled like a batch",
        [
            *opened(),
            batch(1),
            device(38, 2, 9, "outbox_full"),
            batch(10),
            stored(1, 2, 10),
            ack(10),
        ],
        10,
        10,
    ),
    "credit_comes_back": (
        "Acked batches give their credit back",
        [*opened(credit=2), batch(1), batch(2), stored(1), ack(1), batch(3)],
        3,
        1,
    ),
    "dropped_needs_no_credit": (
        "Dropped ranges do not count as credit",
        [*opened(credit=1), batch(1), device(38, 2, 2, "withdrawn")],
        2,
        0,
    ),
    "withdraws": (
        "After a withdrawal the purged seqs are dropped",
        [
            *opened(),
            batch(1),
            device(35, 1, *DEVICE["withdraw"][2:]),
            device(38, 2, 5, "withdrawn"),
            stored(1),
            ack(1),
            relay(*RELAY["withdrawn"]),
            stored(2),
            ack(5),
        ],
        5,
        5,
    ),
    "pings": ("A ping is answered at once", [*opened(), device(39, 7), relay(11, 7)], 0, 0),
    "told_a_policy": (
        "A newer policy may come at any time",
        [*opened(), relay(*RELAY["policy"])],
        0,
        0,
    ),
    "told_to_stop": (
        "A stop leaves the session open",
        [*opened(), relay(*RELAY["stop"]), device(39, 7), relay(11, 7)],
        0,
        0,
    ),
}
BREACHED: dict[str, tuple[str, str, list[Step]]] = {
    "batch_before_hello": (
        "unexpected_message",
        "Nothing is sent before hello",
        [relay(*RELAY["challenge"]), batch(1)],
    ),
    "ping_before_hello": (
        "unexpected_message",
        "Not even a ping",
        [relay(*RELAY["challenge"]), device(39, 1)],
    ),
    "hello_twice": (
        "unexpected_message",
        "There is one hello",
        [*opened(), device(*DEVICE["hello_with_receipt"])],
    ),
    "hello_while_enrolling": (
        "unexpected_message",
        "An enrolment is answered first",
        [
            relay(*RELAY["challenge"]),
            device(*DEVICE["enrol"]),
            device(*DEVICE["hello_before_any_receipt"]),
        ],
    ),
    "enrol_after_welcome": (
        "unexpected_message",
        "Enrolment comes before hello",
        [*opened(), device(*DEVICE["enrol"])],
    ),
    "batch_while_greeting": (
        "unexpected_message",
        "The welcome is awaited",
        [*opened()[:2], batch(1)],
    ),
    "seq_jumped": ("seq_gap", "Seqs have no gaps", [*opened(), batch(1), batch(3)]),
    "first_seq_not_one": (
        "seq_gap",
        "The first seq is resume + 1",
        [*opened(resume=41), batch(43)],
    ),
    "dropped_jumped": (
        "seq_gap",
        "Dropped ranges have no gaps either",
        [*opened(), batch(1), device(38, 3, 4, "withdrawn")],
    ),
    "credit_exceeded": (
        "credit_exceeded",
        "Credit bounds what waits",
        [*opened(credit=2), batch(1), batch(2), batch(3)],
    ),
}


def make() -> Iterator[tuple[str, Vector]]:
    """Yield name and vector."""
    for name, (claim, steps, announced, through) in HELD.items():
        yield (
            f"session_{name}",
            vector("session", claim, steps=steps, announced=announced, through=through),
        )
    for name, (fault, claim, steps) in BREACHED.items():
        yield f"session_refused_{name}", vector("session_refused", claim, steps=steps, fault=fault)
