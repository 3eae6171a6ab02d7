"""What this device was allowed, and how it proves so: policy, receipts, withdrawal.

Owns the device's own record of consent; fails closed: whatever is not verified allows nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from relay.client import wire
from relay.client.codec import pack_array, unpack_array
from relay.client.scope import scope
from relay.client.state import State
from relay.consent.document import Policy, SignedPolicy, encode_key
from relay.consent.policy import check_successor, parse_policy, verify_signed
from relay.consent.receipt import (
    LABEL,
    Grant,
    Receipt,
    parse_receipt,
    receipt_body,
    receipt_hash,
)
from relay.errors import AccessError, InputError, PolicyError, ProtocolError, SignatureError
from relay.model import Day, PolicyHash, ReceiptHash, Signal, StreamId, signals_of
from relay.protocol.transcript import key_id, sha256
from relay.vault.seal import OpeningKey
from relay.vault.sign import SigningKey, is_valid, verify

FRESH_MS: Final = 24 * 3_600_000
_DAY_MS: Final = 24 * 3_600_000
_NONCE_BYTES: Final = 16

Grants = Mapping[int, Signal]
"""Granted signal bits by app number."""
Signed = tuple[bytes, bytes]
"""A receipt's body and its signature."""


class Consent:
    """The device's consent, kept in its state.

    Args:
        state: The device's memory.
        device: The key that signs receipts.
        participant: The participant's own opening key.
    """

    def __init__(self, state: State, device: SigningKey, participant: OpeningKey) -> None:
        self._state = state
        self._device = device
        self._participant_key_id = key_id(participant.public)
        self.policy: Policy | None = None
        self.policy_hash = PolicyHash(b"")
        self._receipt: Receipt | None = None
        self._agreed: Policy | None = None
        stored = state.get("policy")
        if stored is not None:
            self._use_policy(_signed_policy(unpack_array(stored)))
        if (signed := self.signed("receipt")) is not None:
            self._use_receipt(signed[0])

    @property
    def pinned(self) -> Policy:
        """The policy in force on this device.

        Raises:
            AccessError: It is not enrolled.
        """
        if self.policy is None:
            raise AccessError("This device is not enrolled. Enrol it first.", code="not_enrolled")
        return self.policy

    @property
    def receipt_hash(self) -> ReceiptHash | None:
        """Hash of the newest receipt that the relay confirmed, or None."""
        signed = self.signed("receipt")
        return None if signed is None else receipt_hash(signed[0])

    @property
    def receipt_policy(self) -> PolicyHash:
        """Hash of the policy that the newest confirmed receipt was given for; empty if none."""
        return PolicyHash(b"" if self._receipt is None else self._receipt.policy_hash)

    def signed(self, name: str) -> Signed | None:
        """Return a kept receipt: "receipt", "pending" (a grant) or "leaving" (a withdrawal)."""
        stored = self._state.get(name)
        match None if stored is None else unpack_array(stored):
            case [bytes() as body, bytes() as signature]:
                return body, signature
            case _:
                return None

    def allowed(self, app: int, now_ms: int) -> Signal:
        """Return what may be recorded in an app right now.

        Args:
            app: App number of the policy.
            now_ms: The device's clock.

        Raises:
            AccessError: Nothing may; `code` says why.
        """
        policy = self.pinned
        if self._state.get("leaving") is not None or (
            self._receipt is not None and self._receipt.kind == "none"
        ):
            raise _nothing("withdrawn", "The participant said no or withdrew.")
        if self._receipt is None or self._agreed is None:
            raise _nothing("not_granted", "Nothing was granted yet.")
        if (problem := self._state.get("problem")) is not None:
            raise _nothing(problem.decode(), "The relay sent a policy that does not verify.")
        if (stopped := self._state.get("stopped")) is not None:
            raise _nothing(stopped.decode(), "The relay says to record nothing.")
        if not 0 <= now_ms - self._state.get_int("welcome_ms") < FRESH_MS:
            raise _nothing("stale", "The relay was not heard of for a day.")
        today = Day(now_ms // _DAY_MS)
        if not (
            max(policy.first_day, self._agreed.first_day)
            <= today
            <= min(policy.last_day, self._agreed.last_day)
        ):
            raise _nothing("programme_ended", "Today is outside the programme's window.")
        signals = scope(self._agreed, policy, self._receipt, app)
        if not signals:
            raise _nothing("app_not_allowed", "Nothing is granted in this app.")
        return signals

    def draft(self, name: str, grants: Grants, now_ms: int, language: str = "en") -> Signed:
        """Sign a new receipt and keep it under a name until the relay confirms it.

        Args:
            name: "pending" or "leaving".
            grants: What is granted; empty for a "no" and a withdrawal.
            now_ms: The device's clock.
            language: The language in which the notice was read.

        Raises:
            InputError: The policy does not offer this.
        """
        policy = self.pinned
        for number, signals in grants.items():
            app = policy.app(number)
            if app is None or not signals or signals & ~app.signals_bits:
                raise InputError("This grants what the policy does not offer. Read it again.")
        previous = self.receipt_hash
        body = receipt_body(
            Receipt(
                device=encode_key(self._device.public),
                format="candor-receipt-v1",
                given_at=now_ms // 1000,
                grants=tuple(
                    Grant(app, tuple(sorted(bit.label for bit in Signal if bit & signals)))
                    for app, signals in sorted(grants.items())
                ),
                kind="grant" if grants else "none",
                language=language,
                nonce=os.urandom(_NONCE_BYTES).hex(),
                notice=policy.notice,
                participant_key=self._participant_key_id.hex(),
                policy=self.policy_hash.hex(),
                previous="" if previous is None else previous.hex(),
                programme=policy.programme,
            )
        )
        signed = body, self._device.sign(LABEL, body)
        self._state.put(name, pack_array(*signed))
        return signed

    def confirm_grant(self, answer: wire.Granted, stream: StreamId) -> None:
        """Believe a grant's confirmation if the ledger key signed it for what was asked.

        Raises:
            ProtocolError: Nothing was asked, or something else.
            SignatureError: The ledger key did not sign it.
        """
        verify(
            self.pinned.key("ledger"),
            answer.signature,
            "candor/v1/granted",
            stream,
            answer.receipt,
            answer.epoch,
        )
        self._confirm("pending", answer.receipt, answer.epoch)

    def confirm_withdrawal(self, answer: wire.Withdrawn, stream: StreamId) -> None:
        """Believe a withdrawal's confirmation if the ledger key signed it for what was asked.

        Raises:
            ProtocolError: Nothing was asked, or something else.
            SignatureError: The ledger key did not sign it.
        """
        verify(
            self.pinned.key("ledger"),
            answer.signature,
            "candor/v1/withdrawn",
            stream,
            answer.receipt,
            answer.through,
            answer.epoch,
        )
        if answer.through != self._state.get_int("withdraw_through"):
            raise ProtocolError("The relay confirmed the withdrawal of other batches.")
        self._confirm("leaving", answer.receipt, answer.epoch)

    def adopt(self, parts: wire.PolicyParts) -> None:
        """Take a newer policy if it verifies; else record nothing from now on.

        Raises:
            SignatureError: It does not verify, or is no successor of the pinned one.
        """
        signed = SignedPolicy(*parts)
        if sha256(signed.body) == self.policy_hash:
            return
        try:
            check_successor(verify_signed(signed, is_valid), self.pinned)
        except (PolicyError, SignatureError):
            self._state.put("problem", b"policy_changed")
            raise SignatureError(
                "The relay sent a policy that does not continue the one agreed to. Nothing is "
                "recorded any more; show this to your representative.",
                code="policy_changed",
            ) from None
        self.pin(signed)

    def pin(self, signed: SignedPolicy) -> None:
        """Keep a verified policy as the one in force."""
        packed = pack_array(signed.body, signed.controller, signed.representative)
        with self._state.change():
            self._state.put("policy", packed)
            self._state.put(_agreed_name(sha256(signed.body)), packed)
        self._use_policy(signed)

    def _use_policy(self, signed: SignedPolicy) -> None:
        self.policy = verify_signed(signed, is_valid)
        self.policy_hash = PolicyHash(sha256(signed.body))

    def _confirm(self, name: str, confirmed: bytes, epoch: int) -> None:
        """Make a kept receipt the newest one, if it is the one confirmed; repeats are nothing."""
        signed = self.signed(name)
        if signed is None or receipt_hash(signed[0]) != confirmed:
            if confirmed == self.receipt_hash:
                return
            raise ProtocolError("The relay confirmed a receipt that this device did not send.")
        with self._state.change():
            self._state.put("receipt", pack_array(*signed))
            self._state.put("epoch", epoch)
            self._state.put(name, None)
        self._use_receipt(signed[0])

    def _use_receipt(self, body: bytes) -> None:
        self._receipt = parse_receipt(body)
        stored = self._state.get(_agreed_name(self._receipt.policy_hash))
        self._agreed = (
            None if stored is None else parse_policy(_signed_policy(unpack_array(stored)).body)
        )


def _agreed_name(policy_hash: bytes) -> str:
    """Name the fact that keeps a policy, since a receipt may name an older one."""
    return f"policy {policy_hash.hex()}"


def grants_of(names: Mapping[int, tuple[str, ...]]) -> dict[int, Signal]:
    """Return grants written with signal names as bits.

    Raises:
        InputError: A name is no signal.
    """
    try:
        return {app: signals_of(signals) for app, signals in names.items()}
    except KeyError:
        raise InputError("A granted signal has no such name. See protocol.md section 1.") from None


def _nothing(code: str, why: str) -> AccessError:
    return AccessError(f"Nothing may be recorded: {why}", code=code)


def _signed_policy(parts: list[object]) -> SignedPolicy:
    match parts:
        case [bytes() as body, bytes() as controller, bytes() as representative]:
            return SignedPolicy(body, controller, representative)
        case _:
            raise InputError("The device's state file is damaged. Enrol again with a new one.")
