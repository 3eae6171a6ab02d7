"""The writer: whole commits or none, in order, and back by itself after any failure."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from relay.errors import PolicyError, StoreError
from relay.ingest import Intake
from relay.protocol.effects import Fault, Outcome
from relay.protocol.messages import SealedBatch
from relay.store.control import probe
from relay.store.schema import open_writer
from relay.store.writer import Transaction, Writer
from tests.support.programme import Participant
from tests.support.serving import ROOT
from tests.support.stores import Stores, Told, stored


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    opened = Stores(tmp_path)
    yield opened
    await opened.close()


def batch(person: Participant, seq: int) -> SealedBatch:
    return SealedBatch(*person.batch(seq)[1:])


def break_store(transaction: Transaction) -> None:
    transaction.db.execute("SELECT * FROM no_such_table")


async def test_jobs_run_in_order_and_share_a_commit(stores: Stores) -> None:
    seen: list[int] = []
    futures = [stores.writer.call(lambda _tx, n=number: seen.append(n)) for number in range(50)]  # type: ignore[misc]
    await asyncio.gather(*futures)
    assert seen == list(range(50))
    assert stores.writer.group == 1


async def test_an_error_undoes_its_own_job_only(stores: Stores) -> None:
    def bad(transaction: Transaction) -> None:
        transaction.db.execute("INSERT INTO spent_codes VALUES (x'01')")
        raise PolicyError("no")

    def faulty(transaction: Transaction) -> None:
        transaction.db.execute("INSERT INTO spent_codes VALUES (x'02')")
        raise ZeroDivisionError

    def good(transaction: Transaction) -> None:
        transaction.db.execute("INSERT INTO spent_codes VALUES (x'03')")

    futures = [stores.writer.call(job) for job in (bad, faulty, good)]
    results = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(result) for result in results] == [PolicyError, ZeroDivisionError, type(None)]
    assert stores.rows("SELECT code FROM spent_codes") == [(b"\x03",)]


async def test_a_failed_commit_keeps_nothing_and_the_next_one_works(stores: Stores) -> None:
    person = Participant(stores.programme)
    stream = await stores.recording(person)
    told = Told()
    intake = Intake(stream, told, lambda: stores.day)
    intake.messages.append(batch(person, 1))
    stores.writer.submit(intake)
    broken = stores.writer.call(break_store)
    with pytest.raises(StoreError) as caught:
        await broken
    assert caught.value.retryable
    assert told.outcomes == []
    assert told.error is not None
    assert stores.rows("SELECT count(*) FROM batches") == [(0,)]
    # The session is told to open anew: what it knew may not be what is stored.
    later = await stores.settle(stream, batch(person, 1))
    assert later.outcomes == []
    assert later.error is not None
    with pytest.raises(StoreError):
        await stores.announce(person, stream)
    stream = await stores.greet(person)
    assert stream.through == 0
    assert await stores.announce(person, stream) is None
    assert (await stores.settle(stream, batch(person, 1))).outcomes == [stored(stream, 1)]


async def test_an_append_is_conditional_on_session_and_consent(stores: Stores) -> None:
    person = Participant(stores.programme)
    for change in (
        "UPDATE positions SET session = session + 1",
        "UPDATE positions SET through = through + 1",
        "UPDATE devices SET epoch = epoch + 1",
    ):
        stream = await stores.recording(person)
        with sqlite3.connect(stores.directory / "relay.sqlite") as db:
            db.execute(change)
        db.close()
        told = await stores.settle(stream, batch(person, stream.through + 1))
        assert told.outcomes == []
        assert told.error is not None
        assert told.error.code == "store_changed"
        assert stores.rows("SELECT count(*) FROM batches") == [(0,)]
        person = Participant(stores.programme)


async def test_a_receiver_that_fails_keeps_nobody_waiting(stores: Stores) -> None:
    class Faulty:
        def settled(self, outcomes: Sequence[Outcome]) -> None:
            raise ZeroDivisionError(len(outcomes))

        def ended(self, fault: Fault) -> None:
            raise ZeroDivisionError(fault)

        def unavailable(self, error: StoreError) -> None:
            raise error

    person, other = Participant(stores.programme), Participant(stores.programme)
    first, second = await stores.recording(person), await stores.recording(other)
    bad = Intake(first, Faulty(), lambda: stores.day)
    bad.messages.append(batch(person, 1))
    stores.writer.submit(bad)
    assert (await stores.settle(second, batch(other, 1))).outcomes == [stored(second, 1)]


async def test_senders_wait_while_too_much_is_queued(stores: Stores) -> None:
    writer = stores.writer
    writer.weigh(65 << 20)
    assert writer.is_full
    waiting = asyncio.ensure_future(writer.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await writer.call(lambda tx: probe(tx.db, stores.day))
    await waiting
    assert not writer.is_full


async def test_one_writer_at_a_time(stores: Stores, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        Writer(tmp_path, asyncio.get_running_loop(), linger_s=0)
    assert caught.value.code == "store_locked"


async def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    db = open_writer(tmp_path / "relay.sqlite", "relay")
    db.execute("PRAGMA user_version = 999")
    db.close()
    with pytest.raises(StoreError) as caught:
        open_writer(tmp_path / "relay.sqlite", "relay")
    assert caught.value.code == "store_newer"
    with pytest.raises(StoreError):
        open_writer(tmp_path / "missing" / "relay.sqlite", "relay")


async def test_files_are_their_owners_only(stores: Stores) -> None:
    await stores.publish()
    for name in ("relay.sqlite", "relay.sqlite-wal", "salts.sqlite"):
        assert (stores.directory / name).stat().st_mode & 0o077 == 0, name


async def test_a_salt_is_durable_before_its_segment_and_the_first_one_stays(
    stores: Stores,
) -> None:
    person = Participant(stores.programme)
    stream = await stores.recording(person)
    person.segment_id = os.urandom(16)
    broken = stores.writer.call(break_store)
    with pytest.raises(StoreError):
        await stores.announce(person, stream, salt=b"1" * 32)
    with pytest.raises(StoreError):
        await broken
    with sqlite3.connect(stores.directory / "salts.sqlite") as db:
        kept = db.execute(
            "SELECT salt FROM salts WHERE segment = ?", (stream.id + person.segment_id,)
        ).fetchall()
    db.close()
    assert kept == [(b"1" * 32,)]


KILLED = """
import asyncio, sys
from pathlib import Path
from relay.protocol.messages import SealedBatch
from tests.support.programme import Participant
from tests.support.stores import Stores, stored

async def main():
    stores = Stores(Path(sys.argv[1]))
    person = Participant(stores.programme)
    stream = await stores.recording(person)
    seq = 0
    while True:
        batches = [SealedBatch(*person.batch(seq + n)[1:]) for n in range(1, 40)]
        seq += len(batches)
        told = await stores.settle(stream, *batches)
        print(told.outcomes[-1].seq, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("acks", [1, 7, 20])
def test_kill_9_in_the_middle_of_commits_keeps_what_was_told(tmp_path: Path, acks: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(acks)][-1]
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split()
        told = max(told, *map(int, rest)) if rest else told
    with sqlite3.connect(tmp_path / "relay.sqlite") as db:
        seqs = [seq for (seq,) in db.execute("SELECT seq FROM batches ORDER BY seq")]
        (through,) = db.execute("SELECT through FROM positions").fetchone()
        (counted,) = db.execute("SELECT sum(total) FROM counts").fetchone()
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    assert seqs == list(range(1, through + 1))
    assert counted == through >= told


FULL = """
import asyncio, json, resource, sys
from pathlib import Path
from relay.protocol.messages import SealedBatch
from tests.support.programme import Participant
from tests.support.stores import Stores, stored

async def main():
    stores = Stores(Path(sys.argv[1]))
    person = Participant(stores.programme)
    stream = await stores.recording(person)
    big = [SealedBatch(*person.batch(n, content=bytes(16000))[1:]) for n in range(1, 60)]
    first = await stores.settle(stream, big[0])
    said = {"first": len(first.outcomes)}
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    full = await stores.settle(stream, *big[1:])
    said |= {"full": len(full.outcomes), "retryable": full.error.retryable}
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    stream = await stores.greet(person)
    said["resume"] = stream.through
    await stores.announce(person, stream)
    after = await stores.settle(stream, *big[1:])
    said["after"] = len(after.outcomes)
    await stores.close()
    print(json.dumps(said))

asyncio.run(main())
"""


def test_files_that_may_not_grow_lose_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "first": 1,
        "full": 0,
        "retryable": True,
        "resume": 1,
        "after": 58,
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_told_by_name_and_the_store_recovers(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)], check=True)
    try:
        asyncio.run(_fill(disk))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


async def _fill(disk: Path) -> None:
    stores = Stores(disk)
    person = Participant(stores.programme)
    stream = await stores.recording(person)
    await stores.settle(stream, batch(person, 1))
    ballast = disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(bytes(4 << 20))
    messages = [SealedBatch(*person.batch(seq, content=bytes(16_000))[1:]) for seq in range(2, 20)]
    told = await stores.settle(stream, *messages)
    assert told.outcomes == []
    assert told.error is not None
    assert told.error.code == "store_full"
    ballast.unlink()
    stream = await stores.greet(person)
    assert stream.through == 1
    assert await stores.announce(person, stream) is None
    assert len((await stores.settle(stream, *messages)).outcomes) == len(messages)
    await stores.close()
