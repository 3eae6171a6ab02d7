"""The parts of a policy as types (protocol.md section 8).

Owns fields, look-ups and how keys and days are written; `rules` judges, `policy` reads.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from typing import Literal, NewType

import msgspec

from relay.errors import PolicyError
from relay.model import Day, Signal, signals_of

MAX_BODY_BYTES = 32_768
LABEL = "candor/v1/policy"
KEY_NAMES = (
    "codes",
    "controller",
    "cosigning",
    "inner",
    "ledger",
    "outer",
    "representative",
    "requests",
)
SEALING_KEY_NAMES = frozenset({"inner", "outer"})

Mark = Literal["none", "demo", "simulation"]
EncodedKey = NewType("EncodedKey", str)
"""A public key as base64url without padding."""

_EPOCH = dt.date(1970, 1, 1)


class App(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One approved app: where it lives and what may be observed there."""

    app: int
    catalogue: str
    excluded_paths: tuple[str, ...]
    id: str
    name: str
    origins: tuple[str, ...]
    signals: tuple[str, ...]

    @property
    def signals_bits(self) -> Signal:
        """The signals as bits."""
        return signals_of(self.signals)


class Contact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person or office that answers."""

    email: str
    name: str


class Contacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whom a participant can ask."""

    controller: Contact
    data_protection_officer: Contact
    representative: Contact


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """First and last day of the programme, UTC, both inclusive, as YYYY-MM-DD."""

    first_day: str
    last_day: str


class PolicyKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The public keys of everyone who has a part, as base64url; `decode_key` gives bytes."""

    codes: EncodedKey
    controller: EncodedKey
    cosigning: EncodedKey
    inner: EncodedKey
    ledger: EncodedKey
    outer: EncodedKey
    representative: EncodedKey
    requests: EncodedKey


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A policy as parsed; get one from `parse_policy`, which checks every rule."""

    apps: tuple[App, ...]
    backup_days: int
    contacts: Contacts
    eligible: str
    format: Literal["candor-policy-v1"]
    k: int
    keys: PolicyKeys
    mark: Mark
    notice: str
    number: int
    programme: str
    purposes: tuple[str, ...]
    relay: str
    retention_days: int
    window: Window

    def app(self, number: int) -> App | None:
        """Return the app with this number (1-65535), or None."""
        return next((app for app in self.apps if app.app == number), None)

    def by_id(self, name: str) -> App | None:
        """Return the app with this id, or None."""
        return next((app for app in self.apps if app.id == name), None)

    def key(self, name: str) -> bytes:
        """Return a public key by its name in `KEY_NAMES`: 1216 bytes for inner and outer, else 32.

        Raises:
            PolicyError: There is no key of this name.
        """
        if name not in KEY_NAMES:
            raise PolicyError(f"A policy has no key named {name}. Use one of {list(KEY_NAMES)}.")
        return decode_key(getattr(self.keys, name))

    @property
    def is_demo(self) -> bool:
        """Whether one machine made all keys, so that nothing is promised."""
        return self.mark == "demo"

    @property
    def first_day(self) -> Day:
        """First day of the window."""
        return day_number(self.window.first_day)

    @property
    def last_day(self) -> Day:
        """Last day of the window, inclusive."""
        return day_number(self.window.last_day)

    @property
    def notice_hash(self) -> bytes:
        """SHA-256 of the notice text, 32 bytes."""
        return bytes.fromhex(self.notice)


class SignedPolicy(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A policy body with its two signatures, in the order of the wire.

    Args:
        body: Canonical JSON, at most 32 768 bytes.
        controller: 64 bytes, by the controller's policy key.
        representative: 64 bytes, by the representative's policy key.
    """

    body: bytes
    controller: bytes
    representative: bytes


def decode_key(text: str) -> bytes:
    """Decode base64url without padding.

    Raises:
        PolicyError: It is not in that form, or there is another way to write the same bytes.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data or encode_key(data) != text:
        raise PolicyError(
            "A key is not base64url without padding. Copy it again from its holder's .pub.json."
        )
    return data


def encode_key(key: bytes) -> EncodedKey:
    """Encode a public key as base64url without padding."""
    return EncodedKey(base64.urlsafe_b64encode(key).rstrip(b"=").decode())


def day_number(text: str) -> Day:
    """Return the days since 1970-01-01 of a date written YYYY-MM-DD.

    Raises:
        PolicyError: It is no such date.
    """
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise PolicyError("A day is not written YYYY-MM-DD. Write it like 2026-11-24.")
    return Day((day - _EPOCH).days)


def day_text(day: Day) -> str:
    """Return a day as YYYY-MM-DD."""
    return (_EPOCH + dt.timedelta(days=day)).isoformat()
