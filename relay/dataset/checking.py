"""Whether a segment may be opened: its policy, its receipt, its stream and its recipients.

Owns these checks for both key holders; trusts pinned keys only, never the relay.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import NamedTuple

from relay.consent.document import Policy
from relay.consent.policy import verify_signed
from relay.consent.receipt import LABEL, Receipt, check_receipt, parse_receipt
from relay.dataset.reading import Reader, ReceiptRow, SegmentRow
from relay.dataset.request import Request
from relay.errors import AccessError, CandorError, SignatureError
from relay.model import (
    DeviceKey,
    KeyId,
    PolicyHash,
    ReceiptHash,
    SegmentId,
    Signal,
    StreamId,
    group_signals,
)
from relay.protocol.transcript import key_id, root_binding, sha256, stream_id
from relay.vault.sign import is_valid


class SkipReason(enum.StrEnum):
    """Why a segment or a batch is left out; each is counted."""

    OUTSIDE_REQUEST = "outside_request"
    POLICY_UNVERIFIED = "policy_unverified"
    RECEIPT_UNVERIFIED = "receipt_unverified"
    OTHER_DEVICE = "other_device"
    OUTSIDE_WINDOW = "outside_window"
    NOT_GRANTED = "not_granted"
    WRONG_RECIPIENT = "wrong_recipient"
    NOT_UNLOCKED = "not_unlocked"
    UNOPENABLE = "unopenable"
    NO_SALT = "no_salt"
    ROOT_MISMATCH = "root_mismatch"
    REPEATED = "repeated"


class PinnedKeys(NamedTuple):
    """The two policy keys that this reader trusts, 32 bytes each."""

    controller: bytes
    representative: bytes


class Checked(NamedTuple):
    """A segment whose consent was verified, and what it may contain."""

    row: SegmentRow
    policy: Policy
    signals: Signal

    def binding(self, layer: str, recipient: KeyId) -> bytes:
        """Return the HPKE info of a layer ("inner" or "outer") of this segment's root."""
        return root_binding(
            layer,
            programme=self.policy.programme,
            recipient=recipient,
            stream=StreamId(self.row.stream),
            segment=SegmentId(self.row.segment),
            app=self.row.app,
            group=self.row.group,
            receipt=ReceiptHash(self.row.receipt),
            policy=PolicyHash(self.row.policy),
            root_commitment=self.row.root_hash,
        )


class Evidence:
    """Fetches and verifies what segments stand on; each policy and receipt once.

    Args:
        reader: The way to the relay.
        pinned: The policy keys to trust.
    """

    def __init__(self, reader: Reader, pinned: PinnedKeys) -> None:
        self._reader = reader
        self._pinned = pinned
        self._current: Policy | None = None
        self._policies: dict[bytes, Policy | None] = {}
        self._receipts: dict[bytes, Receipt | None] = {}
        self._rows: dict[bytes, ReceiptRow] = {}

    def current_policy(self) -> Policy:
        """Fetch and verify the policy in force, once.

        Raises:
            SignatureError: It is not signed by both pinned keys.
            CandorError: It cannot be fetched or is malformed.
        """
        if self._current is None:
            self._current = verify_pinned(self._reader, None, self._pinned)
        return self._current

    def gather(self, rows: Iterable[SegmentRow]) -> None:
        """Fetch the receipts of these segments at once."""
        wanted = sorted({row.receipt for row in rows} - self._rows.keys())
        for row in self._reader.receipts(wanted):
            self._rows.setdefault(row.hash, row)

    def check(self, row: SegmentRow, request: Request) -> Checked | SkipReason:
        """Verify everything a segment stands on, and that the policy in force still allows it.

        Args:
            row: As the relay told it.
            request: Verified by `check_request`.

        Raises:
            CandorError: The policy in force cannot be fetched or does not verify.
        """
        if not request.covers(row.app, row.day):
            return SkipReason.OUTSIDE_REQUEST
        policy = self._policy(row.policy)
        if policy is None or policy.programme != request.programme:
            return SkipReason.POLICY_UNVERIFIED
        receipt = self._receipt(row.receipt)
        if receipt is None or receipt.policy_hash != row.policy:
            return SkipReason.RECEIPT_UNVERIFIED
        if stream_id(receipt.device_key, row.stream_salt) != row.stream:
            return SkipReason.OTHER_DEVICE
        in_force = self.current_policy()
        if not all(one.first_day <= row.day <= one.last_day for one in (policy, in_force)):
            return SkipReason.OUTSIDE_WINDOW
        signals = receipt.granted(row.app) & group_signals(row.group)
        for one in (policy, in_force):
            app = one.app(row.app)
            signals &= Signal(0) if app is None else app.signals_bits
        if not signals:
            return SkipReason.NOT_GRANTED
        recipients = key_id(policy.key("inner")), key_id(policy.key("outer"))
        if recipients != (row.inner_key, row.outer_key) or (
            request.research_key != row.inner_key.hex()
        ):
            return SkipReason.WRONG_RECIPIENT
        return Checked(row, policy, signals)

    def _policy(self, policy_hash: bytes) -> Policy | None:
        if policy_hash not in self._policies:
            try:
                policy = verify_pinned(self._reader, policy_hash, self._pinned)
            except CandorError as error:
                if error.retryable:
                    raise
                policy = None
            self._policies[policy_hash] = policy
        return self._policies[policy_hash]

    def _receipt(self, receipt_hash: bytes) -> Receipt | None:
        if receipt_hash not in self._receipts:
            self._receipts[receipt_hash] = self._verify_receipt(receipt_hash)
        return self._receipts[receipt_hash]

    def _verify_receipt(self, receipt_hash: bytes) -> Receipt | None:
        row = self._rows.get(receipt_hash)
        if (
            row is None
            or sha256(row.body) != receipt_hash
            or not is_valid(row.device_key, row.signature, LABEL, row.body)
        ):
            return None
        try:
            receipt = parse_receipt(row.body)
        except CandorError:
            return None
        policy = self._policy(receipt.policy_hash)
        if policy is None or receipt.kind != "grant":
            return None
        refusal = check_receipt(
            receipt,
            policy,
            DeviceKey(row.device_key),
            participant_key_id=receipt.participant_key_id,
            is_current=True,
        )
        return receipt if refusal is None else None


def verify_pinned(reader: Reader, policy_hash: bytes | None, pinned: PinnedKeys) -> Policy:
    """Fetch a policy and verify hash, rules and both signatures by the pinned keys.

    Args:
        reader: The way to the relay.
        policy_hash: Which; the current one where None.
        pinned: The keys to trust.

    Raises:
        AccessError: The relay does not have it.
        SignatureError: It is not signed by both pinned keys, or is another than asked for.
        CandorError: It cannot be fetched or is malformed.
    """
    signed = reader.policy(policy_hash)
    policy = verify_signed(signed, is_valid)
    if policy_hash not in (None, sha256(signed.body)):
        raise SignatureError("The relay answered with another policy than was asked for.")
    if (policy.key("controller"), policy.key("representative")) != pinned:
        raise SignatureError(
            "The relay's policy is signed by other keys than yours and the controller's. Nothing "
            "is unlocked or opened. Compare the keys with their holders.",
            code="other_policy_keys",
        )
    return policy


def trust_own_policy(reader: Reader, inner: bytes, requests: bytes) -> tuple[Policy, PinnedKeys]:
    """Fetch the current policy as a researcher, who knows it by their own keys in it.

    Args:
        reader: The way to the relay.
        inner: The researcher's opening key, public part.
        requests: The researcher's request-signing key, public part.

    Raises:
        AccessError: The policy names another researcher.
        SignatureError: A signature does not verify.
        CandorError: It cannot be fetched or is malformed.
    """
    policy = verify_signed(reader.policy(), is_valid)
    if (policy.key("inner"), policy.key("requests")) != (inner, requests):
        raise AccessError(
            "The relay's policy names another researcher's keys than yours, so nothing there "
            "opens with your key. Check --relay and --key.",
            code="other_research_key",
        )
    return policy, PinnedKeys(policy.key("controller"), policy.key("representative"))
