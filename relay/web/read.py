"""Signed reading requests of the two key holders (protocol.md section 9).

Owns who may ask and the form of requests; sees nothing but sealed rows.
"""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Final, TypeVar

import msgspec
import structlog
from aiohttp import web
from msgspec import Meta

from relay.consent.policy import day_number
from relay.errors import AccessError, ProtocolError
from relay.model import SegmentId, StreamId
from relay.protocol.messages import Bin16, Bin32, Int, Message
from relay.vault.sign import is_valid
from relay.web.problems import read_body
from relay.web.relay import Relay

T = TypeVar("T", bound="_Request")
log = structlog.get_logger()
MAX_CLOCK_SKEW_MS: Final = 120_000
KEY_OF_ROLE: Final = {"representative": "representative", "research": "requests"}
_RESEARCH: Final = "research"

Limit = Annotated[int, Meta(ge=1, le=500)]
DayText = Annotated[str, Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
App = Annotated[int, Meta(ge=1, le=65_535)]


class _Request(Message, frozen=True):
    """What every reading request begins with."""

    now_ms: Int
    nonce: Bin16


class _Segments(_Request, frozen=True):
    apps: Annotated[list[App], Meta(min_length=1, max_length=1_000)]
    first_day: DayText
    last_day: DayText
    after: Int
    limit: Limit


class _Receipts(_Request, frozen=True):
    hashes: Annotated[list[Bin32], Meta(max_length=500)]


class _Batches(_Request, frozen=True):
    stream: Bin32
    segment: Bin16
    after: Int
    limit: Limit


_SEGMENTS: msgspec.msgpack.Decoder[_Segments] = msgspec.msgpack.Decoder(_Segments)
_RECEIPTS: msgspec.msgpack.Decoder[_Receipts] = msgspec.msgpack.Decoder(_Receipts)
_BATCHES: msgspec.msgpack.Decoder[_Batches] = msgspec.msgpack.Decoder(_Batches)


class ReadApi:
    """The reading routes of one relay."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._seen: set[bytes] = set()
        self._seen_order: deque[tuple[int, bytes]] = deque()

    def routes(self) -> list[web.RouteDef]:
        """Return every route."""
        return [
            web.post("/v1/read/segments", self.segments),
            web.post("/v1/read/receipts", self.receipts),
            web.post("/v1/read/batches", self.batches),
        ]

    async def segments(self, request: web.Request) -> web.Response:
        """Answer the headers and sealed roots of segments."""
        role, asked = await self._admit(request, _SEGMENTS)
        first_day, last_day = day_number(asked.first_day), day_number(asked.last_day)
        return await self._answer(
            lambda: self._relay.reading.segments(
                asked.apps,
                first_day,
                last_day,
                after=asked.after,
                limit=asked.limit,
                with_salts=role == _RESEARCH,
            )
        )

    async def receipts(self, request: web.Request) -> web.Response:
        """Answer receipts, so that readers verify consent themselves."""
        _, asked = await self._admit(request, _RECEIPTS)
        return await self._answer(lambda: self._relay.reading.receipts(asked.hashes))

    async def batches(self, request: web.Request) -> web.Response:
        """Answer the sealed batches of one segment, to researchers only."""
        role, asked = await self._admit(request, _BATCHES)
        if role != _RESEARCH:
            raise AccessError(
                "Sealed batches go to the research role only. Use the key named `requests`.",
                code="role_refused",
            )
        return await self._answer(
            lambda: self._relay.reading.batches(
                StreamId(asked.stream),
                SegmentId(asked.segment),
                after=asked.after,
                limit=asked.limit,
            )
        )

    async def _admit(
        self, request: web.Request, decoder: msgspec.msgpack.Decoder[T]
    ) -> tuple[str, T]:
        """Return the role and the request if its holder signed it just now for this relay."""
        current = self._relay.current
        role = request.headers.get("Candor-Role", "")
        if current is None or role not in KEY_OF_ROLE:
            raise AccessError(
                "Only the roles representative and research read, and only once a policy names "
                "their keys. Set the header Candor-Role.",
                code="role_refused",
            )
        body = await read_body(request)
        signature = _decode(request.headers.get("Candor-Signature", ""))
        key = current.policy.key(KEY_OF_ROLE[role])
        parts = (current.policy.relay, role, request.path, body)
        if not is_valid(key, signature, "candor/v1/read", *parts):
            raise AccessError(
                f"The request is not signed by the {role} key of the policy in force. Sign it "
                "with that key, for this relay's origin.",
                code="bad_signature",
            )
        asked = _read(decoder, body)
        self._check_fresh(asked)
        log.info("reading.admitted", code=request.path.rpartition("/")[2])
        return role, asked

    def _check_fresh(self, asked: _Request) -> None:
        """Refuse an old request and one that was seen before."""
        now = self._relay.now_ms()
        while self._seen_order and self._seen_order[0][0] < now - 2 * MAX_CLOCK_SKEW_MS:
            self._seen.discard(self._seen_order.popleft()[1])
        if abs(asked.now_ms - now) > MAX_CLOCK_SKEW_MS:
            raise AccessError(
                "The request's clock is more than two minutes away from the relay's. Set the "
                "clock and sign anew.",
                code="clock",
            )
        if asked.nonce in self._seen:
            raise AccessError(
                "This request was answered before. Sign a new one with a new nonce.",
                code="replayed",
            )
        self._seen.add(asked.nonce)
        self._seen_order.append((now, asked.nonce))

    async def _answer(self, fetch: Callable[[], object]) -> web.Response:
        relay = self._relay
        rows = await relay.loop.run_in_executor(relay.readers, fetch)
        return web.Response(
            status=HTTPStatus.OK,
            body=msgspec.msgpack.encode(rows),
            content_type="application/msgpack",
        )


def _read(decoder: msgspec.msgpack.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    raise ProtocolError("The request's body is not as protocol.md section 9 says. Mend it.")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
