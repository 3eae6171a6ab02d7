"""Well-formed and refused inputs to start from: the vectors, and the files that no vector shows.

Owns the way from a target's name to its seeds; makes nothing up that a maker of vectors has.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
from pathlib import Path
from typing import Any, Final

import msgspec

from relay.cli.templates import draft_toml, settings_toml
from relay.consent.canonical import canonical
from relay.consent.policy import parse_policy
from relay.dataset.request import SignedRequest, make_request
from relay.protocol.exchange import write_answer
from relay.protocol.transcript import sha256
from relay.settings import Settings
from relay.vault.keys import KeyFile, key_json
from relay.vault.seal import pad
from tests.vectors.craft import canonical_text, drawn, encoded, packed, policy_document, signing

VECTORS: Final = Path(__file__).parents[1] / "vectors"
Seeds = list[bytes]
APPS: Final = policy_document()["apps"]
"""The apps that addresses are matched against."""


@functools.cache
def _vectors() -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in sorted(VECTORS.glob("*.json"))]


def _of(*kinds: str) -> list[dict[str, Any]]:
    return [vector for vector in _vectors() if vector["kind"] in kinds]


def frames(side: str) -> Seeds:
    """Return every frame of one side, good and refused; the good ones more often."""
    good = [bytes.fromhex(one["frame"]) for one in _of("frame") if one["side"] == side]
    bad = [bytes.fromhex(one["frame"]) for one in _of("frame_refused") if one["side"] == side]
    return [*good, *good, *good, *bad]


def columns() -> Seeds:
    """Return opened plaintexts after their clear header: app (2 bytes), group, signals."""
    return [
        one["app"].to_bytes(2)
        + bytes([one["group"], one["signals"]])
        + bytes.fromhex(one["plaintext"])
        for one in [*_of("columns") * 6, *_of("columns_refused")]
    ]


def bodies(*kinds: str) -> Seeds:
    """Return the bodies of these kinds of vectors; the good ones more often."""
    return [
        bytes.fromhex(one["body"])
        for one in _of(*kinds)
        for _ in range(1 if one["kind"].endswith("_refused") else 12)
    ]


def json_drafts() -> Seeds:
    """Return policies without what a draft need not say."""
    return [
        canonical_text(
            {name: value for name, value in json.loads(body).items() if name != "notice"}
        )
        for body in bodies("policy")
    ]


def texts(*kinds: str) -> Seeds:
    """Return the texts or addresses of these kinds of vectors."""
    return [str(one.get("text", one.get("url"))).encode() for one in _of(*kinds)]


def enrolment_parts() -> Seeds:
    """Return the msgpack inside enrolment strings."""
    return [
        packed(
            one["relay"],
            *(bytes.fromhex(one[n]) for n in ("fingerprint", "code", "code_signature")),
        )
        for one in _of("enrolment")
    ]


def signed_policies() -> Seeds:
    """Return what `GET /v1/policy` answers."""
    return [
        packed(*(bytes.fromhex(one[name]) for name in ("body", "controller", "representative")))
        for one in _of("signed_policy")
    ]


def publications() -> Seeds:
    """Return bodies of `POST /v1/policy`."""
    return [
        packed(
            *(bytes.fromhex(one[name]) for name in ("body", "controller", "representative")),
            b"A notice.",
        )
        for one in _of("signed_policy")
    ]


def openings() -> Seeds:
    """Return bodies of `POST /v1/frames/open`."""
    return [packed(drawn("device"))]


def requests() -> Seeds:
    """Return bodies of `POST /v1/frames`."""
    return [packed(drawn("exchange"), 1, drawn("signature", 64), body) for body in request_frames()]


def request_frames() -> Seeds:
    """Return the signed part of such bodies."""
    found = frames("device")
    return [packed(*found[:1]), packed(*found[:3]), packed(*[b"\0"] * 256)]


def answers() -> Seeds:
    """Return what `POST /v1/frames` answers."""
    kinds = ("exchange_answer", "exchange_answer", "exchange_answer_refused")
    return [
        *(bytes.fromhex(one["answer"]) for kind in kinds for one in _of(kind)),
        write_answer(tuple(frames("relay")[:3]), None),
    ]


def readings() -> Seeds:
    """Return bodies of the three reading requests."""
    head = (1_795_000_000_000, drawn("nonce", 16))
    return [
        packed(*head, [1, 2], "2026-11-24", "2026-12-01", 0, 500),
        packed(*head, [drawn("one"), drawn("other")]),
        packed(*head, drawn("stream"), drawn("segment", 16), 0, 500),
    ]


def pages() -> Seeds:
    """Return what the three reading requests answer."""
    hashes = [drawn(f"hash {number}") for number in range(4)]
    ids = [drawn(f"id {number}", 16) for number in range(4)]
    segment = [7, hashes[0], ids[0], 1, 0, hashes[1], hashes[2], ids[1], ids[2], hashes[3], None]
    return [
        packed([[*segment, drawn("sealed", 2_304), 20_800, ids[3]]], None),
        packed([[*segment, drawn("sealed", 2_304), 20_800, ids[3]]] * 3, 8),
        packed([hashes[0], b"{}", drawn("signature", 64), hashes[1]]),
        packed([[1, 3, drawn("nonce", 12), drawn("sealed", 276), 20_800]], None),
        packed([], None),
    ]


RESEARCH: Final = KeyFile(
    format="candor-keys-v1",
    role="research",
    name="",
    seeds={
        name: encoded(drawn(f"{use} {name}"))
        for name, use in (("inner", "opening"), ("requests", "signing"))
    },
)
REPRESENTATIVE: Final = signing("representative")


@functools.cache
def signed_request() -> SignedRequest:
    """Return a researcher's request; its id is random, and nothing depends on it."""
    return make_request(
        RESEARCH,
        parse_policy(canonical_text(policy_document())),
        apps=["wiki", "crm"],
        first_day="2026-12-01",
        last_day="2026-12-02",
        purpose="To test",
    )


def request_files() -> Seeds:
    """Return request files."""
    return [msgspec.json.encode(signed_request())]


def unlocked_lines() -> list[bytes]:
    """Return the lines of an unlocked file before its signature."""
    header = {
        "format": "candor-unlocked-v1",
        "request": signed_request().hash.hex(),
        "segments": 2,
        "skipped": {"no_salt": 1},
    }
    roots = [
        {
            "root": encoded(drawn(f"root {n}", 1_168)),
            "segment": drawn(f"{n}", 16).hex(),
            "stream": drawn("s").hex(),
        }
        for n in range(2)
    ]
    return [canonical(line) + b"\n" for line in (header, *roots)]


def sign_unlocked(lines: bytes) -> bytes:
    """Return an unlocked file of these lines, signed by the representative."""
    signature = REPRESENTATIVE.sign("candor/v1/unlocked", sha256(lines))
    return lines + canonical({"signature": encoded(signature)}) + b"\n"


def key_files() -> Seeds:
    """Return private and public key files, and signature files."""
    signature = {
        "format": "candor-signature-v1",
        "role": "controller",
        "policy": drawn("policy").hex(),
        "signature": encoded(drawn("signature", 64)),
    }
    return [key_json(RESEARCH), key_json(RESEARCH.public()), canonical(signature)]


def drafts() -> Seeds:
    """Return policy drafts as TOML: one that keeps every rule, one left to be filled in."""
    keys = policy_document()["keys"]
    apps = ["https://127.0.0.1:8444", "https://localhost:8445"]
    return [
        draft_toml("https://127.0.0.1:8443", apps, keys, demo_from=day).encode()
        for day in (dt.date(2026, 11, 24), None)
    ]


def settings() -> Seeds:
    """Return settings files."""
    key = encoded(drawn("key"))
    whole = "\n".join(
        f"{name} = {json.dumps(list(value) if isinstance(value, tuple) else value)}"
        for name, value in msgspec.to_builtins(Settings()).items()
    )
    made = settings_toml("https://127.0.0.1:8443", {"controller": key, "representative": key})
    return [made.encode(), whole.encode(), b"port = 1\nhello_timeout_s = 2.5\n"]


def paddings() -> Seeds:
    """Return padded plaintexts."""
    return [pad(b""), pad(b"x" * 300), pad(b"x" * 1_021)]
