"""Real Firefox with the real extension, as one person has it.

Owns one throw-away profile and the browser running on it; never weakens the browser's checks.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.support.bidi import Bidi, Tab, wait_until
from tests.support.tls import Authority

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "extension" / "dist" / "firefox"
START_SECONDS = 60


def firefox() -> str | None:
    """Return the browser's path: as named in `CANDOR_FIREFOX`, by set-up, or on the PATH."""
    named = os.environ.get("CANDOR_FIREFOX")
    noted = ROOT / "var" / "setup" / "firefox"
    if not named and noted.exists():
        named = noted.read_text().strip()
    return named or shutil.which("firefox-esr") or shutil.which("firefox")


class Firefox:
    """One person's Firefox with the extension installed.

    Args:
        folder: The profile goes here; it may be kept to start the same browser again.
        authority: Whose certificates the browser trusts.
        hosts: Host name to port on the loopback address: `https://NAME/` goes there. All of them
            share one port.
        extension: Folder of the built extension.
        dark: Whether pages are asked for dark colours.
        preferences: Further preferences.
    """

    def __init__(
        self,
        folder: Path,
        authority: Authority,
        *,
        hosts: dict[str, int],
        extension: Path = SHIPPED,
        dark: bool = False,
        preferences: dict[str, object] | None = None,
    ) -> None:
        self.profile = folder / "profile"
        self.extension = extension
        self._log = folder / "firefox.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.bidi: Bidi
        self.id = ""
        if self.profile.exists():
            return
        self.profile.mkdir(parents=True)
        authority.trust_in_database(self.profile)
        (port,) = set(hosts.values())
        chosen: dict[str, object] = {
            **_PREFERENCES,
            "network.dns.localDomains": ",".join(hosts),
            "network.socket.forcePort": f"443={port}",
            "layout.css.prefers-color-scheme.content-override": 0 if dark else 1,
            **(preferences or {}),
        }
        lines = [f"user_pref({json.dumps(key)}, {json.dumps(chosen[key])});" for key in chosen]
        (self.profile / "user.js").write_text("\n".join(lines) + "\n")

    def start(self) -> Firefox:
        """Start Firefox, install the extension, and wait until both answer."""
        program = firefox()
        if program is None:
            message = "No Firefox was found. Run `make setup`, or set CANDOR_FIREFOX to its path."
            raise FileNotFoundError(message)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(program, "--headless", "--no-remote", "--profile", str(self.profile)),
                    *("--remote-debugging-port", "0", "--remote-allow-system-access"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "HOME": str(self.profile.parent), "MOZ_HEADLESS": "1"},
            )
        self.bidi = Bidi(f"{self._address()}/session")
        self.bidi.command("session.new", capabilities={})
        data = {"type": "path", "path": str(self.extension)}
        self.id = self.bidi.command("webExtension.install", extensionData=data)["extension"]
        return self

    def close(self) -> None:
        """Close the browser; its profile stays, temporary installations do not."""
        if self._process is None:
            return
        self.bidi.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=20)
        self._process = None

    def _address(self) -> str:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            said = self._log.read_text("utf-8", "replace")
            if found := re.search(r"WebDriver BiDi listening on (ws://\S+)", said):
                return found[1]
            if self._process is None or self._process.poll() is not None:
                break
            time.sleep(0.1)
        message = f"Firefox did not open its remote port; it said: {said[-2000:]}"
        raise RuntimeError(message)

    # -------------------------------------------------------------------------- the browser itself

    def privileged(self, function: str, *arguments: object) -> Any:  # noqa: ANN401
        """Call a function in the browser's own window, where its menus and prompts are."""
        tree = self.bidi.command("browsingContext.getTree", maxDepth=0, **{"moz:scope": "chrome"})
        (window,) = [one["context"] for one in tree["contexts"] if "browser.xhtml" in one["url"]]
        return self.bidi.call(window, function, *arguments)

    @property
    def origin(self) -> str:
        """The origin of the extension's pages, which is random per profile."""
        return str(self.privileged(_ORIGIN, self.id))

    def extension_tab(self, name: str) -> Tab:
        """Open one of the extension's own pages in a tab."""
        return self.bidi.tab(f"{self.origin}/{name}")


_ORIGIN = "id => WebExtensionPolicy.getByID(id).getURL('').replace(/\\/$/, '')"

_PREFERENCES: dict[str, object] = {
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.aboutwelcome.enabled": False,
}
