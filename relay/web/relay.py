"""One running relay: its stores, policies, keys, clock and live connections.

Owns what connections share and when all of them must hear something; knows no HTTP.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from relay.model import Day, PolicyHash, StreamId
from relay.protocol.effects import Fault
from relay.rights.policies import Pinned
from relay.settings import Settings
from relay.store.book import Published
from relay.store.reading import Reading
from relay.store.writer import Writer
from relay.vault.sign import SigningKey
from relay.web.metrics import Metrics

if TYPE_CHECKING:
    from relay.web.conversation import Conversation

log = structlog.get_logger()
SECONDS_A_DAY: Final = 86_400
_TICK_S: Final = 0.5
_REPORT_TICKS: Final = 20


def today() -> Day:
    """Return the relay's UTC day."""
    return Day(int(time.time()) // SECONDS_A_DAY)


class Relay:
    """What every connection of one relay shares.

    Args:
        settings: Effective settings.
        ledger: The key that signs confirmations.
        pinned: What every policy is held to.
    """

    def __init__(self, settings: Settings, ledger: SigningKey, pinned: Pinned) -> None:
        directory = Path(settings.data_dir)
        self.settings = settings
        self.ledger = ledger
        self.pinned = pinned
        self.metrics = Metrics()
        self.loop = asyncio.get_running_loop()
        self.writer = Writer(
            directory,
            self.loop,
            linger_s=settings.linger_ms / 1000,
            min_free_bytes=settings.min_free_bytes,
        )
        # Before the first job only this thread knows the book; afterwards `published` keeps up.
        self.policies: dict[PolicyHash, Published] = dict(self.writer.book.policies)
        self.current: Published | None = self.writer.book.current
        self.notices = {found.policy.notice_hash: found.notice for found in self.policies.values()}
        self.connections: set[Conversation] = set()
        self.streams: dict[StreamId, Conversation] = {}
        self.draining = False
        self._reading = Reading(directory)
        self.readers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader")
        self._ended_on: Day | None = None
        self._ticker = self.loop.create_task(self._tick())

    def now_ms(self) -> int:
        """Return the relay's clock, in ms since 1970."""
        return time.time_ns() // 1_000_000

    @property
    def reading(self) -> Reading:
        """The read-only stores; use them in `readers` only."""
        return self._reading

    def published(self, published: Published) -> None:
        """Put a durable policy in force for everyone connected."""
        self.policies[published.hash] = published
        self.notices[published.policy.notice_hash] = published.notice
        self.current = published
        log.info("policy.published", number=published.policy.number)
        for connection in list(self.connections):
            connection.carry_out(connection.session.published(published.signed))

    def has_ended(self) -> bool:
        """Tell whether the programme's last day is past."""
        return self.current is not None and today() > self.current.policy.last_day

    async def drain(self) -> None:
        """Take nothing more, settle and ack what came, and say goodbye to everyone."""
        self.draining = True
        self._ticker.cancel()
        unsettled = sum(connection.session.waiting for connection in self.connections)
        log.info("relay.draining", connections=len(self.connections), unsettled=unsettled)
        await self.writer.idle()
        leaving = list(self.connections)
        for connection in leaving:
            connection.ended(Fault.GOING_AWAY)
        for connection in leaving:
            await connection.gone.wait()

    async def close(self) -> None:
        """Close the stores; the last thing a relay does."""
        self.draining = True
        self._ticker.cancel()
        await self.writer.close()
        await self.loop.run_in_executor(self.readers, self._reading.close)
        self.readers.shutdown()

    async def _tick(self) -> None:
        """Notice time-outs, the programme's end, and what to report."""
        ticks = 0
        reported = dict(self.metrics.totals)
        while True:
            await asyncio.sleep(_TICK_S)
            ticks += 1
            now_ms = int(self.loop.time() * 1000)
            for connection in list(self.connections):
                connection.carry_out(connection.session.tick(now_ms))
            if self.has_ended() and self._ended_on != today():
                self._ended_on = today()
                for connection in list(self.connections):
                    connection.carry_out(connection.session.stop("programme_ended"))
            if ticks % _REPORT_TICKS == 0:
                reported = self._report(reported)

    def _report(self, reported: dict[str, int]) -> dict[str, int]:
        """Log how many batches were settled since the last report."""
        totals = dict(self.metrics.totals)
        for outcome, count in totals.items():
            if count > reported[outcome]:
                log.info("batch.settled", outcome=outcome, count=count - reported[outcome])
        return totals
