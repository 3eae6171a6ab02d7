"""Real Chromium with the real extension, as one person has it.

Owns one profile folder and the browser running on it; never weakens the browser's checks.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, CDPSession, Page, Playwright

from tests.support.tls import Authority

ROOT = Path(__file__).resolve().parents[2]
EXTENSION = ROOT / "extension"
EXTENSION_ID = (EXTENSION / "ID").read_text().strip()
SHIPPED = EXTENSION / "dist" / "chromium"


def chromium() -> str:
    """Return the browser's path: as named in `CANDOR_CHROMIUM`, by set-up, or on the PATH."""
    named = os.environ.get("CANDOR_CHROMIUM")
    noted = ROOT / "var" / "setup" / "chromium"
    if not named and noted.exists():
        named = noted.read_text().strip()
    found = named or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        message = "No Chromium was found. Run `make setup`, or set CANDOR_CHROMIUM to its path."
        raise FileNotFoundError(message)
    return found


def build_extension(
    out: Path, *, swaps: dict[str, Path] | None = None, defines: dict[str, str] | None = None
) -> Path:
    """Build the extension into `out`, with files under src/ swapped for a test's own.

    Args:
        out: Folder to write.
        swaps: Path under extension/src/ to the file that is bundled in its place.
        defines: Global constants and their values.
    """
    command = ["node", "build.mjs", "--target", "chromium", "--out", str(out)]
    for name, other in (swaps or {}).items():
        command += ["--swap", f"{name}={other}"]
    for name, value in (defines or {}).items():
        command += ["--define", f"{name}={value}"]
    subprocess.run(command, cwd=EXTENSION, check=True, capture_output=True, timeout=120)
    return out


@dataclass(frozen=True)
class Look:
    """How the browser shows itself."""

    headed: bool = False
    dark: bool = False
    width: int = 1280
    height: int = 800
    back_forward_cache: bool = False


@dataclass
class Contexts:
    """Execution contexts seen in one page, document by document, kept through the debugger."""

    documents: list[list[dict[str, Any]]] = field(default_factory=lambda: [[]])

    def of_extension(self, origin: str | None = None) -> list[dict[str, Any]]:
        """Return those that belong to the extension, in all documents or in those of an origin."""
        return [
            context
            for document in self.documents
            if origin is None or any(_is_of_page(context, origin) for context in document)
            for context in document
            if EXTENSION_ID in json.dumps(context)
        ]

    @property
    def seen(self) -> list[dict[str, Any]]:
        """Return all of them, the pages' own included."""
        return [context for document in self.documents for context in document]


def _is_of_page(context: dict[str, Any], origin: str) -> bool:
    return bool(context["auxData"].get("isDefault")) and context["origin"] == origin


class Browser:
    """One person's Chromium with the extension loaded.

    Args:
        playwright: The running driver.
        folder: Profile and home go here; it may be kept to start the same browser again.
        authority: Whose certificates the browser trusts.
        hosts: Host name to port on the loopback address: `https://NAME/` goes there.
        granted: Origins for which the browser's permission prompt counts as answered with yes.
        extension: Folder of the built extension.
        look: Size and colours, and whether a window is shown.
    """

    def __init__(
        self,
        playwright: Playwright,
        folder: Path,
        authority: Authority,
        *,
        hosts: dict[str, int],
        granted: list[str],
        extension: Path = SHIPPED,
        look: Look = Look(),
    ) -> None:
        self._playwright = playwright
        self._authority = authority
        self._hosts = hosts
        self._look = look
        self.extension = extension
        self.folder = folder
        self.profile = folder / "profile"
        self.home = folder / "home"
        self.context: BrowserContext
        if not self.profile.exists():
            self._authority.trust_in(self.home)
            self._preset(granted)

    def _preset(self, origins: list[str]) -> None:
        """Answer the browser's permission prompt beforehand, since no one can click it headless."""
        hosts = [f"{origin.rstrip('/')}/*" for origin in origins]
        permission = {
            "api": [],
            "explicit_host": hosts,
            "manifest_permissions": [],
            "scriptable_host": [],
        }
        settings = {
            "granted_permissions": permission,
            "active_permissions": permission,
            "runtime_granted_permissions": permission,
        }
        preferences = {"extensions": {"settings": {EXTENSION_ID: settings}}}
        default = self.profile / "Default"
        default.mkdir(parents=True)
        (default / "Preferences").write_text(json.dumps(preferences))

    def start(self) -> Browser:
        """Start Chromium and wait until the extension's worker runs."""
        rules = [f"MAP {host}:443 127.0.0.1:{port}" for host, port in self._hosts.items()]
        rules += ["MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1", "EXCLUDE localhost"]
        self.context = self._playwright.chromium.launch_persistent_context(
            str(self.profile),
            executable_path=chromium(),
            headless=not self._look.headed,
            # The driver switches this cache off by default.
            ignore_default_args=(
                ["--disable-back-forward-cache"] if self._look.back_forward_cache else None
            ),
            env={**os.environ, "HOME": str(self.home)},
            color_scheme="dark" if self._look.dark else "light",
            viewport={"width": self._look.width, "height": self._look.height},
            args=[
                f"--disable-extensions-except={self.extension}",
                f"--load-extension={self.extension}",
                f"--host-resolver-rules={', '.join(rules)}",
            ],
        )
        if not self.context.service_workers:
            self.context.wait_for_event("serviceworker", timeout=20_000)
        return self

    def close(self) -> None:
        """Close the browser; its profile stays."""
        self.context.close()

    def restart(self) -> None:
        """Close the browser and start it again on the same profile."""
        self.close()
        self.start()

    def stop_worker(self, page: Page) -> None:
        """Kill the extension's worker, as the browser does when it wants the memory.

        Being attached to it keeps a worker alive, so it never stops by itself here. Whatever needs
        it next starts it anew.
        """
        session = self.context.new_cdp_session(page)
        states: list[str] = []

        def note(event: dict[str, Any]) -> None:
            states.extend(
                version["runningStatus"]
                for version in event["versions"]
                if EXTENSION_ID in version["scriptURL"]
            )

        session.on("ServiceWorker.workerVersionUpdated", note)
        session.send("ServiceWorker.enable")
        session.send("ServiceWorker.stopAllWorkers")
        wait_until(page, lambda: "stopped" in states, seconds=10, every_ms=10)
        session.detach()

    def extension_page(self, name: str) -> Page:
        """Open one of the extension's own pages in a tab."""
        page = self.context.new_page()
        page.goto(f"chrome-extension://{EXTENSION_ID}/{name}")
        return page

    def watch_contexts(self, page: Page) -> Contexts:
        """Note every execution context of the page, past and coming, isolated worlds included."""
        contexts = Contexts()
        session: CDPSession = self.context.new_cdp_session(page)
        session.on(
            "Runtime.executionContextCreated",
            lambda event: contexts.documents[-1].append(event["context"]),
        )
        session.on("Runtime.executionContextsCleared", lambda _: contexts.documents.append([]))
        session.send("Runtime.enable")
        return contexts

    def blank(self) -> Page:
        """Open a page of the extension that runs nothing, for asking its worker and stores."""
        return self.extension_page("manifest.json")

    def ask(self, message: dict[str, Any]) -> Any:  # noqa: ANN401 - replies differ by message
        """Send the worker a message as the extension's own pages do, and return the value.

        Raises:
            LookupError: The worker answered with a problem.
        """
        page = self.blank()
        try:
            reply = page.evaluate("message => chrome.runtime.sendMessage(message)", message)
        finally:
            page.close()
        if not reply or not reply.get("ok"):
            said = f"the worker answered {message['kind']} with {reply}"
            raise LookupError(said)
        return reply.get("value")

    def outbox_size(self) -> int:
        """Return how many sealed batches wait in the outbox."""
        page = self.blank()
        count: int = page.evaluate(OUTBOX)
        page.close()
        return count

    def storage(self) -> Iterator[tuple[str, bytes]]:
        """Yield what the extension keeps, by name: databases as text, and the profile's files."""
        page = self.blank()
        dump = page.evaluate(DUMP)
        page.close()
        for name, text in dump.items():
            yield f"extension storage: {name}", text.encode()
        for part in (
            "IndexedDB",
            "Local Extension Settings",
            "Sync Extension Settings",
            "Managed Extension Settings",
            "Extension State",
            "Extension Rules",
            "Extension Scripts",
            "Service Worker",
        ):
            for path in sorted((self.profile / "Default" / part).rglob("*")):
                if path.is_file() and (EXTENSION_ID in str(path) or "Extension" in part):
                    yield f"profile: {path.relative_to(self.profile)}", path.read_bytes()


OUTBOX = """async () => {
  const open = indexedDB.open("candor");
  await new Promise((ok, no) => { open.onsuccess = ok; open.onerror = () => no(open.error); });
  const all = open.result.transaction("outbox").objectStore("outbox").getAll();
  await new Promise((ok, no) => { all.onsuccess = ok; all.onerror = () => no(all.error); });
  open.result.close();
  return all.result.filter(({ kind }) => kind === "batch").length;
}"""
DUMP = (Path(__file__).parent / "dump_storage.js").read_text()


def wait_until(page: Page, condition: Any, *, seconds: float = 20, every_ms: int = 100) -> Any:  # noqa: ANN401
    """Call `condition` until it returns something true, letting the page's events pass."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > until:
            message = f"nothing true came within {seconds} s"
            raise TimeoutError(message)
        page.wait_for_timeout(every_ms)
    return value
