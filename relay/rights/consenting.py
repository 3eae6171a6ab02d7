"""Grant and withdraw: a signed receipt becomes its device's newest.

Owns those checks and the signed confirmations; the only verbs of consent.
"""

from __future__ import annotations

from typing import Final

import msgspec

from relay.consent.gate import receipt_terms
from relay.consent.receipt import (
    LABEL,
    Receipt,
    ReceiptRefusal,
    check_receipt,
    parse_receipt,
    receipt_hash,
)
from relay.errors import ReceiptError, StoreError
from relay.model import Day, Epoch, PolicyHash, ReceiptHash, StreamId
from relay.protocol.messages import Grant, Granted, Refusal, Withdraw, Withdrawn
from relay.rights.answers import refused
from relay.store.book import LiveStream
from relay.store.control import has_receipt, insert_receipt
from relay.store.writer import Transaction
from relay.vault.sign import SigningKey, is_valid

RECEIPT_REPLACED: Final = "receipt_replaced"


class Consented(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt that is durably its device's newest."""

    receipt: ReceiptHash
    through: int
    epoch: Epoch
    grants_nothing: bool


def check_consent(
    message: Grant | Withdraw, stream: LiveStream, programme: str
) -> Receipt | Refusal:
    """Check the form and signatures of a receipt that needs no store."""
    key = stream.device.key
    try:
        receipt = parse_receipt(message.body)
    except ReceiptError as error:
        return refused(message, error.code)
    if isinstance(message, Withdraw):
        if receipt.kind != "none":
            return refused(message, ReceiptRefusal.RECEIPT_MALFORMED)
        signature = message.receipt_signature
        bound = is_valid(
            key,
            message.signature,
            "candor/v1/withdraw",
            programme,
            stream.id,
            message.through,
            receipt_hash(message.body),
        )
    else:
        signature, bound = message.signature, True
    if not bound or not is_valid(key, signature, LABEL, message.body):
        return refused(message, ReceiptRefusal.BAD_SIGNATURE)
    return receipt


def consent(
    transaction: Transaction,
    stream: LiveStream,
    message: Grant | Withdraw,
    receipt: Receipt,
    day: Day,
) -> Consented | Refusal:
    """Make a receipt its device's newest, in order with the device's batches.

    Raises:
        StoreError: The session can write no more; open it anew.
    """
    if not stream.alive:
        raise _closed_stream()
    device = stream.device
    body = message.body
    name = receipt_hash(body)
    newest = device.consent.newest
    if newest is not None and newest.receipt == name:
        return _consented(stream)
    if has_receipt(transaction.db, name):
        return refused(message, RECEIPT_REPLACED)
    published = transaction.book.policies.get(PolicyHash(receipt.policy_hash))
    refusal = check_receipt(
        receipt,
        None if published is None else published.policy,
        device.key,
        participant_key_id=device.consent.participant_key_id,
        is_current=published is not None and published is transaction.book.current,
    )
    if refusal is not None:
        return refused(message, refusal)
    signature = message.receipt_signature if isinstance(message, Withdraw) else message.signature
    epoch = Epoch(device.epoch + 1)
    insert_receipt(transaction.db, device.row, name, body, signature, epoch=epoch, day=day)
    terms = receipt_terms(receipt, name)
    device.epoch = epoch
    device.receipts[name] = terms
    device.consent = msgspec.structs.replace(device.consent, newest=terms, last_contact_day=day)
    return _consented(stream)


def confirm(
    message: Grant | Withdraw, stream: StreamId, done: Consented, ledger: SigningKey
) -> Granted | Withdrawn:
    """Sign that a receipt is durable."""
    if isinstance(message, Grant):
        signature = ledger.sign("candor/v1/granted", stream, done.receipt, done.epoch)
        return Granted(receipt=done.receipt, epoch=done.epoch, signature=signature)
    signature = ledger.sign("candor/v1/withdrawn", stream, done.receipt, done.through, done.epoch)
    return Withdrawn(
        receipt=done.receipt, through=done.through, epoch=done.epoch, signature=signature
    )


def _consented(stream: LiveStream) -> Consented:
    newest = stream.device.consent.newest
    assert newest is not None  # noqa: S101 - the caller just made or found it
    return Consented(
        receipt=newest.receipt,
        through=stream.through,
        epoch=stream.device.epoch,
        grants_nothing=not newest.signals,
    )


def _closed_stream() -> StoreError:
    return StoreError(
        "This session can write no more, so nothing was granted or withdrawn. Reconnect and ask "
        "again.",
        code="store_failed",
        retryable=True,
    )
