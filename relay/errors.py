"""Every error Candor raises, as one tree.

CandorError
├── InputError          what a person or a file said cannot be used
│   ├── PolicyError     a policy or notice breaks a rule
│   ├── ReceiptError    a consent receipt breaks a rule
│   ├── ColumnsError    opened columns break a bound
│   └── SettingsError   a setting is unknown, missing or out of range
├── ProtocolError       the peer broke the protocol; carries the close code
├── SignatureError      a signature or sealed value does not verify
├── AccessError         the asker may not have this
└── StoreError          storage failed; `retryable` says whether for a while

Refusals of batches are values (`model.Refused`), not errors. Only `web` and `cli` turn errors into
close codes, HTTP problems and exit codes. Messages say what happened, why, and what to do next;
they never quote payload.
"""

from __future__ import annotations

from typing import ClassVar


class CandorError(Exception):
    """Base of all errors.

    Args:
        message: What happened, why, what to do next; fit to be shown to anyone.
        code: Stable machine name; the class's own where absent.
        retryable: Whether the same call may succeed later unchanged.
    """

    default_code: ClassVar[str] = "error"

    def __init__(self, message: str, *, code: str | None = None, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.retryable = retryable


class InputError(CandorError):
    """What a person or a file said cannot be used."""

    default_code = "input"


class PolicyError(InputError):
    """A policy or notice breaks a rule."""

    default_code = "policy"


class ReceiptError(InputError):
    """A consent receipt breaks a rule; `code` is the refusal reason of protocol.md section 7."""

    default_code = "receipt_malformed"


class ColumnsError(InputError):
    """Opened columns break a type, bound or length."""

    default_code = "columns"


class SettingsError(InputError):
    """A setting is unknown, missing or out of range."""

    default_code = "settings"


class ProtocolError(CandorError):
    """The peer broke the protocol.

    Args:
        message: What the peer did.
        close_code: WebSocket close code of protocol.md section 6.
        code: Its name.
    """

    default_code = "malformed"

    def __init__(self, message: str, *, close_code: int = 4400, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.close_code = close_code


class SignatureError(CandorError):
    """A signature or sealed value does not verify."""

    default_code = "bad_signature"


class AccessError(CandorError):
    """The asker may not have this."""

    default_code = "access"


class StoreError(CandorError):
    """Storage failed; `retryable` says whether for a while."""

    default_code = "store"
