"""The two key holders' steps, by their commands, and the bytes between them for searches.

Owns the files of one reading; each step uses only its holder's key.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relay.client import Web, tls_context
from relay.dataset.checking import Evidence, trust_own_policy
from relay.dataset.opening import Opened, Tally, open_everything
from relay.dataset.reading import Reader
from relay.dataset.request import check_request, read_request
from relay.dataset.unlock import read_unlocked
from relay.vault.keys import load_keys
from tests.support.relay import CandorFailedError, Relay, candor


@dataclass
class Reading:
    """One request and what came of it.

    Args:
        relay: Whose batches are asked for.
        folder: Where request, unlocked roots and events go.
        apps: Ids of the apps asked for.
    """

    relay: Relay
    folder: Path
    apps: tuple[str, ...] = ("crm", "wiki")

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.request_file = self.folder / "request.json"
        self.unlocked_file = self.folder / "unlocked.jsonl"
        self.events_file = self.folder / "events.jsonl"

    def request(self) -> None:
        """Ask for yesterday to tomorrow, as the researcher."""
        today = dt.datetime.now(dt.UTC).date()
        day = dt.timedelta(days=1)
        words = [*self.relay.where(start=["request"]), "--key", self._key("research")]
        for app in self.apps:
            words += ["--app", app]
        words += ["--first-day", str(today - day), "--last-day", str(today + day)]
        candor(*words, "--purpose", "Show that two keys open it", "--out", self.request_file)

    def unlock(self, *, key: str = "representative", out: Path | None = None) -> str:
        """Unlock the outer layer, as the representative; return what they were shown."""
        return candor(
            *self.relay.where(start=["unlock", self.request_file]),
            "--key",
            self._key(key),
            "--controller-key",
            self.relay.keys / "controller.pub.json",
            "--out",
            out or self.unlocked_file,
            "--yes",
        )

    def open(
        self, *, key: str = "research", unlocked: Path | None = None, out: Path | None = None
    ) -> list[dict[str, Any]]:
        """Open what was unlocked, as the researcher, and return the events."""
        target = out or self.events_file
        candor(
            *self.relay.where(start=["open", unlocked or self.unlocked_file]),
            "--key",
            self._key(key),
            "--request",
            self.request_file,
            "--out",
            target,
        )
        return [json.loads(line) for line in target.read_text("utf-8").splitlines()]

    def research_alone(self) -> bool:
        """Tell whether the researcher opens anything without the representative."""
        everything_else = [self.request_file, *self._unlocked_without_the_representative()]
        for number, source in enumerate(everything_else):
            try:
                if self.open(unlocked=source, out=self.folder / f"alone-{number}.jsonl"):
                    return True
            except CandorFailedError:
                continue
        return False

    def representative_alone(self) -> bool:
        """Tell whether the representative opens anything without the researcher's key."""
        try:
            return bool(self.open(key="representative", out=self.folder / "alone.jsonl"))
        except CandorFailedError:
            return False

    def decrypted(self) -> Iterator[Opened]:
        """Yield every decrypted batch before anything in it was checked."""
        keys = load_keys(Path(self._key("research")))
        inner, requests = keys.opening("inner"), keys.signing("requests")
        web = Web(self.relay.origin, tls_context(self.relay.authority.file))
        reader = Reader(web, "research", requests)
        evidence, asked, unlocked = self._trusted(reader, inner.public, requests.public)
        yield from open_everything(reader, evidence, asked, unlocked, inner, Tally())

    def _trusted(self, reader: Reader, inner: bytes, requests: bytes) -> Any:  # noqa: ANN401
        policy, pinned = trust_own_policy(reader, inner, requests)
        signed = read_request(self.request_file)
        asked = check_request(signed, policy)
        data = self.unlocked_file.read_bytes()
        return Evidence(reader, pinned), asked, read_unlocked(data, signed, pinned.representative)

    def _unlocked_without_the_representative(self) -> Iterator[Path]:
        """Try to unlock with the researcher's own key; yield the file if that made one."""
        target = self.folder / "unlocked-by-research.jsonl"
        try:
            self.unlock(key="research", out=target)
        except CandorFailedError:
            return
        yield target

    def _key(self, role: str) -> str:
        return str(self.relay.keys / f"{role}.key.json")
