"""Publishing a policy: both policy keys of this relay's own configuration must have signed it.

Owns what must hold before a policy is in force; never signs one.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from relay.consent.policy import SignedPolicy as SignedDocument
from relay.consent.policy import check_successor, verify_signed
from relay.errors import AccessError, PolicyError, ProtocolError
from relay.model import Day, PolicyHash
from relay.protocol.messages import Message, SignatureBytes, SignedPolicy
from relay.protocol.transcript import sha256
from relay.store.book import Published
from relay.store.control import insert_policy, publish
from relay.store.writer import Transaction
from relay.vault.sign import is_valid


class Publication(Message, frozen=True):
    """What `POST /v1/policy` carries."""

    body: Annotated[bytes, Meta(min_length=1, max_length=32_768)]
    controller: SignatureBytes
    representative: SignatureBytes
    notice: Annotated[bytes, Meta(min_length=1, max_length=65_536)]


class Pinned(msgspec.Struct, frozen=True, kw_only=True):
    """What this relay holds every policy to.

    Args:
        controller: Public policy key of the controller, 32 bytes.
        representative: Public policy key of the representative, 32 bytes.
        ledger: This relay's own public ledger key, 32 bytes.
        loopback_only: Whether nobody but this computer can reach the relay.
    """

    controller: bytes
    representative: bytes
    ledger: bytes
    loopback_only: bool


_decoder: msgspec.msgpack.Decoder[Publication] = msgspec.msgpack.Decoder(Publication)


def read_publication(body: bytes) -> Publication:
    """Decode the body of a publication.

    Raises:
        ProtocolError: It is not [body, signature, signature, notice].
    """
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    raise ProtocolError(
        "This is no publication. Send msgpack [body, controller signature, representative "
        "signature, notice], as `candor policy publish` does."
    )


def check_publication(publication: Publication, pinned: Pinned) -> Published:
    """Check everything about a publication that needs no store.

    Raises:
        PolicyError: The policy breaks a rule, or the notice is not the one it names.
        SignatureError: A signature does not verify.
        AccessError: The policy is signed by other keys than this relay's, or is a demonstration
            where others could reach it.
    """
    signed = SignedDocument(publication.body, publication.controller, publication.representative)
    policy = verify_signed(signed, is_valid)
    for name in ("controller", "representative", "ledger"):
        if policy.key(name) != getattr(pinned, name):
            raise AccessError(
                f"The policy's {name} key is not the one this relay is set up with. Compare it "
                "with candor.toml and ledger.key in the relay's directory.",
                code="key_not_pinned",
            )
    if policy.is_demo and not pinned.loopback_only:
        raise demo_refused()
    if sha256(publication.notice) != policy.notice_hash:
        raise PolicyError(
            "notice: its hash differs from the notice sent along. Publish the notice that "
            "`candor policy check` wrote for this very file.",
            code="notice_mismatch",
        )
    return publish(
        SignedPolicy(publication.body, publication.controller, publication.representative),
        PolicyHash(sha256(publication.body)),
        publication.notice,
    )


def put_in_force(transaction: Transaction, published: Published, day: Day) -> bool:
    """Make a checked policy the current one; False if it was published before.

    Raises:
        PolicyError: It may not follow the current policy.
    """
    book = transaction.book
    if published.hash in book.policies:
        return False
    if book.current is not None:
        check_successor(published.policy, book.current.policy)
    insert_policy(transaction.db, published, day)
    book.publish(published)
    return True


def demo_refused() -> AccessError:
    """Return why a demonstration may not be reached from elsewhere."""
    return AccessError(
        "This is a demonstration: one machine holds all keys, so nothing is promised. It is "
        "served on loopback only. Listen on 127.0.0.1, or make keys on their holders' machines.",
        code="demo_policy",
    )
