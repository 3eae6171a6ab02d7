"""Enrolment strings: what a person pastes once to enrol a device (protocol.md section 2).

Owns issuing; never stores a code and never learns who uses one.
"""

from __future__ import annotations

import base64
import os

import msgspec

from relay.protocol.transcript import fingerprint
from relay.vault.sign import SigningKey

PREFIX = "candor1."
LABEL = "candor/v1/code"
CODE_BYTES = 16


def new_code() -> bytes:
    """Draw a single-use code of 128 bits."""
    return os.urandom(CODE_BYTES)


def enrolment_string(
    code: bytes,
    *,
    programme: str,
    relay: str,
    controller_key: bytes,
    representative_key: bytes,
    signer: SigningKey,
) -> str:
    """Return the string that enrols one device.

    Args:
        code: From `new_code`.
        programme: Name of the programme.
        relay: The relay's origin, as the policy names it.
        controller_key: The controller's policy key, 32 bytes.
        representative_key: The representative's policy key, 32 bytes.
        signer: The code-issuing key.
    """
    packed = msgspec.msgpack.encode(
        [
            relay,
            fingerprint(controller_key, representative_key),
            code,
            signer.sign(LABEL, programme, code),
        ]
    )
    return PREFIX + base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
