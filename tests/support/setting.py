"""A whole setting: authority, apps, relay behind a recording proxy, one person's browser.

Owns the order in which these start and stop; what happens between is the test's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from playwright.sync_api import Playwright

from tests.support.apps import CRM, WIKI, Apps
from tests.support.browser import SHIPPED, Browser, Look
from tests.support.canary import Canaries
from tests.support.proxy import Proxy
from tests.support.readers import Reading
from tests.support.relay import Relay
from tests.support.tls import Authority

SIGNALS = (
    "pointer",
    "click",
    "hover",
    "typing",
    "key_timing",
    "scroll",
    "attention",
    "navigation",
)


def _recording(authority: Authority) -> Proxy:
    return Proxy(authority, target_port=0)


@dataclass(frozen=True)
class Programme:
    """What differs between settings.

    Args:
        apps: Origins the policy approves, numbered from 1.
        granted: Origins for which the browser's prompt counts as answered with yes.
        changes: Texts of the drafted policy and what replaces each.
        serve: What is started instead of `python -m relay`; only a sabotage needs it.
        extension: Folder of the built extension.
        pages: Pages of a test's own, by path, served on every host.
        proxy: Makes what stands on the relay's origin.
    """

    apps: Sequence[str] = (CRM, WIKI)
    granted: Sequence[str] = (CRM, WIKI)
    changes: Sequence[tuple[str, str]] = ()
    serve: Sequence[str] = ("-m", "relay")
    extension: Path = SHIPPED
    pages: tuple[tuple[str, Callable[[web.Request], str]], ...] = ()
    proxy: Callable[[Authority], Proxy] = _recording


class Setting:
    """Everything one end-to-end test needs, really running.

    Args:
        folder: An empty folder; everything goes below it.
        seed: For the canaries.
        programme: What differs from the usual setting.
    """

    def __init__(self, folder: Path, *, seed: int = 1, programme: Programme | None = None) -> None:
        self.folder = folder
        self.programme = programme or Programme()
        self.canaries = Canaries(seed)
        self.authority = Authority(folder / "authority")
        self.apps = Apps(self.authority, self.canaries, dict(self.programme.pages))
        self.proxy = self.programme.proxy(self.authority)
        self._stack = contextlib.ExitStack()
        self._browsers = 0
        self._readings = 0
        self.relay: Relay

    def start_servers(self, *, publish: bool = True) -> Setting:
        """Start apps and proxy, make the programme, start the relay, publish the policy."""
        self.apps.start()
        self._stack.callback(self.apps.stop)
        self.proxy.start()
        self._stack.callback(self.proxy.stop)
        self.relay = Relay(
            self.folder / "programme",
            self.authority,
            origin=f"https://127.0.0.1:{self.proxy.port}",
            apps=self.programme.apps,
            command=self.programme.serve,
        )
        self.relay.init(*self.programme.changes)
        self.relay.start()
        self._stack.callback(self.relay.stop)
        self.proxy.target_port = self.relay.port
        if publish:
            self.relay.publish()
        return self

    def browser(self, playwright: Playwright, look: Look | None = None) -> Browser:
        """Start a browser of a new person."""
        self._browsers += 1
        browser = Browser(
            playwright,
            self.folder / f"browser-{self._browsers}",
            self.authority,
            hosts=self.apps.hosts,
            granted=list(self.programme.granted),
            extension=self.programme.extension,
            look=look or Look(),
        ).start()
        self._stack.callback(browser.close)
        return browser

    def read(self, apps: tuple[str, ...] = ("crm", "wiki")) -> Reading:
        """Ask for everything recorded so far, unlock it, and return the reading to be opened."""
        reading = self.reading(apps)
        reading.request()
        reading.unlock()
        return reading

    def reading(self, apps: tuple[str, ...] = ("crm", "wiki")) -> Reading:
        """Return a reading in which nothing has been done yet."""
        self._readings += 1
        return Reading(self.relay, self.folder / f"reading-{self._readings}", apps)

    def stop(self) -> None:
        """Stop everything, newest first."""
        self._stack.close()


def count_acked(setting: Setting) -> int:
    """Return how many batches the relay settled as stored, from its durable counts."""
    return setting.relay.outcomes().get("stored", 0)
