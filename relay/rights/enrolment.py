"""Enrolment: a new device spends its single-use code.

Owns those checks and the signed answer; never learns who the person is.
"""

from __future__ import annotations

from typing import Final

from relay.model import Day, DeviceKey
from relay.protocol.messages import Enrol, Enrolled, Refusal
from relay.protocol.transcript import device_hash, labelled_hash
from relay.rights.answers import bad_signature, refused
from relay.store.book import Published
from relay.store.control import find_device, insert_device, spend_code
from relay.store.writer import Transaction
from relay.vault.seal import is_public_key
from relay.vault.sign import SigningKey, is_valid

PROGRAMME_UNKNOWN: Final = "programme_unknown"
CODE_INVALID: Final = "code_invalid"
CODE_SPENT: Final = "code_spent"
DEVICE_EXISTS: Final = "device_exists"
KEY_INVALID: Final = "key_invalid"


def check_enrol(message: Enrol, nonce: bytes, current: Published | None) -> Refusal | None:
    """Check everything about an enrolment that needs no store.

    Raises:
        ProtocolError: The device's own signature does not verify.
    """
    if current is None or message.programme != current.policy.programme:
        return refused(message, PROGRAMME_UNKNOWN)
    if not is_valid(
        message.device_key,
        message.signature,
        "candor/v1/enrol",
        nonce,
        current.policy.relay,
        message.programme,
        message.device_key,
        message.participant_key,
        message.code,
        message.sealed_code,
    ):
        raise bad_signature()
    codes = current.policy.key("codes")
    if not is_valid(
        codes, message.code_signature, "candor/v1/code", message.programme, message.code
    ):
        return refused(message, CODE_INVALID)
    return None if is_public_key(message.participant_key) else refused(message, KEY_INVALID)


def enrol(transaction: Transaction, message: Enrol, day: Day) -> Refusal | None:
    """Add the device and spend its code, both or neither."""
    if find_device(transaction.db, DeviceKey(message.device_key)) is not None:
        return refused(message, DEVICE_EXISTS)
    code = labelled_hash("candor/v1/spent-code", message.programme, message.code)
    if not spend_code(transaction.db, code):
        return refused(message, CODE_SPENT)
    key = DeviceKey(message.device_key)
    insert_device(transaction.db, key, message.participant_key, message.sealed_code, day)
    return None


def enrolled(message: Enrol, nonce: bytes, day: Day, ledger: SigningKey) -> Enrolled:
    """Sign that the device is known."""
    device = device_hash(DeviceKey(message.device_key))
    signature = ledger.sign("candor/v1/enrolled", nonce, device, day)
    return Enrolled(device=device, day=day, signature=signature)
