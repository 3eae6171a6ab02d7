"""One HTTPS request from a holder's machine to the relay.

Owns reaching the relay and reading its refusals; never retries and never follows a redirect.
"""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path

from relay.consent.origins import host_of, is_loopback
from relay.errors import AccessError, CandorError, InputError

TIMEOUT_S = 30
_MAX_ANSWER_BYTES = 1_048_576
_REFUSED = 400
_FAILED = 500


def post(relay: str, path: str, body: bytes, cafile: Path | None) -> bytes:
    """Send one POST and return the answer's body.

    Args:
        relay: Exact origin; http only to loopback.
        path: Such as "/v1/policy".
        body: msgpack.
        cafile: PEM file of authorities to trust instead of the system's.

    Raises:
        InputError: The authorities cannot be read, or http would leave this computer.
        AccessError: The relay refused; its own words are quoted.
        CandorError: The relay cannot be reached or failed; retryable.
    """
    connection = _connection(relay, cafile)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/msgpack"})
        answer = connection.getresponse()
        data = answer.read(_MAX_ANSWER_BYTES)
    except ssl.SSLCertVerificationError as error:
        raise CandorError(
            f"The certificate of {relay} is not trusted: {error.verify_message}. Give its "
            "authority with --cafile.",
            code="certificate_untrusted",
        ) from None
    except (OSError, http.client.HTTPException) as error:
        what = getattr(error, "strerror", None) or type(error).__name__
        raise CandorError(
            f"The relay {relay} cannot be reached: {what}. Check that `candor serve` runs there.",
            code="relay_unreachable",
            retryable=True,
        ) from None
    finally:
        connection.close()
    if answer.status >= _FAILED:
        raise CandorError(
            f"The relay failed with status {answer.status}. Try again; its log says why.",
            code="relay_failed",
            retryable=True,
        )
    if answer.status >= _REFUSED:
        title, code = _problem(data)
        raise AccessError(f"The relay refused: {title}", code=code)
    return data


def _connection(relay: str, cafile: Path | None) -> http.client.HTTPConnection:
    scheme, _, authority = relay.partition("://")
    host, port = host_of(relay).strip("[]"), None
    suffix = authority.removeprefix(host_of(relay))
    if suffix.startswith(":"):
        port = int(suffix[1:])
    if scheme == "http" and is_loopback(relay):
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    if scheme != "https":
        raise InputError(f"{relay} is not reached over TLS. Use its https:// origin.")
    try:
        context = ssl.create_default_context(cafile=cafile)
    except (OSError, ssl.SSLError):
        raise InputError(f"{cafile} is no PEM file of authorities. Check the path.") from None
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)


def _problem(data: bytes) -> tuple[str, str]:
    """Return what an RFC 9457 answer says, and its code."""
    try:
        problem = json.loads(data)
        said = problem.get("detail") or problem["title"]
        return str(said), str(problem.get("code", "refused"))
    except (ValueError, KeyError, AttributeError):
        return "it gave no reason. Its log says more.", "refused"
