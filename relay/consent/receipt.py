"""The consent receipt: a device's signed record of what it granted (protocol.md section 8).

Owns its form and whether it may be accepted; never checks a signature itself.
"""

from __future__ import annotations

import enum
import hashlib
import re
from typing import Literal

import msgspec

from relay.consent.canonical import canonical, read_canonical
from relay.consent.document import Policy, decode_key
from relay.errors import InputError, PolicyError, ReceiptError
from relay.model import (
    MAX_INT,
    SIGNAL_BY_NAME,
    DeviceKey,
    KeyId,
    ReceiptHash,
    Signal,
    signals_of,
)

LABEL = "candor/v1/receipt"
MAX_BODY_BYTES = 8_192

_MAX_APP_NUMBER = 65_535
_DEVICE_KEY_BYTES = 32
_PLACE = re.compile(r" - at `\$\.([a-z_]+)[^`]*`\Z")
_HASH = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[0-9a-f]{32}")
_PROGRAMME = re.compile(r"[a-z0-9-]{1,64}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3}")


class ReceiptRefusal(enum.StrEnum):
    """Why a grant or withdrawal is not accepted (protocol.md section 7)."""

    RECEIPT_MALFORMED = "receipt_malformed"
    BAD_SIGNATURE = "bad_signature"
    WRONG_DEVICE = "wrong_device"
    POLICY_UNKNOWN = "policy_unknown"
    POLICY_SUPERSEDED = "policy_superseded"
    NOTICE_MISMATCH = "notice_mismatch"
    EXCEEDS_POLICY = "exceeds_policy"
    NOT_ENROLLED = "not_enrolled"


class Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The signals granted in one app."""

    app: int
    signals: tuple[str, ...]

    @property
    def signals_bits(self) -> Signal:
        """The signals as bits."""
        return signals_of(self.signals)


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A receipt as parsed; get one from `parse_receipt`, which checks its form."""

    device: str
    format: Literal["candor-receipt-v1"]
    given_at: int
    grants: tuple[Grant, ...]
    kind: Literal["grant", "none"]
    language: str
    nonce: str
    notice: str
    participant_key: str
    policy: str
    previous: str
    programme: str

    @property
    def device_key(self) -> DeviceKey:
        """The device's public key, 32 bytes."""
        return DeviceKey(decode_key(self.device))

    @property
    def policy_hash(self) -> bytes:
        """Hash of the policy it was given for, 32 bytes."""
        return bytes.fromhex(self.policy)

    @property
    def participant_key_id(self) -> KeyId:
        """Id of the key to which the participant's copy is sealed, 16 bytes."""
        return KeyId(bytes.fromhex(self.participant_key))

    def granted(self, app: int) -> Signal:
        """Return the signals granted in the app of this number; none of it gives no bits."""
        return next((grant.signals_bits for grant in self.grants if grant.app == app), Signal(0))


def parse_receipt(body: bytes) -> Receipt:
    """Read a receipt and check its form.

    Args:
        body: Canonical JSON, at most 8 192 bytes.

    Raises:
        ReceiptError: `receipt_malformed`, naming the field and never its value.
    """
    try:
        receipt = msgspec.convert(read_canonical(body, max_bytes=MAX_BODY_BYTES), Receipt)
    except msgspec.ValidationError as error:
        raise ReceiptError(_said(_field(error))) from None
    except InputError as error:
        raise ReceiptError(str(error)) from None
    fault = _fault(receipt)
    if fault:
        raise ReceiptError(_said(fault))
    return receipt


def receipt_body(receipt: Receipt) -> bytes:
    """Return the canonical bytes of a receipt, which are what the device signs."""
    return canonical(msgspec.to_builtins(receipt))


def receipt_hash(body: bytes) -> ReceiptHash:
    """Return the hash that names a receipt body, 32 bytes."""
    return ReceiptHash(hashlib.sha256(body).digest())


def check_receipt(
    receipt: Receipt,
    policy: Policy | None,
    device_key: DeviceKey,
    *,
    participant_key_id: KeyId,
    is_current: bool,
) -> ReceiptRefusal | None:
    """Tell why a receipt may not be accepted, or None; its signature is checked elsewhere.

    Args:
        receipt: As `parse_receipt` gave it.
        policy: The published policy that `receipt.policy` names, or None if there is none.
        device_key: The key that the session's hello proved.
        participant_key_id: Id of the participant key enrolled with this device.
        is_current: Whether `policy` is the one now in force.
    """
    if receipt.device_key != device_key or receipt.participant_key_id != participant_key_id:
        return ReceiptRefusal.WRONG_DEVICE
    if policy is None or policy.programme != receipt.programme:
        return ReceiptRefusal.POLICY_UNKNOWN
    if receipt.kind == "grant" and not is_current:
        return ReceiptRefusal.POLICY_SUPERSEDED
    if receipt.notice != policy.notice:
        return ReceiptRefusal.NOTICE_MISMATCH
    for grant in receipt.grants:
        app = policy.app(grant.app)
        if app is None or grant.signals_bits & ~app.signals_bits:
            return ReceiptRefusal.EXCEEDS_POLICY
    return None


def _field(error: msgspec.ValidationError) -> str:
    """Return the field that an error names; its text also quotes what a device wrote."""
    named = _PLACE.search(str(error))
    return named[1] if named and named[1] in Receipt.__struct_fields__ else "form"


def _fault(receipt: Receipt) -> str | None:
    """Return the first field that breaks a rule."""
    rules = (
        ("device", _is_device_key(receipt.device)),
        ("given_at", 0 <= receipt.given_at <= MAX_INT),
        ("grants", _are_grants(receipt.grants)),
        ("kind", (receipt.kind == "none") == (not receipt.grants)),
        ("language", _LANGUAGE.fullmatch(receipt.language) is not None),
        ("nonce", _ID.fullmatch(receipt.nonce) is not None),
        ("notice", _HASH.fullmatch(receipt.notice) is not None),
        ("participant_key", _ID.fullmatch(receipt.participant_key) is not None),
        ("policy", _HASH.fullmatch(receipt.policy) is not None),
        ("previous", receipt.previous == "" or _HASH.fullmatch(receipt.previous) is not None),
        ("programme", _PROGRAMME.fullmatch(receipt.programme) is not None),
    )
    return next((field for field, kept in rules if not kept), None)


def _is_device_key(text: str) -> bool:
    try:
        return len(decode_key(text)) == _DEVICE_KEY_BYTES
    except PolicyError:
        return False


def _are_grants(grants: tuple[Grant, ...]) -> bool:
    numbers = [grant.app for grant in grants]
    return numbers == sorted(set(numbers)) and all(
        1 <= grant.app <= _MAX_APP_NUMBER
        and grant.signals
        and list(grant.signals) == sorted(set(grant.signals))
        and set(grant.signals) <= SIGNAL_BY_NAME.keys()
        for grant in grants
    )


def _said(where: str) -> str:
    return (
        f"The receipt's {where} has the wrong form, so nothing was granted. Ask again; if it "
        "repeats, update the extension."
    )
