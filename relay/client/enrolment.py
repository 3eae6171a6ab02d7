"""The enrolment string: one line by which a person joins a programme (protocol.md section 2).

Owns its form; whether the code is good only the relay can say.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final, NamedTuple

from relay.client.codec import pack_array, unpack_array
from relay.consent.origins import is_loopback, origin_fault
from relay.errors import InputError, ProtocolError

_WHITE_SPACE: Final = (
    "\t\n\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What the extension's language trims, a byte order mark included."""
_PREFIX: Final = "candor1."
_MAX_CHARS: Final = 1_024
_MAX_ORIGIN_BYTES: Final = 255
_FINGERPRINT_BYTES: Final = 32
_CODE_BYTES: Final = 16
_SIGNATURE_BYTES: Final = 64


class Enrolment(NamedTuple):
    """What the string says."""

    relay: str
    fingerprint: bytes
    code: bytes
    code_signature: bytes

    def __repr__(self) -> str:
        """Name the relay without the single-use code."""
        return f"Enrolment(relay={self.relay!r})"


def parse_enrolment(text: str) -> Enrolment:
    """Read an enrolment string; white space around it, as pasting leaves it, is ignored.

    Raises:
        InputError: It is not a whole enrolment string.
    """
    line = text.strip(_WHITE_SPACE)
    if not line.startswith(_PREFIX) or len(line) > _MAX_CHARS:
        raise _unusable()
    encoded = line.removeprefix(_PREFIX)
    try:
        packed = base64.b64decode(encoded + "=" * (-len(encoded) % 4), b"-_", validate=True)
        parts = unpack_array(packed)
    except (binascii.Error, ValueError, ProtocolError):
        raise _unusable() from None
    if base64.urlsafe_b64encode(packed).rstrip(b"=").decode() != encoded:
        raise _unusable()
    match parts:
        case [str() as relay, bytes() as fingerprint, bytes() as code, bytes() as signature] if (
            len(relay.encode()) <= _MAX_ORIGIN_BYTES
            and origin_fault(relay, demo=is_loopback(relay)) is None
            and len(fingerprint) == _FINGERPRINT_BYTES
            and len(code) == _CODE_BYTES
            and len(signature) == _SIGNATURE_BYTES
            and pack_array(*parts) == packed
        ):
            return Enrolment(relay, fingerprint, code, signature)
        case _:
            raise _unusable()


def _unusable() -> InputError:
    return InputError(
        "This is not a whole enrolment string. It begins with candor1. and is one line; copy it "
        "again from the message of your representative.",
        code="enrolment_malformed",
    )
