"""Who may open a session at all, before it begins.

Owns the Origin rule, how many there may be, the subprotocol and the bounds of the WebSocket layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web

from relay.model import MAX_FRAME_BYTES
from relay.web.problems import problem
from relay.web.relay import Relay
from relay.web.socket import CLOSE_TIMEOUT_S, Connection

log = structlog.get_logger()
SUBPROTOCOL: Final = "candor.v1"
PATH: Final = "/v1/stream"
_FIREFOX: Final = "moz-extension://"
_CHROMIUM: Final = "chrome-extension://"
_NEVER_WAIT: Final = 1 << 62
"""No write ever waits: `Connection` bounds what is unsent by itself."""


def origin_is_admitted(origin: str | None, extension_ids: Sequence[str]) -> bool:
    """Tell whether a browser's Origin header may open a stream (protocol.md section 3)."""
    if origin is None or origin.startswith(_FIREFOX):
        return True
    return origin.startswith(_CHROMIUM) and origin.removeprefix(_CHROMIUM) in extension_ids


Refusal = tuple[str, HTTPStatus, str]
"""Reason, status, and what happened in words."""


def refusal_of(relay: Relay, request: web.Request) -> Refusal | None:
    """Tell why this request may not open a session, whichever its transport."""
    if not origin_is_admitted(request.headers.get("Origin"), relay.settings.extension_ids):
        return (
            "origin",
            HTTPStatus.FORBIDDEN,
            "Web pages may not connect, only the extension and programs of the device.",
        )
    if relay.draining:
        return (
            "draining",
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The relay is about to restart. Come back in a moment.",
        )
    if len(relay.connections) >= relay.settings.max_connections:
        return full("The relay has as many connections as it may. Come back in a moment.")
    return None


def full(detail: str) -> Refusal:
    """Say that there is no room."""
    return ("full", HTTPStatus.SERVICE_UNAVAILABLE, detail)


def turn_away(relay: Relay, refusal: Refusal) -> web.Response:
    """Count a refusal and answer it."""
    reason, status, detail = refusal
    relay.metrics.turned_away(reason)
    log.info("connection.refused", reason=reason, status=int(status))
    return problem(status, reason, detail)


async def stream_handler(relay: Relay, request: web.Request) -> web.StreamResponse:
    """Open a connection, or say why not."""
    refused = _refusal(relay, request)
    if refused is not None:
        return turn_away(relay, refused)
    socket = web.WebSocketResponse(
        protocols=(SUBPROTOCOL,),
        compress=False,
        max_msg_size=MAX_FRAME_BYTES + 1,
        writer_limit=_NEVER_WAIT,
        timeout=CLOSE_TIMEOUT_S,
        decode_text=False,
    )
    try:
        await socket.prepare(request)
    except web.HTTPBadRequest:
        relay.metrics.turned_away("handshake")
        raise
    transport = request.transport
    if transport is None:
        return socket
    connection = Connection(relay, socket, transport)
    relay.connections.add(connection.conversation)
    relay.metrics.connections.set(len(relay.connections))
    try:
        # A task of its own: each frame then wakes it alone, not the handlers above it too.
        await relay.loop.create_task(connection.run())
    finally:
        relay.connections.discard(connection.conversation)
        relay.metrics.connections.set(len(relay.connections))
    return socket


def _refusal(relay: Relay, request: web.Request) -> Refusal | None:
    refused = refusal_of(relay, request)
    offered = request.headers.get("Sec-WebSocket-Protocol", "")
    if refused is not None and refused[0] == "origin":
        return refused
    if SUBPROTOCOL not in [name.strip() for name in offered.split(",")]:
        return (
            "subprotocol",
            HTTPStatus.BAD_REQUEST,
            f"This endpoint speaks the WebSocket subprotocol {SUBPROTOCOL} only. Offer it.",
        )
    return refused
