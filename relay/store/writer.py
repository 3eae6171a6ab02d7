"""The one thread that writes: jobs in order, many to a commit, told to the event loop afterwards.

Owns transactions and recovery from failed ones; never decides what is written.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

import structlog

from relay.errors import StoreError
from relay.store.batches import Appends
from relay.store.book import Book
from relay.store.control import load_policies
from relay.store.salts import Salt, SaltStore
from relay.store.schema import (
    RELAY_FILE,
    failure,
    lock_directory,
    open_writer,
    store_full,
)

T = TypeVar("T")
log = structlog.get_logger()
_MIGRATIONS: Final = "relay"
_MAX_WAITING_BYTES: Final = 64 << 20


class Transaction:
    """What a job may use while it is applied."""

    def __init__(self, db: sqlite3.Connection, salts: SaltStore, book: Book) -> None:
        self.db = db
        self.salts = salts
        self.book = book
        self.appends = Appends(db)


class Job(Protocol):
    """One piece of work for the writer thread."""

    @property
    def salts(self) -> Sequence[Salt]:
        """Salts to commit before anything else of this job."""

    def apply(self, transaction: Transaction) -> None:
        """Do the work; runs in the writer thread."""

    def committed(self) -> None:
        """Learn that the work is durable; runs in the event loop."""

    def failed(self, error: StoreError) -> None:
        """Learn that nothing of the work was kept; runs in the event loop."""


class Call(Generic[T]):
    """A job that runs one function and resolves a future with what it returns.

    What it raises undoes this job alone and becomes the future's exception, unless the database
    itself failed: then the whole commit did.

    Args:
        function: Runs in the writer thread, in the transaction.
        salts: Committed before it.
        done: Called with the resolved future, in the order of the jobs of a commit.
    """

    def __init__(
        self,
        function: Callable[[Transaction], T],
        salts: Sequence[Salt] = (),
        done: Callable[[asyncio.Future[T]], object] | None = None,
    ) -> None:
        self.salts = salts
        self._done = done
        self.future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._function = function
        self._result: list[T] = []
        self._error: Exception | None = None

    def apply(self, transaction: Transaction) -> None:
        """Run the function in a savepoint."""
        transaction.appends.flush()
        transaction.db.execute("SAVEPOINT call")
        try:
            self._result = [self._function(transaction)]
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - whoever awaits the future handles it
            self._error = error
            transaction.db.execute("ROLLBACK TO call")
        transaction.db.execute("RELEASE call")

    def committed(self) -> None:
        """Resolve the future."""
        if self._error is not None:
            self._resolve(self._error)
        elif not self.future.cancelled():
            self.future.set_result(self._result[0])
            self._tell()

    def failed(self, error: StoreError) -> None:
        """Resolve the future with the failure."""
        self._resolve(error)

    def _resolve(self, error: Exception) -> None:
        if not self.future.cancelled():
            self.future.set_exception(error)
            self._tell()

    def _tell(self) -> None:
        if self._done is not None:
            self._done(self.future)


class Writer:
    """The writer thread of one relay.

    `group` rises whenever queued jobs go to the thread; a job may grow only before that.

    Args:
        directory: The relay's data directory.
        loop: Where results are told.
        linger_s: How long a commit waits for company.
        min_free_bytes: Free space below which nothing new is stored.

    Raises:
        StoreError: The stores cannot be opened, or another relay uses them.
    """

    def __init__(
        self,
        directory: Path,
        loop: asyncio.AbstractEventLoop,
        *,
        linger_s: float,
        min_free_bytes: int = 0,
    ) -> None:
        self.book = Book()
        self.waiting_bytes = 0
        self.group = 0
        self._directory = directory
        self._loop = loop
        self._linger_s = linger_s
        self._min_free_bytes = min_free_bytes
        self._pending: list[Job] = []
        self._pending_bytes = 0
        self._group_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._busy = False
        self._room = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._groups: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()
        self._lock = lock_directory(directory)
        self._db: sqlite3.Connection | None = None
        self._salts: SaltStore | None = None
        self._open()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    # -------------------------------------------------------------------------- the event loop

    def submit(self, job: Job) -> None:
        """Queue a job behind every earlier one."""
        self._pending.append(job)
        self._idle.clear()
        if not self._busy and self._timer is None:
            self._timer = self._loop.call_later(self._linger_s, self._hand_over)

    def call(
        self, function: Callable[[Transaction], T], salts: Sequence[Salt] = ()
    ) -> asyncio.Future[T]:
        """Queue a function; the future resolves after its commit.

        The future raises what the function raises, or StoreError.
        """
        job = Call(function, salts)
        self.submit(job)
        return job.future

    def weigh(self, size: int) -> None:
        """Note that a queued job grew by this many bytes."""
        self._pending_bytes += size
        self.waiting_bytes += size

    @property
    def is_full(self) -> bool:
        """Whether a sender should wait for `room`."""
        return self.waiting_bytes > _MAX_WAITING_BYTES

    async def room(self) -> None:
        """Wait until less is queued."""
        while self.is_full:
            self._room.clear()
            await self._room.wait()

    async def idle(self) -> None:
        """Wait until every queued job is settled."""
        await self._idle.wait()

    async def close(self) -> None:
        """Settle what is queued and close the stores."""
        await self.idle()
        self._groups.put(None)
        await asyncio.to_thread(self._thread.join)

    def _hand_over(self) -> None:
        self._timer = None
        group, self._pending = self._pending, []
        self._group_bytes, self._pending_bytes = self._pending_bytes, 0
        self._busy = True
        self.group += 1
        self._groups.put(group)

    def _finish(self, group: list[Job], error: StoreError | None) -> None:
        self._busy = False
        self.waiting_bytes -= self._group_bytes
        self._room.set()
        for job in group:
            self._tell(job, error)
        if self._pending:
            if self._timer is None and not self._busy:
                self._timer = self._loop.call_later(self._linger_s, self._hand_over)
        elif not self._busy:
            self._idle.set()

    def _tell(self, job: Job, error: StoreError | None) -> None:
        """Tell one job; a fault in what it does with that must not keep the others waiting."""
        try:
            if error is None:
                job.committed()
            else:
                job.failed(error)
        except Exception as fault:  # noqa: BLE001 - the boundary between the store and its callers
            log.critical("store.telling_failed", code=type(fault).__name__)

    # ------------------------------------------------------------------------- the writer thread

    def _run(self) -> None:
        while (group := self._groups.get()) is not None:
            error = self._commit(group)
            self._loop.call_soon_threadsafe(self._finish, group, error)
        self._shut()
        self._lock.close()

    def _open(self) -> None:
        self._db = open_writer(self._directory / RELAY_FILE, _MIGRATIONS)
        self._salts = SaltStore(self._directory)
        for published in load_policies(self._db):
            self.book.publish(published)

    def _shut(self) -> None:
        """Close what is open, whatever state it is in."""
        for store in (self._db, self._salts):
            if store is not None:
                store.close()
        self._db = self._salts = None

    def _commit(self, group: list[Job]) -> StoreError | None:
        """Make a group durable as a whole, or nothing of it."""
        try:
            if self._db is None or self._salts is None:
                self._open()
            assert self._db is not None  # noqa: S101 - _open sets both or raises
            assert self._salts is not None  # noqa: S101
            self._check_free()
            salts = [salt for job in group for salt in job.salts]
            if salts:
                self._salts.keep(salts)
            self._db.execute("BEGIN IMMEDIATE")
            transaction = Transaction(self._db, self._salts, self.book)
            for job in group:
                job.apply(transaction)
            transaction.appends.flush()
            self._db.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            return self._recover(failure(error))
        except StoreError as error:
            return self._recover(error)
        except Exception as error:  # noqa: BLE001 - the thread must outlive a fault in one job
            log.critical("store.job_failed", code=type(error).__name__)
            return self._recover(failure(OSError()))
        return None

    def _recover(self, error: StoreError) -> StoreError:
        """Forget everything uncommitted; the next group opens the stores anew."""
        self.book.forget()
        try:
            self._shut()
        except sqlite3.Error:
            self._db = self._salts = None
        log.warning("store.failed", code=error.code)
        return error

    def _check_free(self) -> None:
        if self._min_free_bytes:
            status = os.statvfs(self._directory)
            if status.f_bavail * status.f_frsize < self._min_free_bytes:
                raise store_full()
