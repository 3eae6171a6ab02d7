"""Putting the routes of one relay together, and listening.

Owns the sockets it listens on and the order of stopping.
"""

from __future__ import annotations

import ssl
from functools import partial
from typing import Final

from aiohttp import web

from relay.web.admission import PATH, stream_handler
from relay.web.api import Api
from relay.web.download import Download
from relay.web.exchange import Exchanges
from relay.web.problems import problems
from relay.web.read import ReadApi
from relay.web.relay import Relay

MAX_BODY_BYTES: Final = 262_144
BACKLOG: Final = 4_096
"""Connections the system may hold ready; the kernel's own limit applies too."""
_SHUTDOWN_S: Final = 1.0


def make_app(relay: Relay) -> web.Application:
    """Return the application of a relay."""
    app = web.Application(middlewares=[problems], client_max_size=MAX_BODY_BYTES)
    app.router.add_get(PATH, partial(stream_handler, relay))
    app.add_routes(Exchanges(relay).routes())
    app.add_routes(Api(relay).routes())
    app.add_routes(ReadApi(relay).routes())
    app.add_routes(Download(relay.settings).routes())
    return app


class Listener:
    """A relay that listens.

    Args:
        relay: Already open.
        tls: Where absent, plain HTTP.
    """

    def __init__(self, relay: Relay, tls: ssl.SSLContext | None) -> None:
        self._relay = relay
        self._tls = tls
        self._runner = web.AppRunner(
            make_app(relay),
            access_log=None,
            handle_signals=False,
            keepalive_timeout=relay.settings.hello_timeout_s,
            shutdown_timeout=_SHUTDOWN_S,
        )
        self._site: web.TCPSite | None = None

    async def start(self) -> int:
        """Listen, and return the real port."""
        settings = self._relay.settings
        await self._runner.setup()
        self._site = web.TCPSite(
            self._runner, settings.host, settings.port, ssl_context=self._tls, backlog=BACKLOG
        )
        await self._site.start()
        port: int = self._runner.addresses[0][1]
        return port

    async def stop(self) -> None:
        """Accept nothing more, drain the relay, close everything."""
        if self._site is not None:
            await self._site.stop()
        await self._relay.drain()
        await self._runner.cleanup()
        await self._relay.close()
