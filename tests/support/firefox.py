"""Real Firefox with the real extension, as one person has it.

Owns one throw-away profile and the browser running on it; never weakens the browser's checks. What
stands in the browser's own windows, its permission prompt for one, is reached as its own tests do.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.bidi import Bidi, Tab, wait_until
from tests.support.browser import DUMP, OUTBOX
from tests.support.tls import Authority

ROOT = Path(__file__).resolve().parents[2]
EXTENSION = ROOT / "extension"
START_SECONDS = 60
OTHER_PORT = 8443
"""`https://NAME:8443/` goes where `https://NAME/` goes: the same host, another origin."""


def firefox() -> str | None:
    """Return the browser's path: as named in `CANDOR_FIREFOX`, by set-up, or on the PATH.

    Set-up notes nothing where it found none that is new enough.
    """
    if named := os.environ.get("CANDOR_FIREFOX"):
        return named
    noted = ROOT / "var" / "setup" / "firefox"
    if noted.exists():
        return noted.read_text().strip() or None
    return shutil.which("firefox-esr") or shutil.which("firefox")


def build_extension(out: Path) -> Path:
    """Build Firefox's extension into a folder."""
    command = ["node", "build.mjs", "--target", "firefox", "--out", str(out)]
    subprocess.run(command, cwd=EXTENSION, check=True, capture_output=True, timeout=120)
    return out


@dataclass(frozen=True)
class Prompt:
    """What the browser asked before it gave the extension something."""

    hosts: list[str]
    collected: str


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
        extension: Path,
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
            "network.socket.forcePort": f"443={port};{OTHER_PORT}={port}",
            "layout.css.prefers-color-scheme.content-override": 0 if dark else 1,
            **(preferences or {}),
        }
        lines = [f"user_pref({json.dumps(key)}, {json.dumps(chosen[key])});" for key in chosen]
        (self.profile / "user.js").write_text("\n".join(lines) + "\n")

    def start(self, *, private: bool = False) -> Firefox:
        """Start Firefox, install the extension, and wait until both answer.

        Args:
            private: Ask for the extension in private windows too, whatever its manifest says.
        """
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
        self.id = self.bidi.command(
            "webExtension.install", extensionData=data, **{"moz:allowPrivateBrowsing": private}
        )["extension"]
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
        said = ""
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

    @property
    def is_in_private_windows(self) -> bool:
        """Whether the browser lets the extension into private windows."""
        return bool(self.privileged(f"{_POLICY}.privateBrowsingAllowed", self.id))

    def answer_prompt(self, *, allow: bool) -> Prompt:
        """Wait for the browser's own permission prompt, and click Allow or Deny.

        Raises:
            TimeoutError: It did not come.
        """
        hosts, collected = wait_until(lambda: self.privileged(_PROMPT))
        # A click in the first half second counts as an accident.
        time.sleep(0.8)
        self.privileged(_ANSWER, "button" if allow else "secondaryButton")
        wait_until(lambda: self.privileged(_PROMPT) is None)
        return Prompt(hosts, collected)

    def collecting(self, kind: str, *, allow: bool) -> None:
        """Switch the collecting of a kind of data on or off, as the browser's settings do."""
        self.privileged(_COLLECTING, self.id, kind, "add" if allow else "remove")

    def background(self) -> str:
        """Return the state of the extension's background page, "running" or "stopped"."""
        return str(self.privileged(f"{_POLICY}.extension.backgroundState", self.id))

    def stop_background(self) -> None:
        """Stop the background page as if it had been idle; what needs it next starts it anew.

        That may be at once, so only the browser itself can tell that it stood still.

        Raises:
            LookupError: It did not stop.
        """
        state = self.privileged(_STOP, self.id)
        if state != "stopped":
            message = f"the background page is {state} after it was told to stop"
            raise LookupError(message)

    # ------------------------------------------------------------------------------ the extension

    def extension_tab(self, name: str) -> Tab:
        """Open one of the extension's own pages in a tab."""
        return self.bidi.tab(f"{self.origin}/{name}")

    def ask(self, message: dict[str, Any]) -> Any:  # noqa: ANN401 - replies differ by message
        """Send the background page a message as the extension's pages do; return the value.

        Raises:
            LookupError: It answered with a problem.
        """
        reply = self._call("message => chrome.runtime.sendMessage(message)", message)
        if not reply or not reply.get("ok"):
            said = f"the background page answered {message['kind']} with {reply}"
            raise LookupError(said)
        return reply.get("value")

    def outbox_size(self) -> int:
        """Return how many sealed batches wait in the outbox."""
        return int(self._call(OUTBOX))

    def settled(self, *, seconds: float = 60) -> None:
        """Wait until what was recorded is sealed, sent and acked.

        Raises:
            TimeoutError: Batches still wait.
        """
        quiet = 0
        until = time.monotonic() + seconds
        while quiet < 3:
            time.sleep(0.5)
            quiet = quiet + 1 if self.outbox_size() == 0 else 0
            if time.monotonic() > until:
                message = f"{self.outbox_size()} batches still wait after {seconds} s"
                raise TimeoutError(message)

    def scripts(self) -> list[Any]:
        """Return the content scripts that are registered."""
        registered = self._call("() => chrome.scripting.getRegisteredContentScripts()")
        return list(registered)

    def storage(self) -> Iterator[tuple[str, bytes]]:
        """Yield what the extension keeps, by name: databases as text, and the profile's files."""
        for name, text in self._call(DUMP).items():
            yield f"extension storage: {name}", text.encode()
        number = self.origin.removeprefix("moz-extension://")
        for path in sorted(self.profile.rglob("*")):
            name = str(path.relative_to(self.profile))
            if path.is_file() and (number in name or self.id in name or "extension" in path.name):
                yield f"profile: {name}", path.read_bytes()

    def _call(self, function: str, *arguments: object) -> Any:  # noqa: ANN401
        """Call a function in a page of the extension that runs nothing by itself."""
        tab = self.extension_tab("THIRD-PARTY.txt")
        try:
            return tab.call(function, *arguments)
        finally:
            tab.close()


_POLICY = "id => WebExtensionPolicy.getByID(id)"
_ORIGIN = f"{_POLICY}.getURL('').replace(/\\/$/, '')"
_STOP = """async id => {
  const { extension } = WebExtensionPolicy.getByID(id);
  await extension.terminateBackground({ disableResetIdleForTest: true });
  return extension.backgroundState;
}"""
_PROMPT = """() => {
  const prompt = document.getElementById("addon-webext-permissions-notification");
  if (!prompt || PopupNotifications.panel.state !== "open") return null;
  const hosts = [...prompt.querySelectorAll(".webext-perm-domains-list li")];
  const collected = prompt.querySelector(".webext-data-collection-perm-granted");
  return [hosts.map((host) => host.textContent), collected?.textContent ?? ""];
}"""
_ANSWER = """which =>
  document.getElementById("addon-webext-permissions-notification")[which].click()"""
_COLLECTING = """(id, kind, how) => {
  const { ExtensionPermissions } = ChromeUtils.importESModule(
    "resource://gre/modules/ExtensionPermissions.sys.mjs");
  const change = { permissions: [], origins: [], data_collection: [kind] };
  return ExtensionPermissions[how](id, change, WebExtensionPolicy.getByID(id).extension);
}"""

_PREFERENCES: dict[str, object] = {
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.aboutwelcome.enabled": False,
}
