"""A TLS reverse proxy in front of the real apps, as companies put one there.

Owns one port; hands on requests and WebSockets by host name without changing them.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import aiohttp
from aiohttp import web

from tests.support.tls import Authority

T = TypeVar("T")

HOP_BY_HOP: Final = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
"""Headers that belong to one connection. Source: RFC 9110, section 7.6.1."""
HANDSHAKE: Final = "sec-websocket-"
LARGEST_BYTES: Final = 64 * 2**20


class Gateway:
    """Stands in front of apps that listen on the loopback address.

    Args:
        authority: Issues its certificate.
        backends: Port of each app by host name.
    """

    def __init__(self, authority: Authority, backends: dict[str, int]) -> None:
        self._backends = backends
        self._context = authority.server_context(*backends)
        self.asked: list[tuple[str, str, str]] = []
        """Method, host and path with query of each request, oldest first."""
        self.port = 0
        self._session: aiohttp.ClientSession
        self._runner: web.AppRunner
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)

    @property
    def hosts(self) -> dict[str, int]:
        """Return where each host is served, for the browser's resolver."""
        return dict.fromkeys(self._backends, self.port)

    def start(self) -> Gateway:
        """Serve on a free port."""
        self._thread.start()
        self._call(self._serve())
        return self

    def stop(self) -> None:
        """Stop serving and cut what is open."""
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=20)

    async def _serve(self) -> None:
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=10),
        )
        app = web.Application(client_max_size=LARGEST_BYTES)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        host = request.host.partition(":")[0]
        port = self._backends.get(host)
        if port is None:
            return web.Response(status=404, text="No app has this name.")
        self.asked.append((request.method, host, request.path_qs))
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._hand_on_socket(request, port)
        return await self._hand_on(request, port)

    async def _hand_on(self, request: web.Request, port: int) -> web.StreamResponse:
        async with self._session.request(
            request.method,
            f"http://127.0.0.1:{port}{request.raw_path}",
            headers=_end_to_end(request),
            data=await request.read(),
            allow_redirects=False,
        ) as answer:
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            for name, value in answer.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    response.headers.add(name, value)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    async def _hand_on_socket(self, request: web.Request, port: int) -> web.StreamResponse:
        wanted = request.headers.get("Sec-WebSocket-Protocol", "")
        protocols = tuple(name.strip() for name in wanted.split(",") if name.strip())
        async with self._session.ws_connect(
            f"http://127.0.0.1:{port}{request.raw_path}",
            headers=_end_to_end(request),
            protocols=protocols,
            max_msg_size=LARGEST_BYTES,
        ) as there:
            chosen = (there.protocol,) if there.protocol else ()
            here = web.WebSocketResponse(protocols=chosen, max_msg_size=LARGEST_BYTES)
            await here.prepare(request)
            ways = [asyncio.create_task(_pass(*ends)) for ends in ((here, there), (there, here))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            await here.close()
            return here


def _end_to_end(request: web.Request) -> list[tuple[str, str]]:
    """Return the headers that are meant for the app itself, its host name included."""
    return [
        (name, value)
        for name, value in request.headers.items()
        if name.lower() not in HOP_BY_HOP and not name.lower().startswith(HANDSHAKE)
    ] + [("X-Forwarded-Proto", "https")]


async def _pass(
    source: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
    target: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
) -> None:
    with contextlib.suppress(ConnectionError):
        async for message in source:
            if message.type is aiohttp.WSMsgType.TEXT:
                await target.send_str(message.data)
            elif message.type is aiohttp.WSMsgType.BINARY:
                await target.send_bytes(message.data)
