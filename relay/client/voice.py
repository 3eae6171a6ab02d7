"""What a device says on its link, and what it makes of the answers (protocol.md section 5).

Owns hello, grant and withdrawal as frames, and every signed answer's way into the device's consent;
never touches a socket.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Final

from relay.client import wire
from relay.client.consenting import Consent
from relay.client.outbox import Outbox
from relay.client.state import State
from relay.consent.receipt import receipt_hash
from relay.errors import AccessError, ProtocolError
from relay.model import DeviceKey, DropReason, StreamId
from relay.protocol.transcript import device_hash, stream_id
from relay.vault.sign import SigningKey

SALT_BYTES: Final = 16


class Voice:
    """The owner of a device's link.

    Args:
        state: The device's memory.
        consent: What it was allowed.
        outbox: Its sealed batches.
        key: The device's signing key.
        clock: Returns ms since 1970.
    """

    def __init__(
        self,
        state: State,
        consent: Consent,
        outbox: Outbox,
        key: SigningKey,
        clock: Callable[[], int],
    ) -> None:
        self._state = state
        self._consent = consent
        self._outbox = outbox
        self._key = key
        self._clock = clock
        self.changed = asyncio.Event()
        self.refusal: AccessError | None = None

    @property
    def key(self) -> DeviceKey:
        """The device's public key, 32 bytes."""
        return DeviceKey(self._key.public)

    @property
    def salt(self) -> bytes:
        """The salt of the stream now written, 16 bytes."""
        return self._state.get("stream_salt") or b""

    @property
    def stream(self) -> StreamId:
        """Id of the stream now written."""
        return stream_id(self.key, self.salt)

    def hello(self, challenge: wire.Challenge, transport: int) -> bytes:
        """Return the signed hello for a challenge that came over this transport."""
        policy, receipt = self._consent.pinned, self._consent.receipt_hash
        signature = self._key.sign(
            "candor/v1/hello",
            challenge.nonce,
            policy.relay,
            policy.programme,
            self.stream,
            device_hash(self.key),
            receipt,
            self._consent.policy_hash,
            wire.VERSION,
            transport,
            None,
        )
        return wire.pack(
            wire.HELLO,
            self.key,
            self.salt,
            policy.programme,
            receipt,
            self._consent.policy_hash,
            wire.VERSION,
            transport,
            None,
            signature,
        )

    def welcomed(self, welcome: wire.Welcome) -> list[bytes] | None:
        """Take a welcome; return the control frames to send before any batch.

        Returns:
            None if the stream was changed, so that hello must be said anew.
        """
        if welcome.policy is not None:
            self._consent.adopt(welcome.policy)
        if self._state.get_int("last_seq") < welcome.resume:
            # An old copy of the state was restored: these numbers belong to other batches.
            self.start_stream()
            return None
        with self._state.change():
            self._state.put("welcome_ms", self._clock())
            self._state.put("stopped", None)
            self._state.settle(welcome.resume, [])
        if self._consent.signed("leaving") is not None:
            if self._state.get("withdraw_through") is None:
                self._state.put("withdraw_through", welcome.resume)
            self._state.drop(welcome.resume, DropReason.WITHDRAWN)
            return [self.withdrawal()]
        receipt = self._consent.signed("pending")
        if receipt is None and welcome.receipt != self._consent.receipt_hash:
            receipt = self._consent.signed("receipt")
        return [] if receipt is None else [wire.pack(wire.GRANT, *receipt)]

    def heard(self, message: wire.RelayMessage) -> None:
        """Take what the relay says about consent, policy and stopping."""
        match message:
            case wire.Granted():
                self._consent.confirm_grant(message, self.stream)
            case wire.Withdrawn():
                self._consent.confirm_withdrawal(message, self.stream)
                self._state.put("left", 1)
            case wire.Stop():
                self._state.put("stopped", message.reason.encode())
            case wire.NewPolicy():
                self._consent.adopt(message.policy)
            case wire.Refusal():
                if message.of == wire.GRANT:
                    self._state.put("pending", None)
                self.refusal = AccessError(
                    f"The relay refused message {message.of}: {message.reason}. See protocol.md "
                    "section 7.",
                    code=message.reason,
                )
            case _:
                raise ProtocolError("The relay sent a message that does not belong here.")
        self.changed.set()

    def settled_some(self) -> None:
        """Wake whoever waits for a change."""
        self.changed.set()

    def start_stream(self) -> None:
        """Begin a new stream; what the old one still held cannot be sent any more."""
        self._state.start_stream(os.urandom(SALT_BYTES))
        self._outbox.forget_keys()

    def withdrawal(self) -> bytes:
        """Return the frame that withdraws, from the kept receipt and `withdraw_through`."""
        body, signature = self._consent.signed("leaving") or (b"", b"")
        through = self._state.get_int("withdraw_through")
        proof = self._key.sign(
            "candor/v1/withdraw",
            self._consent.pinned.programme,
            self.stream,
            through,
            receipt_hash(body),
        )
        return wire.pack(wire.WITHDRAW, through, body, signature, proof)
