"""`candor serve` as devices and its operator meet it: consent, restarts, sessions, reading."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest
from websockets.exceptions import ConnectionClosed

from relay.protocol.transcript import device_hash, sha256
from relay.vault.sign import SigningKey, is_valid
from tests.support.programme import (
    NOTICE,
    ORIGIN,
    SIGNALS,
    Participant,
    Wire,
    day_text,
    enrolled,
    greeted,
    recording,
)
from tests.support.serving import ROOT, Serving


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    running = Serving(tmp_path)
    running.start()
    yield running
    running.stop()
    log = running.text()
    assert "Traceback" not in log
    assert '"level": "critical"' not in log


@pytest.fixture(autouse=True)
async def _closed_wires() -> AsyncIterator[None]:
    yield
    await Wire.close_all()


def rows(serving: Serving, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(serving.directory / "relay.sqlite")) as db:
        return db.execute(query).fetchall()


def counts(serving: Serving) -> dict[str, int]:
    return dict(rows(serving, "SELECT outcome, sum(total) FROM counts GROUP BY outcome"))


# ------------------------------------------------------------------------------ signed answers


async def test_answers_are_signed_by_the_ledger_key(serving: Serving) -> None:
    person, ledger = Participant(serving.programme), serving.programme.ledger.public
    async with await Wire.open(serving.url) as wire:
        nonce = (await wire.receive())[1]
        await wire.send(person.enrol(nonce))
        _, hashed, day, signature = await wire.receive()
        assert hashed == device_hash(person.device_key)
        assert is_valid(ledger, signature, "candor/v1/enrolled", nonce, hashed, day)
    wire, welcome = await greeted(serving.url, person)
    assert welcome[1:5] == [1, 0, None, None]
    await wire.send(person.grant(person.receipt({1: SIGNALS})))
    _, receipt, epoch, signature = await wire.receive()
    assert (receipt, epoch) == (person.receipt_hash, 1)
    assert is_valid(ledger, signature, "candor/v1/granted", person.stream, receipt, epoch)
    leaving = person.receipt({})
    await wire.send(person.segment(), person.batch(1), person.withdraw(1, leaving))
    assert await wire.ack_of(1) == (1, {})
    _, receipt, through, epoch, signature = await wire.receive()
    assert (receipt, through, epoch) == (sha256(leaving), 1, 2)
    parts = (person.stream, receipt, through, epoch)
    assert is_valid(ledger, signature, "candor/v1/withdrawn", *parts)
    await wire.socket.close()


# ------------------------------------------------------------------------------ order of consent


async def test_what_was_sent_before_a_withdrawal_is_kept_and_nothing_after(
    serving: Serving,
) -> None:
    person = Participant(serving.programme)
    async with await recording(serving.url, person) as wire:
        await wire.send(
            person.batch(1),
            person.withdraw(1, person.receipt({})),
            person.batch(2),
            [38, 3, 5, "withdrawn"],
        )
        assert await wire.ack_of(5) == (5, {2: "withdrawn"})
    assert counts(serving) == {"stored": 1, "refused:withdrawn": 1, "dropped:withdrawn": 3}


async def test_a_withdrawal_twice_is_answered_twice(serving: Serving) -> None:
    person = Participant(serving.programme)
    leaving = person.receipt({})
    async with await recording(serving.url, person) as wire:
        await wire.send(person.withdraw(0, leaving), person.withdraw(0, leaving))
        first, second = await wire.receive(), await wire.receive()
        assert first == second
        assert first[0] == 9


async def test_an_older_receipt_does_not_come_back(serving: Serving) -> None:
    person = Participant(serving.programme)
    async with await recording(serving.url, person) as wire:
        old = person.receipt({1: SIGNALS})
        grant = person.grant(old)
        await wire.send(grant, person.withdraw(0, person.receipt({})), grant)
        assert [(await wire.receive())[0] for _ in range(2)] == [8, 9]
        assert await wire.receive() == [10, 34, "receipt_replaced"]


async def test_a_withdrawal_stops_the_devices_other_streams(serving: Serving) -> None:
    person = Participant(serving.programme)
    first = await recording(serving.url, person)
    person.salt = os.urandom(16)
    second, _ = await greeted(serving.url, person)
    await second.send(person.withdraw(0, person.receipt({})))
    assert (await second.receive())[0] == 9
    assert await first.receive() == [5, "withdrawn"]
    await first.send(person.batch(1))
    assert await first.ack_of(1) == (1, {1: "withdrawn"})
    await first.socket.close()
    await second.socket.close()


async def test_a_narrower_grant_withdraws_what_it_leaves_out(serving: Serving) -> None:
    person = Participant(serving.programme)
    async with await recording(serving.url, person) as wire:
        old = person.receipt_hash
        await wire.send(person.grant(person.receipt({1: ["pointer"]})))
        person.receipt_hash = old
        await wire.send(person.batch(1, signals=1), person.batch(2, signals=3))
        assert await wire.ack_of(2) == (2, {2: "withdrawn"})


@pytest.mark.parametrize(
    ("grants", "changes", "reason"),
    [
        ({1: SIGNALS}, {"policy": "ab" * 32}, "policy_unknown"),
        ({1: SIGNALS}, {"notice": "ab" * 32}, "notice_mismatch"),
        ({1: SIGNALS}, {"participant_key": "ab" * 16}, "wrong_device"),
        ({7: ["pointer"]}, {}, "exceeds_policy"),
        ({1: ["scroll"]}, {}, "exceeds_policy"),
        ({1: SIGNALS}, {"kind": "none"}, "receipt_malformed"),
    ],
)
async def test_a_receipt_that_cannot_stand_is_refused(
    serving: Serving, grants: dict[int, list[str]], changes: dict[str, object], reason: str
) -> None:
    person = Participant(serving.programme)
    await enrolled(serving.url, person)
    wire, _ = await greeted(serving.url, person)
    await wire.send(person.grant(person.receipt(grants, **changes)))
    assert await wire.receive() == [10, 34, reason]
    await wire.socket.close()


async def test_a_receipt_signed_by_another_is_refused(serving: Serving) -> None:
    person = Participant(serving.programme)
    await enrolled(serving.url, person)
    wire, _ = await greeted(serving.url, person)
    body = person.receipt({1: SIGNALS})
    await wire.send([34, body, SigningKey.generate().sign("candor/v1/receipt", body)])
    assert await wire.receive() == [10, 34, "bad_signature"]
    withdraw = person.withdraw(3, person.receipt({}))
    await wire.send([35, 4, *withdraw[2:]])
    assert await wire.receive() == [10, 35, "bad_signature"]
    await wire.send(person.withdraw(0, body))
    assert await wire.receive() == [10, 35, "receipt_malformed"]
    await wire.socket.close()


async def test_a_no_leaves_the_same_rows_as_a_yes(serving: Serving) -> None:
    for grants in ({1: SIGNALS}, {}):
        person = Participant(serving.programme)
        await enrolled(serving.url, person)
        wire, _ = await greeted(serving.url, person)
        await wire.send(person.grant(person.receipt(grants)))
        assert (await wire.receive())[0] == 8
        await wire.socket.close()
    shapes = rows(
        serving,
        """SELECT devices.epoch, contact_day, length(sealed_code), count(DISTINCT receipt),
                  count(DISTINCT streams.stream)
           FROM devices JOIN enrolments USING (device) JOIN receipts USING (device)
                JOIN streams USING (device)
           GROUP BY devices.device""",
    )
    assert len(shapes) == 2
    assert shapes[0] == shapes[1]


# ------------------------------------------------------------------------------------- sessions


async def test_the_newest_session_of_a_stream_wins(serving: Serving) -> None:
    person = Participant(serving.programme)
    first = await recording(serving.url, person)
    await first.send(person.batch(1))
    await first.ack_of(1)
    second, welcome = await greeted(serving.url, person)
    assert welcome[1:3] == [2, 1]
    assert await first.close_code() == 4409
    await second.send(person.segment(), person.batch(2))
    assert await second.ack_of(2) == (2, {})
    await second.socket.close()


async def test_resume_goes_on_where_everything_has_its_outcome(serving: Serving) -> None:
    person = Participant(serving.programme)
    wire = await recording(serving.url, person)
    await wire.send(*[person.batch(seq) for seq in range(1, 21)], [38, 21, 25, "outbox_full"])
    await wire.ack_of(25)
    wire.socket.transport.abort()
    wire, welcome = await greeted(serving.url, person)
    assert welcome[2] == 25
    await wire.socket.close()


async def test_acks_are_few_where_batches_are_many(serving: Serving) -> None:
    person = Participant(serving.programme)
    async with await recording(serving.url, person) as wire:
        await wire.send(*[person.batch(seq) for seq in range(1, 61)])
        acks = 0
        through = 0
        while through < 60:
            message = await wire.receive()
            assert message[0] == 3
            acks += 1
            through = message[1]
    assert acks <= 10


# ------------------------------------------------------------------------------------- policies


async def test_a_newer_policy_reaches_everyone_and_ends_what_it_leaves_out(
    serving: Serving,
) -> None:
    person = Participant(serving.programme)
    async with await recording(serving.url, person) as wire:
        await wire.send(person.batch(1, signals=3))
        await wire.ack_of(1)
        document = serving.programme.document(number=2)
        document["apps"][0]["signals"] = ["pointer"]
        publication = serving.programme.publication(number=2, apps=document["apps"])
        assert serving.post("/v1/policy", publication)[0] == 200
        told = await wire.receive()
        assert told[0] == 6
        assert told[1] == msgpack.unpackb(publication)[:3]
        await wire.send(person.batch(2, signals=3), person.batch(3, signals=1))
        assert await wire.ack_of(3) == (3, {2: "signal_not_granted"})
        grant = person.grant(person.receipt({1: ["pointer"]}))
        await wire.send(grant)
        assert await wire.receive() == [10, 34, "policy_superseded"]
    wire, welcome = await greeted(serving.url, person)
    assert welcome[4] == told[1]
    await wire.socket.close()


async def test_after_the_last_day_everything_is_refused(serving: Serving) -> None:
    person = Participant(serving.programme)
    async with await recording(serving.url, person) as wire:
        window = {"first_day": day_text(-9), "last_day": day_text(-1)}
        publication = serving.programme.publication(number=2, window=window)
        assert serving.post("/v1/policy", publication)[0] == 200
        messages = [await wire.receive(), await wire.receive()]
        assert messages[0][0] == 6
        assert messages[1] == [5, "programme_ended"]
        await wire.send(person.batch(1))
        assert await wire.ack_of(1) == (1, {1: "programme_ended"})


async def test_publishing_is_refused_by_name(serving: Serving) -> None:
    programme = serving.programme
    assert serving.post("/v1/policy", programme.publication())[0] == 200
    body, controller, representative, notice = msgpack.unpackb(programme.publication(number=2))
    other = type(programme)()
    other.ledger = programme.ledger
    cases: list[tuple[bytes, int, str]] = [
        (b"nonsense", 400, "malformed"),
        (msgpack.packb([body, controller, controller, notice]), 403, "bad_signature"),
        (msgpack.packb([body, controller, representative, b"other"]), 422, "notice_mismatch"),
        (programme.publication(number=1, k=20), 422, "policy"),
        (programme.publication(number=2, relay="https://elsewhere.example"), 422, "policy"),
        (programme.sign(b'{"apps":[]}'), 422, "policy"),
        (other.publication(number=2), 403, "key_not_pinned"),
    ]
    for publication, status, code in cases:
        answer = serving.post("/v1/policy", publication)
        assert answer[0] == status, answer
        assert f'"code": "{code}"'.encode() in answer[1]
    assert serving.post("/v1/policy", bytes(300_000))[0] == 413


async def test_policies_and_notices_are_public(serving: Serving) -> None:
    signed = msgpack.unpackb(serving.programme.publication())[:3]
    status, body = serving.get("/v1/policy")
    assert (status, msgpack.unpackb(body)) == (200, signed)
    assert serving.get(f"/v1/policies/{sha256(signed[0]).hex()}") == (200, body)
    assert serving.get(f"/v1/notices/{sha256(NOTICE).hex()}") == (200, NOTICE)
    for path in (f"/v1/policies/{'0' * 64}", "/v1/policies/zz", f"/v1/notices/{'A' * 64}", "/x"):
        assert serving.get(path)[0] == 404


# ---------------------------------------------------------------------------------------- reading


def ask(
    serving: Serving,
    key: SigningKey,
    role: str,
    what: str,
    *arguments: object,
    **changes: Any,  # noqa: ANN401 - what a test changes
) -> tuple[int, Any]:
    path = f"/v1/read/{what}"
    now_ms = changes.get("now_ms", time.time_ns() // 1_000_000)
    body = msgpack.packb([now_ms, changes.get("nonce", os.urandom(16)), *arguments])
    signature = key.sign("candor/v1/read", changes.get("origin", ORIGIN), role, path, body)
    text = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    status, answer = serving.post(path, body, Candor_Role=role, Candor_Signature=text)
    return status, msgpack.unpackb(answer) if status == 200 else answer


async def test_both_readers_read_what_is_theirs(serving: Serving) -> None:
    programme, person = serving.programme, Participant(serving.programme)
    async with await recording(serving.url, person) as wire:
        await wire.send(*[person.batch(seq) for seq in range(1, 8)])
        await wire.ack_of(7)
    days = (day_text(0), day_text(0))
    status, answer = ask(
        serving, programme.representative, "representative", "segments", [1, 2], *days, 0, 500
    )
    assert status == 200
    (row,), following = answer
    assert following is None
    assert row[1:5] == [person.stream, person.segment_id, 1, 0]
    assert row[5] == person.receipt_hash
    assert row[10] is None
    assert row[11] == b"sealed root"
    assert row[13] == person.salt
    _, answer = ask(serving, programme.requests, "research", "segments", [1], *days, 0, 1)
    assert answer[0][0][10] == b"l" * 32
    assert answer[1] == row[0]
    _, answer = ask(serving, programme.requests, "research", "segments", [1], *days, row[0], 1)
    assert answer == [[], None]
    _, answer = ask(serving, programme.requests, "research", "segments", [2], *days, 0, 500)
    assert answer == [[], None]
    elsewhen = (day_text(1), day_text(9))
    _, answer = ask(serving, programme.requests, "research", "segments", [1], *elsewhen, 0, 500)
    assert answer == [[], None]
    _, answer = ask(
        serving, programme.representative, "representative", "receipts", [row[5], b"x" * 32]
    )
    assert [found[0] for found in answer] == [row[5]]
    assert answer[0][3] == person.device_key
    arguments = (person.stream, person.segment_id, 2, 3)
    _, answer = ask(serving, programme.requests, "research", "batches", *arguments)
    assert [found[0] for found in answer[0]] == [3, 4, 5]
    assert answer[1] == 5
    assert answer[0][0][1:4] == [3, (3).to_bytes(12), b"sealed"]
    status, _ = ask(serving, programme.representative, "representative", "batches", *arguments)
    assert status == 403


async def test_reading_is_refused_to_everyone_else(serving: Serving) -> None:
    programme = serving.programme
    arguments = ("segments", [1], day_text(0), day_text(0), 0, 500)
    cases: list[tuple[SigningKey, str, dict[str, Any]]] = [
        (programme.controller, "representative", {}),
        (programme.requests, "representative", {}),
        (programme.representative, "research", {}),
        (programme.requests, "operator", {}),
        (programme.requests, "research", {"origin": "https://elsewhere.example"}),
        (programme.requests, "research", {"now_ms": time.time_ns() // 1_000_000 - 121_000}),
    ]
    for key, role, changes in cases:
        assert ask(serving, key, role, *arguments, **changes)[0] == 403
    nonce = os.urandom(16)
    assert ask(serving, programme.requests, "research", *arguments, nonce=nonce)[0] == 200
    status, answer = ask(serving, programme.requests, "research", *arguments, nonce=nonce)
    assert status == 403
    assert b"replayed" in answer
    assert ask(serving, programme.requests, "research", "segments", [1], "today")[0] == 400
    assert ask(serving, programme.requests, "research", "segments", [], *arguments[2:])[0] == 400
    impossible = ("segments", [1], "2026-02-30", "2026-03-01", 0, 5)
    assert ask(serving, programme.requests, "research", *impossible)[0] == 422
    assert serving.post("/v1/read/segments", b"", Candor_Role="research")[0] == 403


# ------------------------------------------------------------------------------ ends and restarts


async def test_sigterm_settles_acks_and_says_goodbye(serving: Serving) -> None:
    person = Participant(serving.programme)
    wire = await recording(serving.url, person)
    await wire.send(*[person.batch(seq) for seq in range(1, 51)])
    through, _ = await wire.ack_of(1)
    assert serving.process is not None
    serving.process.send_signal(signal.SIGTERM)
    with contextlib.suppress(ConnectionClosed):
        while True:
            message = await wire.receive()
            through = message[1] if message[0] == 3 else through
    assert wire.socket.close_code == 1001
    assert await asyncio.to_thread(serving.process.wait, 10) == 0
    (stored,) = rows(serving, "SELECT count(*), max(seq) FROM batches")
    assert stored == (through, through)


async def test_kill_9_loses_nothing_that_was_acked_and_stores_nothing_twice(
    serving: Serving,
) -> None:
    person = Participant(serving.programme)
    wire = await recording(serving.url, person)
    acked = 0
    for _ in range(5):
        sender = asyncio.create_task(_flood(wire, person, acked))
        await asyncio.sleep(0.15)
        serving.stop(signal.SIGKILL)
        acked = max(acked, await sender)
        serving.start(publish=False)
        wire, welcome = await greeted(serving.url, person)
        assert welcome[2] >= acked
        acked = welcome[2]
        await wire.send(person.segment())
        seqs = [seq for (seq,) in rows(serving, "SELECT seq FROM batches ORDER BY seq")]
        assert seqs == list(range(1, acked + 1))
    assert acked > 50
    assert counts(serving) == {"stored": acked}
    await wire.socket.close()


async def _flood(wire: Wire, person: Participant, acked: int) -> int:
    """Send with a full window until the connection breaks; return the highest ack."""
    seq = acked
    with contextlib.suppress(ConnectionClosed):
        while True:
            while seq < acked + 60:
                seq += 1
                await wire.send(person.batch(seq))
            message = await wire.receive()
            if message[0] == 3:
                acked = message[1]
    return acked


async def test_a_disk_that_takes_no_more_loses_nothing_and_recovers(serving: Serving) -> None:
    person = Participant(serving.programme)
    wire = await recording(serving.url, person)
    await wire.send(person.batch(1))
    await wire.ack_of(1)
    assert serving.process is not None
    # The log stays below this limit, the store is above it already.
    limit = max(20_000, serving.log.stat().st_size * 2)
    resource.prlimit(serving.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    await wire.send(person.batch(2))
    message = await wire.receive()
    assert (message[0], message[2]) in {(4, "store_failed"), (4, "store_full")}
    assert await wire.close_code() == 4503
    assert serving.get("/readyz")[0] == 503
    assert serving.get("/healthz")[0] == 200
    everything = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(serving.process.pid, resource.RLIMIT_FSIZE, everything)
    wire, welcome = await greeted(serving.url, person)
    assert welcome[2] == 1
    await wire.send(person.segment(), person.batch(2))
    assert await wire.ack_of(2) == (2, {})
    assert counts(serving) == {"stored": 2}
    assert serving.get("/readyz")[0] == 200
    await wire.socket.close()


async def test_without_free_space_nothing_new_is_stored(tmp_path: Path) -> None:
    running = Serving(tmp_path).start()
    person = Participant(running.programme)
    wire = await recording(running.url, person)
    await wire.socket.close()
    assert running.stop() == 0
    running.settings["min_free_bytes"] = 2**60
    running.start(publish=False)
    try:
        wire = await Wire.open(running.url)
        await wire.send(person.hello((await wire.receive())[1]))
        message = await wire.receive()
        assert (message[0], message[2]) == (4, "store_full")
        assert await wire.close_code() == 4503
    finally:
        assert running.stop() == 0


# ------------------------------------------------------------------------------- how it may start


def refused_start(directory: Path, *options: str) -> tuple[int, str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CANDOR_")}
    done = subprocess.run(
        [sys.executable, "-m", "relay", "serve", str(directory), "--port", "0", *options],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stderr


def test_one_directory_has_one_relay(serving: Serving) -> None:
    code, said = refused_start(serving.directory)
    assert code == 5
    assert "Another relay runs on this directory" in said


def test_without_tls_only_loopback_is_listened_on(tmp_path: Path) -> None:
    Serving(tmp_path)
    code, said = refused_start(tmp_path, "--host", "0.0.0.0")  # noqa: S104 - it is refused
    assert code == 2
    assert "loopback only" in said
    assert "--behind-proxy" in said


def test_a_demonstration_is_served_on_loopback_only(tmp_path: Path) -> None:
    running = Serving(tmp_path).start()
    assert running.stop() == 0
    code, said = refused_start(tmp_path, "--host", "0.0.0.0", "--behind-proxy")  # noqa: S104
    assert code == 4
    assert "demonstration" in said


def test_a_demonstration_cannot_be_published_where_others_listen(tmp_path: Path) -> None:
    running = Serving(tmp_path, host="0.0.0.0", behind_proxy="true")  # noqa: S104
    running.start(publish=False)
    try:
        status, answer = running.post("/v1/policy", running.programme.publication())
        assert status == 403
        assert b"demo_policy" in answer
    finally:
        assert running.stop() == 0


def test_a_missing_ledger_key_is_named(tmp_path: Path) -> None:
    Serving(tmp_path)
    (tmp_path / "ledger.key").unlink()
    code, said = refused_start(tmp_path)
    assert code == 2
    assert "ledger.key" in said


# ------------------------------------------------------------------------------ nothing personal


async def test_logs_and_metrics_name_no_device_no_stream_and_no_app(serving: Serving) -> None:
    person = Participant(serving.programme)
    async with await recording(serving.url, person) as wire:
        await wire.send(person.batch(1), person.batch(2, signals=4))
        await wire.ack_of(2)
    await asyncio.sleep(0.2)
    serving.get("/readyz")
    text = serving.text() + serving.get("/metrics")[1].decode()
    for secret in (
        person.device_key,
        person.stream,
        device_hash(person.device_key),
        person.segment_id,
        person.receipt_hash or b"",
    ):
        assert secret
        assert secret.hex() not in text
        assert base64.urlsafe_b64encode(secret).decode().rstrip("=") not in text
        assert base64.b64encode(secret).decode().rstrip("=") not in text
    for word in ("crm", "wiki", "127.0.0.1:", "pilot"):
        assert word not in text
