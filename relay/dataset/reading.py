"""Signed reading requests to a relay (protocol.md section 9).

Owns paging and the form of answers; believes nothing in them: whoever uses a row checks it.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from relay.client.web import Web
from relay.consent.document import SignedPolicy
from relay.errors import ProtocolError
from relay.vault.sign import SigningKey

ReaderRole = Literal["representative", "research"]
_PAGE: Final = 500
_NONCE_BYTES: Final = 16

Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
Id = Annotated[bytes, Meta(min_length=16, max_length=16)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
_Answer = TypeVar("_Answer")


class SegmentRow(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A segment as the relay tells it; nothing in it is verified."""

    row: Count
    stream: Hash
    segment: Id
    app: Annotated[int, Meta(ge=1, le=65_535)]
    group: Annotated[int, Meta(ge=0, le=1)]
    receipt: Hash
    policy: Hash
    inner_key: Id
    outer_key: Id
    root_hash: Hash
    salt: Hash | None
    sealed_root: Annotated[bytes, Meta(min_length=1, max_length=4_096)]
    day: Count
    stream_salt: Id

    def __repr__(self) -> str:
        """Name the row without its bytes."""
        return f"SegmentRow(row={self.row})"


class ReceiptRow(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A receipt as the relay tells it; nothing in it is verified."""

    hash: Hash
    body: Annotated[bytes, Meta(min_length=1, max_length=8_192)]
    signature: Signature
    device_key: Hash


class BatchRow(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A sealed batch as the relay tells it."""

    seq: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    signals: Annotated[int, Meta(ge=1, le=255)]
    nonce: Annotated[bytes, Meta(min_length=12, max_length=12)]
    ciphertext: Annotated[bytes, Meta(min_length=1, max_length=16_384)]
    day: Count


class _SegmentPage(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    rows: list[SegmentRow]
    next: Count | None


class _BatchPage(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    rows: list[BatchRow]
    next: Count | None


class Reader:
    """A reader's way to a relay.

    Args:
        web: The relay's HTTPS side.
        role: Whose key signs.
        key: The policy's `representative` key, or its `requests` key.
    """

    def __init__(self, web: Web, role: ReaderRole, key: SigningKey) -> None:
        self._web = web
        self._role = role
        self._key = key

    def policy(self, policy_hash: bytes | None = None) -> SignedPolicy:
        """Fetch a policy by its hash, or the current one; verify it before use.

        Raises:
            AccessError: The relay does not have it.
            ProtocolError: The answer is malformed.
        """
        path = "/v1/policy" if policy_hash is None else f"/v1/policies/{policy_hash.hex()}"
        return _decode(self._web.get(path), SignedPolicy)

    def segments(
        self, apps: tuple[int, ...], first_day: str, last_day: str
    ) -> Iterator[SegmentRow]:
        """Yield the segments of these apps that arrived on these days (both inclusive).

        Raises:
            AccessError: The relay refuses this reader.
            ProtocolError: An answer is malformed.
        """
        after: int | None = 0
        while after is not None:
            answer = self._ask("segments", list(apps), first_day, last_day, after, _PAGE)
            page = _decode(answer, _SegmentPage)
            yield from page.rows
            after = _onward(after, page.next)

    def receipts(self, hashes: list[bytes]) -> list[ReceiptRow]:
        """Fetch receipts by their hashes; missing ones are left out.

        Raises:
            AccessError: The relay refuses this reader.
            ProtocolError: An answer is malformed.
        """
        rows: list[ReceiptRow] = []
        for start in range(0, len(hashes), _PAGE):
            answer = self._ask("receipts", hashes[start : start + _PAGE])
            rows += _decode(answer, list[ReceiptRow])
        return rows

    def batches(self, stream: bytes, segment: bytes) -> Iterator[BatchRow]:
        """Yield the sealed batches of a segment, by seq; only for the research role.

        Raises:
            AccessError: The relay refuses this reader.
            ProtocolError: An answer is malformed.
        """
        after: int | None = 0
        while after is not None:
            page = _decode(self._ask("batches", stream, segment, after, _PAGE), _BatchPage)
            yield from page.rows
            after = _onward(after, page.next)

    def _ask(self, what: str, *arguments: object) -> bytes:
        path = f"/v1/read/{what}"
        now_ms = time.time_ns() // 1_000_000
        body = msgspec.msgpack.encode([now_ms, os.urandom(_NONCE_BYTES), *arguments])
        signature = self._key.sign("candor/v1/read", self._web.origin, self._role, path, body)
        return self._web.post(
            path,
            body,
            {
                "Candor-Role": self._role,
                "Candor-Signature": base64.urlsafe_b64encode(signature).rstrip(b"=").decode(),
            },
        )


def _onward(after: int, following: int | None) -> int | None:
    if following is not None and following <= after:
        raise ProtocolError("The relay's pages do not move on. Ask its operator.")
    return following


def _decode(answer: bytes, kind: type[_Answer]) -> _Answer:
    try:
        return msgspec.msgpack.decode(answer, type=kind)
    except msgspec.DecodeError:
        raise ProtocolError(
            "The relay's answer has another form than protocol.md section 9 says. Is one side "
            "older than the other?"
        ) from None
