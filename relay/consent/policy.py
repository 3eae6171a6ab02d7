"""Reading a policy: bytes, hash, two signatures, what may follow it (protocol.md section 8).

Owns the way from bytes to a `Policy` that may be relied on; never checks a signature itself.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

import msgspec

from relay.consent.canonical import canonical, read_canonical
from relay.consent.document import (
    LABEL,
    MAX_BODY_BYTES,
    App,
    Policy,
    SignedPolicy,
    day_number,
    day_text,
    decode_key,
    encode_key,
)
from relay.consent.rules import Fault, faults
from relay.errors import InputError, PolicyError, SignatureError
from relay.model import PolicyHash

__all__ = [
    "App",
    "Fault",
    "Policy",
    "SignedPolicy",
    "Verifier",
    "canonical",
    "check_successor",
    "day_number",
    "day_text",
    "decode_key",
    "encode_key",
    "faults",
    "parse_policy",
    "policy_body",
    "policy_hash",
    "read_document",
    "verify_signed",
]


class Verifier(Protocol):
    """A function that tells whether a signature verifies; `vault.sign.is_valid` is one."""

    def __call__(
        self, public_key: bytes, signature: bytes, label: str, /, *parts: bytes | int | str | None
    ) -> bool:
        """Return whether this is the key's signature over label and parts."""
        ...


def parse_policy(body: bytes) -> Policy:
    """Read a policy and check every rule of protocol.md section 8.

    Args:
        body: Canonical JSON, at most 32 768 bytes.

    Raises:
        PolicyError: Names the field, what is wrong with it, and how to mend it.
    """
    try:
        policy = read_document(read_canonical(body, max_bytes=MAX_BODY_BYTES))
    except InputError as error:
        raise PolicyError(str(error)) from None
    found = [policy] if isinstance(policy, Fault) else faults(policy)
    if isinstance(policy, Fault) or found:
        raise PolicyError(str(found[0]))
    return policy


def read_document(document: object) -> Policy | Fault:
    """Read a policy from plain values, checking keys and types but no rule."""
    try:
        return msgspec.convert(document, Policy)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at ")
        where = path.strip("`").removeprefix("$.") or "policy"
        return Fault(
            where, f"{what[:1].lower()}{what[1:]}", "Compare it with protocol.md section 8"
        )


def policy_body(policy: Policy) -> bytes:
    """Return the canonical bytes of a policy, which are what is signed."""
    return canonical(msgspec.to_builtins(policy))


def policy_hash(body: bytes) -> PolicyHash:
    """Return the hash that names a policy body, 32 bytes."""
    return PolicyHash(hashlib.sha256(body).digest())


def verify_signed(signed: SignedPolicy, verify: Verifier) -> Policy:
    """Read a policy and check both signatures by the keys that it names.

    That only shows that the holders of these keys signed. Go on by comparing
    `policy.key("controller")` and `policy.key("representative")` with the keys you pinned.

    Args:
        signed: Body and signatures.
        verify: Such as `vault.sign.is_valid`.

    Raises:
        PolicyError: The body breaks a rule.
        SignatureError: A signature does not verify.
    """
    policy = parse_policy(signed.body)
    for role, signature in (
        ("controller", signed.controller),
        ("representative", signed.representative),
    ):
        if not verify(policy.key(role), signature, LABEL, role, signed.body):
            raise SignatureError(
                f"The {role}'s signature does not fit this policy. Have the {role} sign exactly "
                "this file again."
            )
    return policy


def check_successor(policy: Policy, current: Policy) -> None:
    """Check that one policy may follow another in the same programme.

    Raises:
        PolicyError: The number does not rise, or something changed that makes a new programme.
    """
    if policy.number <= current.number:
        raise PolicyError(
            f"number: policy {current.number} is in force, and numbers only rise. "
            f"Give this one the number {current.number + 1}."
        )
    for name in ("programme", "relay", "keys", "mark"):
        if getattr(policy, name) != getattr(current, name):
            raise PolicyError(
                f"{name}: differs from policy {current.number}, which makes this another "
                f"programme. Keep {name}, or start a new programme that people enrol in anew."
            )
    for app in policy.apps:
        before = current.app(app.app)
        if before is not None and before.id != app.id:
            raise PolicyError(
                f"apps: number {app.app} belongs to {before.id}. Give {app.id} a number that was "
                "never used."
            )
