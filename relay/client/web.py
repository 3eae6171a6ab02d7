"""HTTPS requests to a relay: fetching policies and notices, and signed reading.

Owns transport and status codes only; never verifies what came and follows no redirect.
"""

from __future__ import annotations

import http.client
import json
import ssl
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from relay.consent.origins import is_loopback, origin_fault
from relay.errors import AccessError, CandorError, InputError

_TIMEOUT_S: Final = 30.0
_MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
_OK: Final = 200
_SERVER_FAULT: Final = 500
_MAX_DETAIL_CHARS: Final = 300
_ADVICE: Final = {
    9: "The relay's certificate is not valid yet. Check this computer's clock; if it is right, "
    "tell whoever runs the relay.",
    10: "The relay's certificate has expired. Check this computer's clock; if it is right, whoever "
    "runs the relay has to renew the certificate.",
    62: "The relay's certificate is for another host name. Check the address; if it is right, "
    "whoever runs the relay needs a certificate with this name.",
    64: "The relay's certificate is for another address. Use the host name that it is for.",
}
"""What to do, by `verify_code` of X509_verify_cert_error_string(3)."""
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"})


def tls_context(cafile: Path | None = None) -> ssl.SSLContext:
    """Return a context that checks names and certificates.

    Args:
        cafile: PEM file of the only authorities to trust; the system's where absent.

    Raises:
        InputError: The file cannot be used.
    """
    try:
        return ssl.create_default_context(cafile=cafile)
    except (OSError, ssl.SSLError):
        raise InputError(
            "The file of trusted authorities cannot be read as PEM certificates. Check --cafile."
        ) from None


class Web:
    """A relay's HTTPS side, over one connection that is kept; not for use by several threads.

    Args:
        origin: Such as "https://candor.corp.example"; http only ever reaches loopback.
        tls: From `tls_context`; the system's authorities where absent.

    Raises:
        InputError: The origin is none.
    """

    def __init__(self, origin: str, tls: ssl.SSLContext | None = None) -> None:
        exact = origin.rstrip("/")
        if origin_fault(exact, demo=is_loopback(exact)) is not None:
            raise InputError(
                "A relay's address looks like https://candor.corp.example, with nothing after it; "
                "http is only for this computer."
            )
        parts = urlsplit(exact)
        host = parts.hostname or ""
        self.origin = exact
        self._connection = (
            http.client.HTTPSConnection(
                host, parts.port, timeout=_TIMEOUT_S, context=tls or tls_context()
            )
            if parts.scheme == "https"
            else http.client.HTTPConnection(host, parts.port, timeout=_TIMEOUT_S)
        )
        weakref.finalize(self, self._connection.close)

    def get(self, path: str) -> bytes:
        """Fetch a public document.

        Raises:
            AccessError: The relay does not have it.
            CandorError: The relay cannot be reached or fails; retryable.
        """
        return self._exchange("GET", path, None, {})

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Send a msgpack body and return the answer's.

        Raises:
            AccessError: The relay refuses the request.
            CandorError: The relay cannot be reached or fails; retryable.
        """
        return self._exchange(
            "POST", path, body, {"Content-Type": "application/msgpack", **headers}
        )

    def ask(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Send a msgpack body; return the status, whatever it is, and the answer's body.

        Raises:
            AccessError: The relay's certificate is not trusted.
            CandorError: The relay cannot be reached; retryable.
        """
        return self._answered("POST", path, body, {"Content-Type": "application/msgpack"})

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> bytes:
        status, answer = self._answered(method, path, body, headers)
        if status == _OK:
            return answer
        message = f"The relay answered {status}{_detail(answer)}"
        if status >= _SERVER_FAULT:
            raise CandorError(message, code="relay_failed", retryable=True)
        raise AccessError(message, code="relay_refused")

    def _answered(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        try:
            try:
                response, answer = self._request(method, path, body, headers)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                # The kept connection was closed meanwhile, or the relay restarted.
                self._connection.close()
                response, answer = self._request(method, path, body, headers)
        except ssl.SSLCertVerificationError as error:
            self._connection.close()
            raise AccessError(
                _ADVICE.get(
                    error.verify_code,
                    "The relay's certificate is not from a trusted authority. If your company has "
                    "its own, name its file with --cafile.",
                ),
                code="untrusted_relay",
            ) from None
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise CandorError(
                f"The relay at {self.origin} {self._trouble(error)}",
                code="relay_unreachable",
                retryable=True,
            ) from None
        return response.status, answer

    def _trouble(self, error: Exception) -> str:
        """Say why there was no answer, and what to do."""
        if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
            return "does not use TLS. Give its address with http:// or set up its certificate."
        # A relay with TLS answers plain HTTP with a TLS alert, or hangs up.
        answered = isinstance(error, http.client.HTTPException | ConnectionResetError)
        if answered and self.origin.startswith("http://"):
            return "does not answer plain HTTP. Give its address with https:// if it uses TLS."
        return "cannot be reached. Check the address and the network."

    def _request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        self._connection.request(method, path, body=body, headers=dict(headers))
        response = self._connection.getresponse()
        answer = response.read(_MAX_ANSWER_BYTES)
        if not response.isclosed():
            self._connection.close()
        return response, answer


def _detail(answer: bytes) -> str:
    """Take the explanation out of an RFC 9457 problem, if there is one fit to print."""
    try:
        problem = json.loads(answer)
    except ValueError:
        return "."
    detail = problem.get("detail") if isinstance(problem, dict) else None
    if isinstance(detail, str) and detail.isprintable() and len(detail) <= _MAX_DETAIL_CHARS:
        return f": {detail}"
    return "."
