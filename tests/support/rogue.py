"""A device that seals what it may not, to see who else stops it.

Owns the removal of the device's own checks; everything else is the honest device.
"""

from __future__ import annotations

import ssl

import msgspec

from relay.client import Device
from relay.consent.document import encode_key
from relay.model import Signal
from relay.vault.sign import SigningKey


class RogueDevice(Device):
    """A device without a conscience: it seals every signal in every app.

    Args:
        tls: From `tls_context`.
    """

    def __init__(self, *, tls: ssl.SSLContext) -> None:
        super().__init__(None, tls=tls)
        self.claims(Signal(255))

    def claims(self, signals: Signal) -> None:
        """Act from now on as if these signals were granted everywhere."""
        self.consent.allowed = lambda app, now_ms: signals  # type: ignore[method-assign]  # noqa: ARG005

    def forges(self, *, device: bytes, signer: SigningKey) -> None:
        """Write receipts in the name of a device, signed by whoever.

        Args:
            device: Public key the receipts name, 32 bytes.
            signer: Who signs them.
        """
        forger = SigningKey(signer.seed)
        forger.public = device
        self.consent._device = forger  # noqa: SLF001 - nothing honest needs this door

    def seals_to(self, *, inner: bytes) -> None:
        """Seal from now on to another inner key than the policy names.

        Args:
            inner: X-Wing public key, 1216 bytes.
        """
        keys = msgspec.structs.replace(self.policy.keys, inner=encode_key(inner))
        self.consent.policy = msgspec.structs.replace(self.policy, keys=keys)
