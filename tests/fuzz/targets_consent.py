"""Parsers of what is agreed on: documents, drafts, addresses, enrolment strings.

Owns one function for each, as target.py says; the table stands at the end.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

import msgspec

from relay.client import parse_enrolment
from relay.consent.allowlist import Match, match_app
from relay.consent.canonical import canonical, read_canonical
from relay.consent.document import App
from relay.consent.draft import read_draft
from relay.consent.policy import parse_policy, policy_body
from relay.consent.receipt import parse_receipt, receipt_body
from relay.errors import InputError
from tests.fuzz import seeds
from tests.fuzz.mutate_json import mutate_json
from tests.fuzz.mutate_msgpack import mutate_msgpack
from tests.fuzz.mutation import Draw, mutate_text
from tests.fuzz.target import MAX_DOCUMENT_BYTES, Target, as_text


def _canonical(body: bytes) -> str:
    assert canonical(read_canonical(body, max_bytes=MAX_DOCUMENT_BYTES)) == body
    return body.hex()


def _policy(body: bytes) -> str:
    assert policy_body(parse_policy(body)) == body
    return body.hex()


def _receipt(body: bytes) -> str:
    assert receipt_body(parse_receipt(body)) == body
    return body.hex()


def _draft(text: bytes, *, is_json: bool) -> str:
    draft = read_draft(text, is_json=is_json)
    assert read_draft(draft.body, is_json=True) == draft
    return draft.body.hex()


_APPS: Final = msgspec.convert(seeds.APPS, tuple[App, ...])


def _url(text: bytes) -> str:
    found = match_app(as_text(text), _APPS)
    return str(found.app) if isinstance(found, Match) else found.reason


def _enrolment(text: bytes) -> str:
    found = parse_enrolment(as_text(text))
    parts = (found.fingerprint, found.code, found.code_signature)
    return " ".join((found.relay, *(part.hex() for part in parts)))


def _mutate_enrolment(draw: Draw, texts: Sequence[bytes]) -> bytes:
    """Change the parts in the string, or its text."""
    if draw.random() < 0.4:
        return mutate_text(draw, texts)
    inside = mutate_msgpack(draw, seeds.enrolment_parts())
    return b"candor1." + base64.urlsafe_b64encode(inside).rstrip(b"=")


CONSENT: Final = {
    "canonical": Target(
        lambda: seeds.bodies("canonical", "receipt"), mutate_json, _canonical, (InputError,)
    ),
    "policy": Target(
        lambda: seeds.bodies("policy", "policy_refused"),
        mutate_json,
        _policy,
        (InputError,),
        is_public=True,
    ),
    "receipt": Target(
        lambda: seeds.bodies("receipt", "receipt_refused"), mutate_json, _receipt, (InputError,)
    ),
    "draft_toml": Target(
        seeds.drafts,
        mutate_text,
        lambda text: _draft(text, is_json=False),
        (InputError,),
        is_public=True,
    ),
    "draft_json": Target(
        seeds.json_drafts,
        mutate_json,
        lambda text: _draft(text, is_json=True),
        (InputError,),
        is_public=True,
    ),
    "url": Target(lambda: seeds.texts("page"), mutate_text, _url, ()),
    "enrolment": Target(
        lambda: seeds.texts("enrolment", "enrolment_refused"),
        _mutate_enrolment,
        _enrolment,
        (InputError,),
    ),
}
