"""Sealing and opening: X-Wing HPKE for root keys, padded AES-256-GCM for batches.

Owns the cryptographic operations of protocol.md section 10; never fetches keys and never writes
plaintext anywhere.
"""

from __future__ import annotations

import hashlib
import os
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from relay.errors import SignatureError

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_MLKEM_PUBLIC_BYTES = 1184
PUBLIC_KEY_BYTES = 1216
KEY_BYTES = 32
NONCE_BYTES = 12
MIN_PADDED_BYTES = 256
_LENGTH_BYTES = 4


class OpeningKey:
    """An X-Wing private key, which opens what was sealed to its public key.

    Args:
        seed: The 32-byte X-Wing seed; `OpeningKey.generate` draws it.

    Source: draft-connolly-cfrg-xwing-kem, section 5.2 (key derivation by SHAKE256).
    """

    def __init__(self, seed: bytes) -> None:
        if len(seed) != KEY_BYTES:
            msg = "An X-Wing seed has 32 bytes. The key file is damaged; restore it from its copy."
            raise SignatureError(msg, code="key_invalid")
        self.seed = seed
        expanded = hashlib.shake_256(seed).digest(96)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
        self._key = MLKEM768X25519PrivateKey(mlkem, x25519)
        self.public: bytes = (
            mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        )

    @classmethod
    def generate(cls) -> OpeningKey:
        """Draw a new key from the system's randomness."""
        return cls(os.urandom(KEY_BYTES))

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """Open what `seal` made for this key under the same info.

        Raises:
            SignatureError: It was sealed to another key, under other info, or was changed.
        """
        try:
            return _SUITE.decrypt(sealed, self._key, info=info)
        except (InvalidTag, ValueError):
            msg = "This was not sealed to this key, or was changed on the way. It stays sealed."
            raise SignatureError(msg, code="unopenable") from None

    def __repr__(self) -> str:
        """Name the key without its secret."""
        return "OpeningKey(…)"


def seal(public_key: bytes, info: bytes, plaintext: bytes) -> bytes:
    """Seal plaintext to an X-Wing public key of 1216 bytes.

    Returns:
        1120 + len(plaintext) + 16 bytes: enc, then ciphertext.

    Raises:
        SignatureError: The public key is malformed.
    """
    try:
        key = MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public_key[:_MLKEM_PUBLIC_BYTES]),
            X25519PublicKey.from_public_bytes(public_key[_MLKEM_PUBLIC_BYTES:]),
        )
    except ValueError:
        msg = (
            "This is no X-Wing public key (1216 bytes). Take it again from its holder's .pub file."
        )
        raise SignatureError(msg, code="key_invalid") from None
    return _SUITE.encrypt(plaintext, key, info=info)


def is_public_key(public_key: bytes) -> bool:
    """Tell whether these bytes can be sealed to."""
    try:
        seal(public_key, b"", b"")
    except SignatureError:
        return False
    return True


def frame_key(root: bytes, salt: bytes) -> bytes:
    """Derive a segment's 32-byte frame key from its root key and its shred salt."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=b"candor/v1/frame").derive(
        root
    )


def padded_length(length: int) -> int:
    """Return the Padmé size for `length` bytes, at least 256.

    Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files", PETS 2019, section 4.
    """
    size = max(length, MIN_PADDED_BYTES)
    exponent = size.bit_length() - 1
    step = 1 << (exponent - exponent.bit_length())
    return -(-size // step) * step


def pad(plaintext: bytes) -> bytes:
    """Prefix the length (u32) and append zeros up to the Padmé size."""
    body = struct.pack(">I", len(plaintext)) + plaintext
    return body.ljust(padded_length(len(body)), b"\0")


def unpad(padded: bytes) -> bytes:
    """Undo `pad`.

    Raises:
        SignatureError: The length or the padding is not what `pad` makes.
    """
    if len(padded) >= _LENGTH_BYTES:
        end = _LENGTH_BYTES + struct.unpack(">I", padded[:_LENGTH_BYTES])[0]
        if end <= len(padded) == padded_length(end) and not any(padded[end:]):
            return padded[_LENGTH_BYTES:end]
    msg = "The padding of an opened batch is malformed. The batch is dropped and counted."
    raise SignatureError(msg, code="padding_malformed")


def seal_batch(key: bytes, nonce: bytes, binding: bytes, plaintext: bytes) -> bytes:
    """Pad and encrypt one batch.

    Args:
        key: The segment's frame key, 32 bytes.
        nonce: 12 random bytes, never used twice with one key.
        binding: `transcript.batch_binding` of its header.
        plaintext: Encoded columns.
    """
    return AESGCM(key).encrypt(nonce, pad(plaintext), binding)


def open_batch(key: bytes, nonce: bytes, binding: bytes, ciphertext: bytes) -> bytes:
    """Decrypt and unpad one batch.

    Raises:
        SignatureError: Wrong key or header, or the bytes were changed.
    """
    try:
        padded = AESGCM(key).decrypt(nonce, ciphertext, binding)
    except (InvalidTag, ValueError):
        msg = "A sealed batch does not open under its own header. It is dropped and counted."
        raise SignatureError(msg, code="unopenable") from None
    return unpad(padded)
