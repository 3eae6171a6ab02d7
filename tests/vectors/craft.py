"""What the vector makers share: fixed keys, transcripts and documents written a second time.

Owns an independent writing of protocol.md sections 1 and 2 with the standard library and `msgpack`,
so that a vector does not merely repeat the code it is there to test. Only Ed25519, X-Wing and
AES-GCM come from the vault.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import struct
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]  # it ships no types

from relay.vault.seal import OpeningKey
from relay.vault.sign import SigningKey

Json = Any
Vector = dict[str, Json]
FORMAT: Final = "candor-vector-v1"
PROGRAMME: Final = "assist-2026"
RELAY: Final = "https://candor.corp.example"
NOTICE: Final = hashlib.sha256(b"A notice.").hexdigest()


def vector(kind: str, claim: str, **fields: Json) -> Vector:
    """Return a vector of a kind; bytes become hex."""
    return {"format": FORMAT, "kind": kind, "claim": claim, **jsonable(fields)}


def jsonable(value: Json) -> Json:
    """Turn bytes inside a value into hex and tuples into lists."""
    match value:
        case bytes():
            return value.hex()
        case dict():
            return {key: jsonable(item) for key, item in value.items()}
        case list() | tuple():
            return [jsonable(item) for item in value]
        case _:
            return value


def drawn(name: str, size: int = 32) -> bytes:
    """Return fixed bytes that look random, a different string for each name."""
    return hashlib.shake_256(f"candor vectors: {name}".encode()).digest(size)


def signing(name: str) -> SigningKey:
    """Return the fixed signing key of a name."""
    return SigningKey(drawn(f"signing {name}"))


def opening(name: str) -> OpeningKey:
    """Return the fixed opening key of a name."""
    return OpeningKey(drawn(f"opening {name}"))


def part_bytes(part: bytes | str | int | None) -> bytes:
    """Write one part of a transcript."""
    if part is None:
        return b""
    if isinstance(part, int):
        return struct.pack(">Q", part)
    return part.encode() if isinstance(part, str) else part


def joined(label: str, *parts: bytes | str | int | None) -> bytes:
    """Write a transcript."""
    whole = struct.pack(">H", len(label)) + label.encode()
    for part in parts:
        data = part_bytes(part)
        whole += struct.pack(">I", len(data)) + data
    return whole


def hashed(label: str, *parts: bytes | str | int | None) -> bytes:
    """Return the labelled hash."""
    return hashlib.sha256(joined(label, *parts)).digest()


def key_id_of(public_key: bytes) -> bytes:
    """Return a key's id."""
    return hashed("candor/v1/key-id", public_key)[:16]


def packed(*items: Json) -> bytes:
    """Return one msgpack array."""
    data: bytes = msgpack.packb(items)
    return data


def canonical_text(document: Json) -> bytes:
    """Write a document of ASCII keys in its canonical form."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def encoded(key: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


def policy_document() -> Json:
    """Return a policy that keeps every rule, fresh for changing."""
    return {
        "apps": [
            {
                "app": 1,
                "catalogue": "",
                "excluded_paths": ["/payroll"],
                "id": "crm",
                "name": "CRM",
                "origins": ["https://crm.corp.example"],
                "signals": ["click", "key_timing", "pointer"],
            },
            {
                "app": 2,
                "catalogue": "",
                "excluded_paths": [],
                "id": "wiki",
                "name": "Wiki",
                "origins": ["https://wiki.corp.example", "https://wiki.corp.example:8443"],
                "signals": ["click", "scroll"],
            },
        ],
        "backup_days": 7,
        "contacts": {
            role: {"email": f"{role}@corp.example", "name": f"The {role}"}
            for role in ("controller", "data_protection_officer", "representative")
        },
        "eligible": "Everyone in customer service in Köln",
        "format": "candor-policy-v1",
        "k": 10,
        "keys": {
            **{
                name: encoded(signing(name).public)
                for name in (
                    "codes",
                    "controller",
                    "cosigning",
                    "ledger",
                    "representative",
                    "requests",
                )
            },
            **{name: encoded(opening(name).public) for name in ("inner", "outer")},
        },
        "mark": "none",
        "notice": NOTICE,
        "number": 1,
        "programme": PROGRAMME,
        "purposes": ["To learn which steps of the CRM take needless effort"],
        "relay": RELAY,
        "retention_days": 183,
        "window": {"first_day": "2026-11-24", "last_day": "2027-05-25"},
    }


def policy_with(path: str, value: Json) -> bytes:
    """Return the policy's body with one place changed, such as "apps.0.app"; None removes it."""
    return canonical_text(changed(policy_document(), path, value))


def receipt_document() -> Json:
    """Return a receipt that keeps every rule, fresh for changing."""
    return {
        "device": encoded(signing("device").public),
        "format": "candor-receipt-v1",
        "given_at": 1_795_600_000,
        "grants": [{"app": 1, "signals": ["click", "pointer"]}],
        "kind": "grant",
        "language": "en",
        "nonce": drawn("receipt nonce", 16).hex(),
        "notice": NOTICE,
        "participant_key": key_id_of(opening("participant").public).hex(),
        "policy": hashlib.sha256(canonical_text(policy_document())).hexdigest(),
        "previous": "",
        "programme": PROGRAMME,
    }


def changed(document: Json, path: str, value: Json) -> Json:
    """Return a copy with one place changed; None removes it."""
    whole = copy.deepcopy(document)
    *way, last = path.split(".")
    place = whole
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    at = int(last) if isinstance(place, list) else last
    if value is None:
        del place[at]
    else:
        place[at] = value
    return whole
