"""Rows of policies, devices, receipts, streams and segments.

Owns their statements; decides nothing. Every function runs in the caller's transaction.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from typing import Final

import msgspec

from relay.consent.gate import policy_terms
from relay.consent.policy import parse_policy
from relay.model import (
    Day,
    DeviceKey,
    Epoch,
    PolicyHash,
    ReceiptHash,
    Session,
    StreamId,
)
from relay.protocol.messages import Segment, SignedPolicy
from relay.protocol.transcript import key_id
from relay.store.book import Published
from relay.store.schema import sql

MAX_RECEIPTS: Final = 256
"""Receipts of one device that are remembered while it is connected, newest first."""
_ROW_BITS: Final = 62


class DeviceRow(msgspec.Struct, frozen=True):
    """A device as it is stored."""

    row: int
    participant_key: bytes
    newest: ReceiptHash | None
    epoch: Epoch
    contact_day: Day


class ReceiptRow(msgspec.Struct, frozen=True):
    """A receipt as it is stored."""

    receipt: ReceiptHash
    body: bytes


def publish(signed: SignedPolicy, policy_hash: PolicyHash, notice: bytes) -> Published:
    """Compute once what is asked of a policy often.

    Raises:
        PolicyError: The body breaks a rule.
    """
    policy = parse_policy(signed.body)
    return Published(
        hash=policy_hash,
        signed=signed,
        policy=policy,
        terms=policy_terms(policy, policy_hash, key_id),
        notice=notice,
    )


def load_policies(db: sqlite3.Connection) -> Iterator[Published]:
    """Return every published policy, oldest first."""
    rows = db.execute(
        """SELECT hash, body, controller_signature, representative_signature, notice
           FROM policies ORDER BY number"""
    ).fetchall()
    for policy_hash, body, controller, representative, notice in rows:
        yield publish(SignedPolicy(body, controller, representative), policy_hash, notice)


def insert_policy(db: sqlite3.Connection, published: Published, day: Day) -> None:
    """Add a policy."""
    signed = published.signed
    db.execute(
        sql("INSERT INTO policies VALUES ($1, $2, $3, $4, $5, $6, $7)"),
        (
            published.policy.number,
            published.hash,
            signed.body,
            signed.controller,
            signed.representative,
            published.notice,
            day,
        ),
    )


def spend_code(db: sqlite3.Connection, code_hash: bytes) -> bool:
    """Mark an enrolment code as spent; False if it was before."""
    statement = "INSERT INTO spent_codes (code) VALUES ($1) ON CONFLICT (code) DO NOTHING"
    return db.execute(sql(statement), (code_hash,)).rowcount == 1


def insert_device(
    db: sqlite3.Connection, key: DeviceKey, participant_key: bytes, sealed_code: bytes, day: Day
) -> bool:
    """Add a device without any receipt; False if its key is known already."""
    row = secrets.randbits(_ROW_BITS)
    statement = """INSERT INTO devices VALUES ($1, $2, NULL, 0, $3)
                   ON CONFLICT (device_key) DO NOTHING"""
    if db.execute(sql(statement), (row, key, day)).rowcount == 0:
        return False
    values = (row, participant_key, sealed_code)
    db.execute(sql("INSERT INTO enrolments VALUES ($1, $2, $3)"), values)
    return True


def find_device(db: sqlite3.Connection, key: DeviceKey) -> DeviceRow | None:
    """Return the device with this key, or None."""
    row = db.execute(
        sql(
            """SELECT devices.device, participant_key, newest_receipt, epoch, contact_day
               FROM devices JOIN enrolments ON enrolments.device = devices.device
               WHERE device_key = $1"""
        ),
        (key,),
    ).fetchone()
    return None if row is None else DeviceRow(*row)


def set_contact_day(db: sqlite3.Connection, device: int, day: Day) -> None:
    """Record the day on which a device was last here."""
    db.execute(sql("UPDATE devices SET contact_day = $2 WHERE device = $1"), (device, day))


def find_receipts(db: sqlite3.Connection, device: int) -> list[ReceiptRow]:
    """Return a device's receipts, newest first, at most MAX_RECEIPTS."""
    rows = db.execute(
        sql("SELECT receipt, body FROM receipts WHERE device = $1 ORDER BY epoch DESC LIMIT $2"),
        (device, MAX_RECEIPTS),
    )
    return [ReceiptRow(*row) for row in rows]


def has_receipt(db: sqlite3.Connection, receipt: ReceiptHash) -> bool:
    """Tell whether a receipt was accepted before."""
    row = db.execute(sql("SELECT 1 FROM receipts WHERE receipt = $1"), (receipt,)).fetchone()
    return row is not None


def insert_receipt(
    db: sqlite3.Connection,
    device: int,
    receipt: ReceiptHash,
    body: bytes,
    signature: bytes,
    *,
    epoch: Epoch,
    day: Day,
) -> None:
    """Make a receipt its device's newest under a new epoch."""
    db.execute(
        sql("INSERT INTO receipts VALUES ($1, $2, $3, $4, $5, $6)"),
        (receipt, device, epoch, body, signature, day),
    )
    db.execute(
        sql(
            """UPDATE devices SET newest_receipt = $2, epoch = $3, contact_day = $4
               WHERE device = $1"""
        ),
        (device, receipt, epoch, day),
    )


def open_stream(
    db: sqlite3.Connection, stream: StreamId, salt: bytes, device: int
) -> tuple[int, Session, int]:
    """Begin the next session of a stream, the first if it is new.

    Returns:
        Row, session number, and the seq up to which everything has its outcome.
    """
    db.execute(
        sql("INSERT INTO streams VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING"),
        (secrets.randbits(_ROW_BITS), stream, salt, device),
    )
    row: tuple[int, Session, int] = db.execute(
        sql(
            """INSERT INTO positions SELECT stream, 1, 0 FROM streams WHERE id = $1
               ON CONFLICT (stream) DO UPDATE SET session = positions.session + 1
               RETURNING stream, session, through"""
        ),
        (stream,),
    ).fetchone()
    return row


def insert_segment(db: sqlite3.Connection, stream: int, segment: Segment, day: Day) -> int | None:
    """Add a segment; return its row, or None if its id is known with other bytes."""
    facts = (
        segment.app,
        segment.group,
        segment.receipt,
        segment.policy,
        segment.inner_key,
        segment.outer_key,
        segment.participant_key,
        segment.root_hash,
        segment.sealed_root,
        segment.sealed_participant_root,
    )
    found = db.execute(
        sql(
            """SELECT segment, app, signal_group, receipt, policy, inner_key, outer_key,
                      participant_key, root_hash, sealed_root, sealed_participant_root
               FROM segments WHERE stream = $1 AND id = $2"""
        ),
        (stream, segment.id),
    ).fetchone()
    if found is not None:
        return int(found[0]) if found[1:] == facts else None
    return db.execute(
        sql(
            """INSERT INTO segments (stream, id, app, signal_group, receipt, policy, inner_key,
                 outer_key, participant_key, root_hash, sealed_root, sealed_participant_root, day)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"""
        ),
        (stream, segment.id, *facts, day),
    ).lastrowid


def probe(db: sqlite3.Connection, day: Day) -> None:
    """Write one row, to find out whether the store takes it."""
    db.execute(
        sql(
            """INSERT INTO probes VALUES (1, $1)
               ON CONFLICT (probe) DO UPDATE SET day = excluded.day"""
        ),
        (day,),
    )
