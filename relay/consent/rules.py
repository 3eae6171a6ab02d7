"""The rules a policy must keep, each with its mend (protocol.md section 8).

Owns the rules; never reads a file and never repairs anything by itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

import msgspec

from relay.consent.canonical import canonical
from relay.consent.document import (
    KEY_NAMES,
    MAX_BODY_BYTES,
    SEALING_KEY_NAMES,
    App,
    Policy,
    day_number,
    decode_key,
)
from relay.consent.origins import is_loopback, origin_fault
from relay.errors import PolicyError
from relay.model import SIGNAL_BY_NAME

MAX_APPS = 64
MAX_APP_NUMBER = 65_535
MAX_ORIGINS = 32
MAX_EXCLUDED_PATHS = 64
MAX_PURPOSES = 16
MAX_NAME_CHARS = 80
MAX_SENTENCE_CHARS = 500
MAX_PATH_CHARS = 200
MAX_RETENTION_DAYS = 1_096
MAX_WINDOW_DAYS = 1_096
MAX_BACKUP_DAYS = 90
K_RANGE = range(2, 1_001)
MAX_NUMBER = 2**31 - 1
SIGNING_KEY_BYTES = 32
SEALING_KEY_BYTES = 1216

_SLUG = re.compile(r"[a-z0-9-]{1,64}")
_APP_ID = re.compile(r"[a-z0-9-]{1,32}")
_HEX_HASH = re.compile(r"[0-9a-f]{64}")
_EMAIL = re.compile(r"[^\s@<>]{1,64}@[^\s@<>]{1,190}")
_SEGMENT_FORBIDDEN = re.compile(r"[%;?#\\\x00-\x20\x7f]")


class Fault(msgspec.Struct, frozen=True):
    """One broken rule: where, what is wrong, and what mends it."""

    field: str
    what: str
    mend: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.field}: {self.what}. {self.mend}."


def faults(policy: Policy) -> list[Fault]:
    """Return every broken rule, in the order of the document; none means valid."""
    found = [
        *_apps(policy),
        *_numbers(policy),
        *_contacts(policy),
        *_texts(policy),
        *_keys(policy),
        *_relay(policy),
        *_window(policy),
    ]
    if not found and len(canonical(msgspec.to_builtins(policy))) > MAX_BODY_BYTES:
        found.append(Fault("policy", f"is longer than {MAX_BODY_BYTES} bytes", "Shorten it"))
    return found


def path_fault(path: str) -> str | None:
    """Say what is wrong with an excluded path, or None.

    It must be written as `allowlist.path_segments` would leave it, or it could never match.
    """
    if len(path) > MAX_PATH_CHARS:
        return f"is longer than {MAX_PATH_CHARS} characters"
    if not path.startswith("/") or path == "/":
        return "does not begin with / and a name"
    if _SEGMENT_FORBIDDEN.search(path):
        return "holds white space or one of % ; ? # \\"
    if path != unicodedata.normalize("NFC", path) or path != _ascii_lower(path):
        return "holds a capital letter A-Z or an accent that is not composed"
    if any(part == "" or part.endswith(".") for part in path[1:].split("/")):
        return "has an empty part, a part that ends in a dot, or ends in /"
    return None


def _apps(policy: Policy) -> Iterator[Fault]:
    if not 1 <= len(policy.apps) <= MAX_APPS:
        yield Fault("apps", f"are {len(policy.apps)}", f"List 1 to {MAX_APPS}")
    numbers = [app.app for app in policy.apps]
    if numbers != sorted(set(numbers)):
        yield Fault("apps", "are not in rising order of number, each once", "Order them")
    ids = [app.id for app in policy.apps]
    if len(ids) != len(set(ids)):
        yield Fault("apps", "share an id", "Give each app an id of its own")
    origins = [origin for app in policy.apps for origin in app.origins]
    if len(origins) != len(set(origins)):
        yield Fault("apps", "name an origin twice", "List each origin in one app only")
    for place, app in enumerate(policy.apps):
        yield from _app(f"apps[{place}]", app, demo=policy.is_demo)


def _app(where: str, app: App, *, demo: bool) -> Iterator[Fault]:
    if not 1 <= app.app <= MAX_APP_NUMBER:
        yield Fault(f"{where}.app", f"is {app.app}", "Use a number from 1 to 65535")
    if app.catalogue:
        yield Fault(f"{where}.catalogue", "is set, which this version cannot use", 'Write ""')
    if not _APP_ID.fullmatch(app.id):
        yield Fault(f"{where}.id", "is not 1-32 of a-z, 0-9 and -", "Shorten or respell it")
    yield from _text(f"{where}.name", app.name, MAX_NAME_CHARS)
    yield from _sorted(f"{where}.excluded_paths", app.excluded_paths, 0, MAX_EXCLUDED_PATHS)
    for path in app.excluded_paths:
        fault = path_fault(path)
        if fault:
            yield Fault(
                f"{where}.excluded_paths", f"{path!r} {fault}", "Write it like /payroll/slips"
            )
    yield from _sorted(f"{where}.origins", app.origins, 1, MAX_ORIGINS)
    for origin in app.origins:
        fault = origin_fault(origin, demo=demo)
        if fault:
            yield Fault(f"{where}.origins", f"{origin!r} is no exact origin", _capital(fault))
    yield from _sorted(f"{where}.signals", app.signals, 1, len(SIGNAL_BY_NAME))
    for signal in app.signals:
        if signal not in SIGNAL_BY_NAME:
            yield Fault(
                f"{where}.signals", f"{signal!r} is no signal", f"Use {sorted(SIGNAL_BY_NAME)}"
            )


def _numbers(policy: Policy) -> Iterator[Fault]:
    for field, value, allowed in (
        ("backup_days", policy.backup_days, range(MAX_BACKUP_DAYS + 1)),
        ("k", policy.k, K_RANGE),
        ("number", policy.number, range(1, MAX_NUMBER + 1)),
        ("retention_days", policy.retention_days, range(1, MAX_RETENTION_DAYS + 1)),
    ):
        if value not in allowed:
            yield Fault(field, f"is {value}", f"Use {allowed[0]} to {allowed[-1]}")


def _contacts(policy: Policy) -> Iterator[Fault]:
    for role in ("controller", "data_protection_officer", "representative"):
        contact = getattr(policy.contacts, role)
        if not _EMAIL.fullmatch(contact.email) or not contact.email.isprintable():
            yield Fault(f"contacts.{role}.email", "is no address", "Write one that people can use")
        yield from _text(f"contacts.{role}.name", contact.name, MAX_NAME_CHARS)


def _texts(policy: Policy) -> Iterator[Fault]:
    yield from _text("eligible", policy.eligible, MAX_SENTENCE_CHARS)
    if not _HEX_HASH.fullmatch(policy.notice):
        yield Fault("notice", "is no SHA-256 in lower-case hex", "Let `candor policy` compute it")
    if not _SLUG.fullmatch(policy.programme):
        yield Fault("programme", "is not 1-64 of a-z, 0-9 and -", "Respell it")
    if not 1 <= len(policy.purposes) <= MAX_PURPOSES:
        yield Fault("purposes", f"are {len(policy.purposes)}", f"List 1 to {MAX_PURPOSES}")
    for place, purpose in enumerate(policy.purposes):
        yield from _text(f"purposes[{place}]", purpose, MAX_SENTENCE_CHARS)


def _keys(policy: Policy) -> Iterator[Fault]:
    seen: dict[bytes, str] = {}
    for name in KEY_NAMES:
        length = SEALING_KEY_BYTES if name in SEALING_KEY_NAMES else SIGNING_KEY_BYTES
        try:
            key = decode_key(getattr(policy.keys, name))
        except PolicyError:
            key = b""
        if len(key) != length:
            yield Fault(
                f"keys.{name}", f"is no key of {length} bytes", "Copy it from a .pub.json file"
            )
        elif key in seen:
            yield Fault(f"keys.{name}", f"is also {seen[key]}", "Give each role its own key")
        else:
            seen[key] = name


def _relay(policy: Policy) -> Iterator[Fault]:
    fault = origin_fault(policy.relay, demo=policy.is_demo)
    if fault:
        yield Fault("relay", f"{policy.relay!r} is no exact origin", _capital(fault))
    elif policy.is_demo and not is_loopback(policy.relay):
        yield Fault(
            "relay",
            "is not on this computer, but the policy is marked demo",
            "Use https://127.0.0.1 or make real keys with `candor keys new`",
        )


def _window(policy: Policy) -> Iterator[Fault]:
    days = []
    for field in ("first_day", "last_day"):
        try:
            days.append(day_number(getattr(policy.window, field)))
        except PolicyError:
            yield Fault(f"window.{field}", "is no day", "Write it like 2026-11-24")
    if len(days) == len(("first_day", "last_day")):
        length = days[1] - days[0] + 1
        if not 1 <= length <= MAX_WINDOW_DAYS:
            yield Fault(
                "window", f"lasts {length} days", f"Let it last 1 to {MAX_WINDOW_DAYS} days"
            )


def _text(field: str, text: str, most: int) -> Iterator[Fault]:
    if not 1 <= len(text) <= most or text != text.strip() or not text.isprintable():
        yield Fault(
            field, f"is not 1 to {most} printable characters", "Write one line without edges"
        )


def _sorted(field: str, values: Sequence[str], least: int, most: int) -> Iterator[Fault]:
    if not least <= len(values) <= most:
        yield Fault(field, f"are {len(values)}", f"List {least} to {most}")
    if list(values) != sorted(set(values)):
        yield Fault(field, "are not sorted, each once", "Sort them and remove repeats")


def _ascii_lower(text: str) -> str:
    """Lower A-Z and nothing else, as the allowlist does in both languages."""
    return "".join(char.lower() if char.isascii() else char for char in text)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
