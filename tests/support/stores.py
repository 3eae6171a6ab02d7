"""Open stores with devices in them, without a socket.

Owns the steps from an empty directory to a granted stream, all by the relay's own code.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from relay.consent.receipt import parse_receipt
from relay.errors import StoreError
from relay.ingest import Intake, accept_segment, salt_of
from relay.model import Day, Seq, Stored
from relay.protocol.effects import Fault, Outcome
from relay.protocol.messages import Grant, Hello, Segment
from relay.rights.consenting import consent
from relay.rights.greeting import greet
from relay.rights.policies import Pinned, check_publication, put_in_force, read_publication
from relay.store.book import LiveStream, Published
from relay.store.control import insert_device
from relay.store.writer import Writer
from relay.web.relay import today
from tests.support.programme import SIGNALS, Participant, Programme


def stored(stream: LiveStream, seq: int) -> Stored:
    """Return the outcome of a batch that was kept."""
    return Stored(stream.id, Seq(seq))


class Told:
    """A receiver that remembers what it was told."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.calls = 0
        self.fault: Fault | None = None
        self.error: StoreError | None = None

    def settled(self, outcomes: Sequence[Outcome]) -> None:
        """Remember outcomes."""
        self.outcomes += outcomes
        self.calls += 1

    def ended(self, fault: Fault) -> None:
        """Remember why the session ended."""
        self.fault = fault

    def unavailable(self, error: StoreError) -> None:
        """Remember that nothing was settled."""
        self.error = error


class Stores:
    """A writer on a directory, and what a test does with it; open it in a running loop."""

    def __init__(self, directory: Path, programme: Programme | None = None) -> None:
        self.programme = programme or Programme()
        self.directory = directory
        self.day = today()
        self.writer = Writer(directory, asyncio.get_running_loop(), linger_s=0.001)

    async def publish(self, **changes: object) -> Published:
        """Put a policy in force."""
        programme = self.programme
        pinned = Pinned(
            controller=programme.controller.public,
            representative=programme.representative.public,
            ledger=programme.ledger.public,
            loopback_only=True,
        )
        publication = read_publication(programme.publication(**changes))
        published = check_publication(publication, pinned)
        await self.writer.call(lambda tx: put_in_force(tx, published, self.day))
        return published

    async def enrol(self, person: Participant) -> None:
        """Add a device."""
        await self.writer.call(
            lambda tx: insert_device(
                tx.db, person.device_key, person.own.public, b"sealed code", self.day
            )
        )

    async def greet(self, person: Participant, day: Day | None = None) -> LiveStream:
        """Open a device's stream; its hello counts as verified."""
        hello = Hello(*person.hello(bytes(32))[1:])
        greeting = await self.writer.call(lambda tx: greet(tx, hello, day or self.day))
        return greeting.stream

    async def grant(
        self, person: Participant, stream: LiveStream, grants: dict[int, list[str]] | None = None
    ) -> object:
        """Make a receipt the device's newest."""
        body = person.receipt({1: SIGNALS} if grants is None else grants)
        message = Grant(*person.grant(body)[1:])
        receipt = parse_receipt(body)
        return await self.writer.call(lambda tx: consent(tx, stream, message, receipt, self.day))

    async def announce(
        self,
        person: Participant,
        stream: LiveStream,
        **changes: Any,  # noqa: ANN401 - what a test changes
    ) -> object:
        """Announce the device's segment; return the refusal, if any."""
        message = Segment(*person.segment(**changes)[1:])
        salts = (salt_of(stream, message, self.day),)
        return await self.writer.call(
            lambda tx: accept_segment(tx, stream, message, self.day), salts
        )

    async def settle(self, stream: LiveStream, *messages: object, day: Day | None = None) -> Told:
        """Settle messages in one commit and return what the session is told."""
        told = Told()
        intake = Intake(stream, told, lambda: day or self.day)
        intake.messages += messages  # type: ignore[arg-type]
        self.writer.submit(intake)
        await self.writer.idle()
        return told

    async def recording(self, person: Participant) -> LiveStream:
        """Return a stream that may append: policy, device, grant and segment are there."""
        if self.writer.book.current is None:
            await self.publish()
        await self.enrol(person)
        stream = await self.greet(person)
        await self.grant(person, stream)
        assert await self.announce(person, stream) is None
        return stream

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Read the store's file as it is on disk."""
        with contextlib.closing(sqlite3.connect(self.directory / "relay.sqlite")) as db:
            return db.execute(query).fetchall()

    async def close(self) -> None:
        """Settle and close."""
        await self.writer.close()
