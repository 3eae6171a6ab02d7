"""A valid policy and a valid receipt to change one thing of, for the tests of `relay.consent`."""

from __future__ import annotations

from typing import Any

from relay.consent.canonical import canonical
from relay.consent.document import KEY_NAMES, SEALING_KEY_NAMES, Policy, encode_key
from relay.consent.policy import parse_policy, policy_hash
from relay.consent.receipt import Receipt, parse_receipt

DEVICE_KEY = b"\x64" * 32
PARTICIPANT_KEY_ID = b"\x70" * 16


def app_document(**changes: object) -> dict[str, Any]:
    """Return a valid app."""
    return {
        "app": 1,
        "catalogue": "",
        "excluded_paths": ["/payroll"],
        "id": "crm",
        "name": "CRM",
        "origins": ["https://crm.corp.example"],
        "signals": ["click", "pointer"],
        **changes,
    }


def policy_document(**changes: object) -> dict[str, Any]:
    """Return the document of a valid policy, with top-level fields replaced."""
    contact = {"email": "someone@corp.example", "name": "Some One"}
    return {
        "apps": [app_document()],
        "backup_days": 7,
        "contacts": {
            "controller": contact,
            "data_protection_officer": contact,
            "representative": contact,
        },
        "eligible": "Everyone in the service department.",
        "format": "candor-policy-v1",
        "k": 10,
        "keys": {
            name: encode_key(bytes([number]) * (1216 if name in SEALING_KEY_NAMES else 32))
            for number, name in enumerate(KEY_NAMES, start=1)
        },
        "mark": "none",
        "notice": "ab" * 32,
        "number": 1,
        "programme": "pilot",
        "purposes": ["Predicting the next step in the CRM."],
        "relay": "https://candor.corp.example",
        "retention_days": 183,
        "window": {"first_day": "2026-11-24", "last_day": "2027-05-25"},
        **changes,
    }


def policy(**changes: object) -> Policy:
    """Return a valid policy, with top-level fields replaced."""
    return parse_policy(canonical(policy_document(**changes)))


def receipt_document(**changes: object) -> dict[str, Any]:
    """Return the document of a valid receipt for `policy()`, with fields replaced."""
    return {
        "device": encode_key(DEVICE_KEY),
        "format": "candor-receipt-v1",
        "given_at": 1_795_000_000,
        "grants": [{"app": 1, "signals": ["click", "pointer"]}],
        "kind": "grant",
        "language": "en",
        "nonce": "cd" * 16,
        "notice": "ab" * 32,
        "participant_key": PARTICIPANT_KEY_ID.hex(),
        "policy": policy_hash(canonical(policy_document())).hex(),
        "previous": "",
        "programme": "pilot",
        **changes,
    }


def receipt(**changes: object) -> Receipt:
    """Return a valid receipt, with fields replaced."""
    return parse_receipt(canonical(receipt_document(**changes)))
