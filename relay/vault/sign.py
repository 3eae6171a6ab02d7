"""Ed25519 signatures over labelled transcripts; the only place that signs or verifies.

Never sees content and never decides what a valid signature permits.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from relay.errors import SignatureError
from relay.protocol.transcript import Part, transcript


class SigningKey:
    """An Ed25519 private key that signs transcripts.

    Args:
        seed: 32 bytes; `SigningKey.generate` draws them.
    """

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public: bytes = self._key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> SigningKey:
        """Draw a new key from the system's randomness."""
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes, for the holder's key file only."""
        return self._key.private_bytes_raw()

    def sign(self, label: str, *parts: Part) -> bytes:
        """Return the 64-byte signature over the transcript of label and parts."""
        return self._key.sign(transcript(label, *parts))

    def __repr__(self) -> str:
        """Name the key without its secret."""
        return f"SigningKey({self.public.hex()[:8]}…)"


def is_valid(public_key: bytes, signature: bytes, label: str, *parts: Part) -> bool:
    """Tell whether `signature` is this key's over label and parts; malformed input is not."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, transcript(label, *parts))
    except (InvalidSignature, ValueError):
        return False
    return True


def verify(public_key: bytes, signature: bytes, label: str, *parts: Part) -> None:
    """Check a signature; go on only if this returns.

    Raises:
        SignatureError: The signature is not this key's over label and parts.
    """
    if not is_valid(public_key, signature, label, *parts):
        raise SignatureError(
            f"The signature for {label} does not verify. Check which key signed and that no byte "
            "changed."
        )
