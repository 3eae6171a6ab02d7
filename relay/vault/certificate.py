"""When a relay's certificate is valid.

Owns reading its days; never judges who issued it, which is for those who connect.
"""

from __future__ import annotations

import datetime as dt

import msgspec
from cryptography import x509

from relay.errors import InputError


class Days(msgspec.Struct, frozen=True):
    """First and last moment at which a certificate is valid, in UTC."""

    first: dt.datetime
    last: dt.datetime


def certificate_days(chain: bytes) -> Days:
    """Return when the first certificate of a chain is valid.

    Args:
        chain: PEM, the server's own certificate first.

    Raises:
        InputError: It is no PEM certificate.
    """
    try:
        own = x509.load_pem_x509_certificates(chain)[0]
    except (ValueError, IndexError):
        raise InputError("This is no PEM certificate. Check the path.") from None
    return Days(own.not_valid_before_utc, own.not_valid_after_utc)
