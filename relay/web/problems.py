"""Errors as HTTP answers (RFC 9457) and as close codes.

Owns the mapping and its one JSON shape; writes no error text of its own but for HTTP's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web

from relay.errors import (
    AccessError,
    CandorError,
    InputError,
    PolicyError,
    ProtocolError,
    SignatureError,
    StoreError,
)
from relay.protocol.effects import Fault

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = structlog.get_logger()
CONTENT_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 5
BODY_TIMEOUT_S: Final = 10.0
STATUS_OF: Final[dict[type[CandorError], HTTPStatus]] = {
    PolicyError: HTTPStatus.UNPROCESSABLE_ENTITY,
    InputError: HTTPStatus.BAD_REQUEST,
    ProtocolError: HTTPStatus.BAD_REQUEST,
    SignatureError: HTTPStatus.FORBIDDEN,
    AccessError: HTTPStatus.FORBIDDEN,
    StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
    CandorError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""HTTP status by the nearest class."""


def status_of(error: CandorError) -> HTTPStatus:
    """Return the HTTP status of an error."""
    return next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)


def fault_of(error: CandorError) -> Fault:
    """Return the close code of an error."""
    return Fault(error.close_code) if isinstance(error, ProtocolError) else Fault.UNAVAILABLE


def problem(status: HTTPStatus, code: str, detail: str) -> web.Response:
    """Return a problem document.

    Args:
        status: HTTP status.
        code: Stable machine name.
        detail: What happened, why, what to do next.

    Source: RFC 9457, section 3.
    """
    response = web.json_response(
        {
            "type": "about:blank",
            "title": status.phrase,
            "status": int(status),
            "detail": detail,
            "code": code,
        },
        status=status,
        content_type=CONTENT_TYPE,
    )
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


async def read_body(request: web.Request) -> bytes:
    """Return a request's body, if it comes soon.

    Raises:
        AccessError: It did not.
    """
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await request.read()
    except TimeoutError:
        raise AccessError(
            "The request's body did not come in time. Send it at once.", code="body_late"
        ) from None


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error as a problem document."""
    try:
        return await handler(request)
    except CandorError as error:
        status = status_of(error)
        log.info("request.refused", status=int(status), code=error.code)
        return problem(status, error.code, str(error))
    except web.HTTPException as error:
        status = HTTPStatus(error.status)
        code = status.name.lower()
        return problem(status, code, f"{status.phrase}. See protocol.md for what is served here.")
    except (ConnectionError, web.RequestPayloadError):
        log.info("request.cut_off")
        status = HTTPStatus.BAD_REQUEST
        return problem(status, "cut_off", "The request ended before its body did. Send it again.")
    except Exception as error:  # noqa: BLE001 - the request boundary
        log.critical("request.failed", code=type(error).__name__)
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return problem(
            status, "internal", "The relay failed at this request. Its log names the error."
        )
