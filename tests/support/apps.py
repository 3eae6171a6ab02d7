"""Serves the demonstration's web apps by host name over TLS.

Owns one port and the pages' canaries; never talks to the relay.
"""

from __future__ import annotations

import asyncio
import mimetypes
import re
import threading
from collections.abc import Callable
from html import escape
from pathlib import Path

from aiohttp import web

from tests.support.canary import Canaries
from tests.support.tls import Authority

FOLDER = Path(__file__).resolve().parents[1] / "demo" / "apps"
CRM = "https://crm.corp.example"
WIKI = "https://wiki.corp.example"
MAIL = "https://mail.example"
HOSTS = ("crm.corp.example", "wiki.corp.example", "mail.example")
EXCLUDED = "/payroll"

_SLOT = re.compile(r"\{\{([a-z0-9.-]+)\}\}")


def _page(host: str, path: str) -> str:
    """Return which file answers this path of this host."""
    name = path.rsplit("/", 1)[-1]
    if name.endswith((".css", ".js")):
        return {"crm": "crm/", "wik": "wiki/", "mai": "mail/"}[host[:3]] + name
    if host.startswith("crm"):
        if path.startswith(EXCLUDED):
            return "crm/payroll.html"
        return "crm/notes.html" if path.startswith("/frame/") else "crm/index.html"
    if host.startswith("wiki"):
        return "wiki/edit.html" if path.startswith("/edit/") else "wiki/page.html"
    return "mail/mail.html"


class Apps:
    """Three web apps on one loopback port: the CRM, the wiki, and a webmail nobody approved.

    Args:
        authority: Issues their certificate.
        canaries: Fills the pages' content slots; without it they stay empty.
        extra: Pages of a test's own, by path, on every host.
    """

    def __init__(
        self,
        authority: Authority,
        canaries: Canaries | None = None,
        extra: dict[str, Callable[[web.Request], str]] | None = None,
    ) -> None:
        self._context = authority.server_context(*HOSTS, "localhost", "127.0.0.1")
        self.canaries = canaries
        self.extra = extra or {}
        self.visits: list[str] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="apps", daemon=True)

    @property
    def hosts(self) -> dict[str, int]:
        """Return where each host is served, for the browser's resolver."""
        return dict.fromkeys(HOSTS, self.port)

    def start(self) -> Apps:
        """Serve on a free port."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(timeout=20)
        return self

    def stop(self) -> None:
        """Stop serving."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(timeout=20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        host = request.host.partition(":")[0]
        if request.path == "/favicon.ico":
            return web.Response(status=204)
        if request.path in self.extra:
            self.visits.append(f"{host}{request.path}")
            text = self.extra[request.path](request)
            return web.Response(text=text, content_type="text/html")
        name = _page(host if host in HOSTS else HOSTS[0], request.path)
        path = FOLDER / name
        if not path.is_file():
            return web.Response(status=404, text="Not here.")
        kind = mimetypes.guess_type(name)[0] or "text/html"
        text = _SLOT.sub(lambda slot: escape(self._fill(slot[1])), path.read_text("utf-8"))
        response = web.Response(text=text, content_type=kind)
        if kind == "text/html":
            self.visits.append(f"{host}{request.path}")
            response.headers["Content-Security-Policy"] = (
                "default-src 'self'; style-src 'self' 'unsafe-inline'; base-uri 'none'"
            )
            response.set_cookie("session", self._fill(f"{host[:3]}.cookie"), secure=True)
        return response

    def _fill(self, slot: str) -> str:
        return self.canaries.text(slot) if self.canaries else ""
