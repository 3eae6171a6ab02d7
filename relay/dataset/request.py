"""A researcher's request: which apps, which days, what for; signed, and shown before unlocking.

Owns its form and its signature; never decides whether it should be granted: a person does.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from relay.consent.canonical import canonical, read_canonical
from relay.consent.document import Policy, day_number, decode_key, encode_key
from relay.errors import AccessError, InputError, PolicyError, SignatureError
from relay.model import Day
from relay.protocol.transcript import key_id, sha256
from relay.vault.keys import KeyFile
from relay.vault.sign import verify

LABEL: Final = "candor/v1/request"
_MAX_BODY_BYTES: Final = 8_192
_MAX_FILE_BYTES: Final = 65_536
_MAX_PURPOSE_CHARS: Final = 1_000
_ID_BYTES: Final = 16


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a researcher asks for; days are UTC, both inclusive, by arrival at the relay."""

    apps: tuple[int, ...]
    first_day: str
    format: Literal["candor-request-v1"]
    id: Annotated[str, Meta(pattern="^[0-9a-f]{32}\\Z")]
    last_day: str
    programme: str
    purpose: str
    research_key: str

    def covers(self, app: int, day: int) -> bool:
        """Tell whether data of this app that arrived on this day is asked for."""
        return app in self.apps and self.first <= day <= self.last

    @property
    def first(self) -> Day:
        """First day, as a number."""
        return day_number(self.first_day)

    @property
    def last(self) -> Day:
        """Last day, as a number."""
        return day_number(self.last_day)


class SignedRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request file: the canonical body as text, and the requests key's signature."""

    format: Literal["candor-request-file-v1"]
    body: str
    signature: str

    @property
    def hash(self) -> bytes:
        """SHA-256 of the body, 32 bytes."""
        return sha256(self.body.encode())

    def request(self) -> Request:
        """Read the body strictly.

        Raises:
            InputError: It is not a well-formed request.
        """
        return _parse_body(self.body.encode())


def make_request(
    keys: KeyFile,
    policy: Policy,
    *,
    apps: Sequence[str],
    first_day: str,
    last_day: str,
    purpose: str,
) -> SignedRequest:
    """Write and sign a request.

    Args:
        keys: The researcher's key file.
        policy: The programme's current policy.
        apps: App ids of the policy.
        first_day: YYYY-MM-DD, inclusive.
        last_day: YYYY-MM-DD, inclusive.
        purpose: What the data are wanted for, in words, 1-1000 characters.

    Raises:
        AccessError: The policy names another researcher.
        InputError: A field cannot be used.
    """
    research = keys.opening("inner").public
    requests = keys.signing("requests")
    if policy.key("inner") != research or policy.key("requests") != requests.public:
        raise AccessError(
            "The programme's policy names other research keys than this file holds, so nothing "
            "could be opened with them. Use the key file the policy names.",
            code="other_research_key",
        )
    numbers = []
    for name in apps:
        app = policy.by_id(name)
        if app is None:
            known = ", ".join(app.id for app in policy.apps)
            raise InputError(f"The policy has no app {name!r}. It has: {known}.")
        numbers.append(app.app)
    body = canonical(
        msgspec.to_builtins(
            Request(
                apps=tuple(sorted(set(numbers))),
                first_day=first_day,
                format="candor-request-v1",
                id=os.urandom(_ID_BYTES).hex(),
                last_day=last_day,
                programme=policy.programme,
                purpose=purpose,
                research_key=key_id(research).hex(),
            )
        )
    )
    _parse_body(body)
    return SignedRequest(
        format="candor-request-file-v1",
        body=body.decode(),
        signature=encode_key(requests.sign(LABEL, body)),
    )


def check_request(signed: SignedRequest, policy: Policy) -> Request:
    """Verify a request against the programme's verified, current policy.

    Args:
        signed: As read from its file.
        policy: The policy in force; both of its signatures were verified.

    Raises:
        AccessError: It asks for what the policy does not hold, or for another programme.
        InputError: It is malformed.
        SignatureError: The policy's `requests` key did not sign it.
    """
    request = signed.request()
    try:
        signature = decode_key(signed.signature)
    except PolicyError:
        raise SignatureError("The request's signature is malformed. Ask for it again.") from None
    verify(policy.key("requests"), signature, LABEL, signed.body.encode())
    if request.programme != policy.programme:
        raise AccessError("The request is for another programme than this relay's.")
    if request.research_key != key_id(policy.key("inner")).hex():
        raise AccessError("The request is for another research key than the policy names.")
    if any(policy.app(number) is None for number in request.apps):
        raise AccessError("The request names an app that the policy in force does not hold.")
    return request


def read_request(path: Path) -> SignedRequest:
    """Read a request file; `check_request` verifies it.

    Raises:
        InputError: It is no request file.
    """
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_FILE_BYTES), type=SignedRequest)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InputError(
            f"{path.name} is no request file. The researcher makes one with `candor request`."
        ) from None


def request_sentences(request: Request, policy: Policy) -> list[str]:
    """Say a request in sentences, for the person who decides on it."""
    names = [
        f"{app.name} ({', '.join(app.origins)})" for app in policy.apps if app.app in request.apps
    ]
    return [
        f"Programme: {request.programme}",
        f"Apps:      {'; '.join(names)}",
        f"Days:      {request.first_day} to {request.last_day} (UTC, by arrival at the relay)",
        f"Request:   {request.id}",
        f"Purpose, in the researcher's own words: {request.purpose}",
    ]


def _parse_body(body: bytes) -> Request:
    value = read_canonical(body, max_bytes=_MAX_BODY_BYTES)
    try:
        request = msgspec.convert(value, Request)
        in_order = request.first <= request.last
    except (msgspec.ValidationError, PolicyError):
        raise InputError(
            "The request has a missing, unknown or malformed field; days are written like "
            "2026-11-24. Make it again with `candor request`."
        ) from None
    if not in_order:
        raise InputError("The request's last day is before its first. Turn them round.")
    if not request.apps or list(request.apps) != sorted(set(request.apps)):
        raise InputError("The request names no app, or one twice. Name each once.")
    purpose = request.purpose
    if not purpose.isprintable() or not 1 <= len(purpose) <= _MAX_PURPOSE_CHARS:
        raise InputError("A request needs a purpose: one line of 1 to 1000 characters.")
    if purpose != " ".join(purpose.split()):
        raise InputError("Write the purpose with single spaces; runs of them could hide words.")
    return request
