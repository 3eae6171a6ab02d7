"""Someone who took the relay's files, and perhaps some keys, and tries to open what is in them.

Owns the attempts; works on the files alone and asks no relay.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from relay.consent.policy import parse_policy
from relay.errors import SignatureError
from relay.model import KeyId, PolicyHash, ReceiptHash, SegmentId, Seq, StreamId
from relay.protocol.transcript import batch_binding, key_id, root_binding
from relay.vault.seal import KEY_BYTES, OpeningKey, frame_key, open_batch

LAYERS = ("outer", "inner", "participant")


class Loot(NamedTuple):
    """A segment as the stolen files hold it."""

    number: int
    stream: StreamId
    segment: SegmentId
    app: int
    group: int
    receipt: ReceiptHash
    policy: PolicyHash
    root_commitment: bytes
    programme: str
    sealed: tuple[bytes, ...]


def opened(files: Path, keys: Sequence[OpeningKey]) -> list[bytes]:
    """Return every plaintext that these keys, in any order and layer, get out of the files.

    Args:
        files: The relay's folder, with relay.sqlite and salts.sqlite.
        keys: Opening keys the thief holds; none is a thief with the files alone.
    """
    with _database(files / "relay.sqlite") as database, _database(files / "salts.sqlite") as salts:
        stolen = [bytes(salt) for (salt,) in salts.execute("SELECT salt FROM salts")]
        return [
            plaintext
            for loot in list(_segments(database))
            for candidate in {*_roots(loot, keys), *_guesses(loot)}
            for plaintext in _batches(database, loot, candidate, stolen)
        ]


@contextlib.contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        yield database
    finally:
        database.close()


def _segments(database: sqlite3.Connection) -> Iterator[Loot]:
    rows = database.execute(
        "SELECT g.segment, s.id, g.id, g.app, g.signal_group, g.receipt, g.policy, g.root_hash, "
        "p.body, g.sealed_root, g.sealed_participant_root FROM segments g "
        "JOIN streams s ON s.stream = g.stream JOIN policies p ON p.hash = g.policy"
    )
    for number, stream, segment, app, group, receipt, policy, root_commitment, body, *seals in rows:
        yield Loot(
            number,
            *(StreamId(stream), SegmentId(segment), app, group),
            *(ReceiptHash(receipt), PolicyHash(policy), root_commitment),
            parse_policy(body).programme,
            tuple(seals),
        )


def _roots(loot: Loot, keys: Sequence[OpeningKey]) -> Iterator[bytes]:
    """Peel every seal with every key under every layer's label, as deep as it goes."""
    waiting = list(loot.sealed)
    while waiting:
        sealed = waiting.pop()
        for key, layer in itertools.product(keys, LAYERS):
            with contextlib.suppress(SignatureError):
                waiting.append(key.open(sealed, _info(loot, layer, key_id(key.public))))
        if len(sealed) == KEY_BYTES:
            yield sealed


def _info(loot: Loot, layer: str, recipient: KeyId) -> bytes:
    return root_binding(
        layer,
        programme=loot.programme,
        recipient=recipient,
        stream=loot.stream,
        segment=loot.segment,
        app=loot.app,
        group=loot.group,
        receipt=loot.receipt,
        policy=loot.policy,
        root_commitment=loot.root_commitment,
    )


def _guesses(loot: Loot) -> Iterator[bytes]:
    """Yield what a careless device might have used as a root and left in the files."""
    yield from (loot.root_commitment, loot.receipt, loot.policy, loot.stream, bytes(KEY_BYTES))


def _batches(
    database: sqlite3.Connection, loot: Loot, root: bytes, salts: Sequence[bytes]
) -> Iterator[bytes]:
    rows = database.execute(
        "SELECT seq, signals, nonce, ciphertext FROM batches WHERE segment = $1", {"1": loot.number}
    ).fetchall()
    for salt in salts:
        key = frame_key(root, salt)
        for seq, signals, nonce, ciphertext in rows:
            binding = batch_binding(loot.stream, loot.segment, Seq(seq), signals)
            with contextlib.suppress(SignatureError):
                yield open_batch(key, nonce, binding, ciphertext)
