"""Policy drafts: what a person writes as TOML or JSON, and the one policy that it means.

Owns the way from draft to policy, the same for checking, signing and publishing; never guesses
what a person must decide.
"""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from collections.abc import Mapping

import msgspec

from relay.consent.canonical import canonical
from relay.consent.document import Policy
from relay.consent.notice import notice_hash, render_notice
from relay.consent.policy import policy_body, read_document
from relay.consent.rules import Fault, faults
from relay.errors import InputError, PolicyError

FORMAT = "candor-policy-v1"
_NO_NOTICE = "0" * 64
_MEND_NOTICE = "Remove it: it is computed"
_MEND_DRAFT = "Mend it in an editor"


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A draft that keeps every rule.

    Args:
        policy: What it means.
        body: The canonical bytes to sign and publish.
        notice: The text people will read; its hash stands in the policy.
    """

    policy: Policy
    body: bytes
    notice: str


def read_draft(text: bytes, *, is_json: bool) -> Draft:
    """Read a draft that must keep every rule.

    Raises:
        PolicyError: Names the first fault; `draft_faults` lists all.
    """
    policy, found = _read(text, is_json=is_json)
    if policy is None or found:
        raise PolicyError(str(found[0]))
    return Draft(policy=policy, body=policy_body(policy), notice=render_notice(policy))


def draft_faults(text: bytes, *, is_json: bool) -> list[Fault]:
    """Return everything that is wrong with a draft; nothing means that it can be signed."""
    return _read(text, is_json=is_json)[1]


def _read(text: bytes, *, is_json: bool) -> tuple[Policy | None, list[Fault]]:
    """Return the policy as far as it can be read, and what is wrong with it."""
    parsed = _parse(text, is_json=is_json)
    if isinstance(parsed, Fault):
        return None, [parsed]
    document = _document(parsed)
    try:
        canonical(document)
    except InputError as error:
        return None, [Fault("draft", str(error).removesuffix("."), _MEND_DRAFT)]
    policy = read_document(document)
    if isinstance(policy, Fault):
        return None, [policy]
    found = faults(policy)
    if found:
        return policy, found
    computed = notice_hash(render_notice(policy))
    if policy.notice not in {computed, _NO_NOTICE}:
        return policy, [Fault("notice", "is not the hash of this policy's notice", _MEND_NOTICE)]
    return msgspec.structs.replace(policy, notice=computed), []


def _parse(text: bytes, *, is_json: bool) -> Mapping[str, object] | Fault:
    """Read JSON or TOML."""
    try:
        value: object = json.loads(text) if is_json else tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, json.JSONDecodeError) as error:
        return Fault("draft", f"is no {'JSON' if is_json else 'TOML'}: {error}", _MEND_DRAFT)
    except (ValueError, RecursionError):  # no UTF-8, 5,000 digits, a thousand brackets
        return Fault("draft", f"is no {'JSON' if is_json else 'TOML'}", _MEND_DRAFT)
    if not isinstance(value, dict):
        return Fault("draft", "is no object", "Start from the draft that `candor init` wrote")
    return value


def _document(draft: Mapping[str, object]) -> dict[str, object]:
    """Fill in what is the same in every policy, and sort what has no order of its own."""
    document = {"format": FORMAT, "notice": _NO_NOTICE, "apps": [], **_dates_as_text(draft)}
    apps = document.get("apps")
    if isinstance(apps, list):
        document["apps"] = sorted((_app(app) for app in apps), key=_number)
    return document


def _app(app: object) -> object:
    if not isinstance(app, dict):
        return app
    filled: dict[str, object] = {"catalogue": "", "excluded_paths": [], **app}
    for field in ("excluded_paths", "origins", "signals"):
        values = filled.get(field)
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            filled[field] = sorted(values)
    return filled


def _number(app: object) -> int:
    number = app.get("app") if isinstance(app, dict) else None
    return number if isinstance(number, int) else 0


def _dates_as_text(value: Mapping[str, object], *, below: bool = True) -> dict[str, object]:
    """Write TOML's dates as text, at the top and one level below."""
    return {
        key: value.isoformat()
        if isinstance(value, dt.date)
        else _dates_as_text(value, below=False)
        if below and isinstance(value, dict)
        else value
        for key, value in value.items()
    }
