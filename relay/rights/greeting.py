"""Hello: a known device proves itself and opens its stream.

Owns those checks; never believes anything that the device's key did not sign for this connection.
"""

from __future__ import annotations

import msgspec

from relay.consent.gate import ConsentState, contact_day, receipt_terms
from relay.consent.receipt import parse_receipt
from relay.model import Day, DeviceKey, ReceiptHash
from relay.protocol.messages import Hello
from relay.protocol.transcript import device_hash, key_id, stream_id
from relay.rights.answers import bad_signature, unknown_device
from relay.store.book import LiveDevice, LiveStream, Published
from relay.store.control import find_device, find_receipts, open_stream, set_contact_day
from relay.store.writer import Transaction
from relay.vault.sign import is_valid


class Greeting(msgspec.Struct, frozen=True, kw_only=True):
    """What a welcome says of a stream whose hello is durable."""

    stream: LiveStream
    resume: int
    newest: ReceiptHash | None
    withdrawn_elsewhere: bool


def check_hello(message: Hello, nonce: bytes, current: Published | None) -> None:
    """Check that a hello was signed for this relay and this challenge.

    Raises:
        ProtocolError: It was not, or it is of a programme that is not served here.
    """
    if current is None or message.programme != current.policy.programme:
        raise unknown_device()
    key = DeviceKey(message.device_key)
    if not is_valid(
        key,
        message.signature,
        "candor/v1/hello",
        nonce,
        current.policy.relay,
        message.programme,
        stream_id(key, message.stream_salt),
        device_hash(key),
        message.receipt,
        message.policy,
        message.version,
        message.transport,
        message.last_epoch,
    ):
        raise bad_signature()


def greet(transaction: Transaction, message: Hello, today: Day) -> Greeting:
    """Make this the stream's newest session.

    Raises:
        ProtocolError: The relay does not know the device.
    """
    key = DeviceKey(message.device_key)
    device = transaction.book.devices.get(key) or _load_device(transaction, key, today)
    if device is None:
        raise unknown_device()
    identity = stream_id(key, message.stream_salt)
    row, session, through = open_stream(transaction.db, identity, message.stream_salt, device.row)
    stream = LiveStream(
        row=row, id=identity, device=device, session=session, through=through, segments={}
    )
    transaction.book.enter(stream)
    newest = device.consent.newest
    return Greeting(
        stream=stream,
        resume=through,
        newest=None if newest is None else newest.receipt,
        withdrawn_elsewhere=newest is not None
        and not newest.signals
        and message.receipt != newest.receipt
        and message.receipt in device.receipts,
    )


def _load_device(transaction: Transaction, key: DeviceKey, today: Day) -> LiveDevice | None:
    row = find_device(transaction.db, key)
    if row is None:
        return None
    day = contact_day(row.contact_day, today)
    if day != row.contact_day:
        set_contact_day(transaction.db, row.row, day)
    receipts = {
        found.receipt: receipt_terms(parse_receipt(found.body), found.receipt)
        for found in find_receipts(transaction.db, row.row)
    }
    return LiveDevice(
        row=row.row,
        key=key,
        epoch=row.epoch,
        receipts=receipts,
        consent=ConsentState(
            newest=None if row.newest is None else receipts[row.newest],
            last_contact_day=day,
            participant_key_id=key_id(row.participant_key),
        ),
    )
