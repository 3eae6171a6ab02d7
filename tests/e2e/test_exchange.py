"""Sessions over signed POSTs as devices and their networks meet them (protocol.md, transport 2)."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relay.protocol.transcript import sha256
from relay.settings import SHIPPED_EXTENSION_ID
from relay.vault.sign import SigningKey
from tests.support.exchanges import PATH, Answer, Posts, packed, recording_by_posts
from tests.support.programme import ORIGIN, Participant, Wire, greeted, recording
from tests.support.serving import Serving

OURS = f"chrome-extension://{SHIPPED_EXTENSION_ID}"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    running = Serving(tmp_path_factory.mktemp("exchange"))
    running.start()
    yield running
    running.stop()
    log = running.text()
    assert "Traceback" not in log
    assert '"level": "critical"' not in log


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Return a function that starts a relay of the test's own, stopped after it."""
    with contextlib.ExitStack() as stack:

        def start(**settings: object) -> Serving:
            serving = Serving(tmp_path, **settings).start()
            stack.callback(serving.stop)
            return serving

        yield start


@pytest.fixture
def person(serving: Serving) -> Participant:
    return Participant(serving.programme)


def seqs(serving: Serving, person: Participant) -> list[int]:
    """Return the seqs stored for a device's stream, in order of arrival."""
    with contextlib.closing(sqlite3.connect(serving.directory / "relay.sqlite")) as db:
        query = "SELECT seq FROM batches JOIN streams USING (stream) WHERE id = $1 ORDER BY batch"
        return [seq for (seq,) in db.execute(query, {"1": person.stream})]


def is_refused(answer: Answer, status: int, code: str) -> bool:
    return answer.status == status and f'"code": "{code}"'.encode() in answer.body


# ------------------------------------------------------------------------------------ the session


def test_the_answer_brings_the_ack_of_what_the_request_carried(
    serving: Serving, person: Participant
) -> None:
    posts = recording_by_posts(serving, person)
    answer = posts.send(*[person.batch(seq) for seq in range(1, 31)], [38, 31, 40, "outbox_full"])
    assert answer.messages == [[3, 40, []]]
    assert answer.close is None
    assert seqs(serving, person) == list(range(1, 31))


def test_every_message_is_answered_as_on_a_socket(serving: Serving, person: Participant) -> None:
    posts = recording_by_posts(serving, person)
    assert posts.send([39, 7]).messages == [[11, 7]]
    leaving = person.receipt({})
    answer = posts.send(person.batch(1), person.withdraw(1, leaving), person.batch(2))
    assert [message[0] for message in answer.messages] == [3, 9, 3]
    assert answer.messages[2] == [3, 2, [[2, "withdrawn"]]]


def test_what_the_relay_has_to_say_waits_for_the_next_answer(
    serving: Serving, person: Participant
) -> None:
    posts = recording_by_posts(serving, person)
    other = Participant(serving.programme)
    other.key, other.own = person.key, person.own
    elsewhere = Posts(serving, other)
    elsewhere.hello()
    elsewhere.send(other.withdraw(0, other.receipt({})))
    assert posts.send([39, 1]).messages == [[5, "withdrawn"], [11, 1]]


def test_a_breach_closes_with_the_code_a_socket_would_have_had(
    serving: Serving, person: Participant
) -> None:
    posts = recording_by_posts(serving, person)
    answer = posts.send(person.batch(1), person.batch(3))
    assert (answer.through, answer.close) in {(1, 4423), (0, 4423)}
    again = posts.send([39, 1])
    assert (again.messages, again.close) == ([], 4423)


def test_a_hello_says_its_transport(serving: Serving, person: Participant) -> None:
    recording_by_posts(serving, person)
    assert Posts(serving, person).hello(transport=1).close == 4400


async def test_a_hello_of_this_transport_is_no_hello_on_a_socket(
    serving: Serving, person: Participant
) -> None:
    recording_by_posts(serving, person)
    wire = await Wire.open(serving.url)
    challenge = await wire.receive()
    await wire.send(person.hello(challenge[1], transport=2))
    assert await wire.close_code() == 4400
    await Wire.close_all()


def test_an_exchange_is_for_the_device_that_opened_it(
    serving: Serving, person: Participant
) -> None:
    recording_by_posts(serving, person)
    thief = Participant(serving.programme)
    posts = Posts(serving, thief)
    frames = [person.hello(posts.nonce, transport=2), person.enrol(posts.nonce)]
    for frame in frames:
        assert Posts(serving, thief).send(frame).close == 4401


# ------------------------------------------------------------------------------- counters and bytes


def test_the_same_counter_with_the_same_bytes_gets_the_same_answer(
    serving: Serving, person: Participant
) -> None:
    posts = recording_by_posts(serving, person)
    request = posts.request(person.batch(1), person.batch(2), [39, 5])
    first = posts.post(request)
    assert first.through == 2
    assert [posts.post(request) for _ in range(3)] == [first] * 3
    assert posts.send(person.batch(3)).through == 3
    assert seqs(serving, person) == [1, 2, 3]


def test_the_same_counter_with_other_bytes_is_refused_and_changes_nothing(
    serving: Serving, person: Participant
) -> None:
    posts = recording_by_posts(serving, person)
    request = posts.request(person.batch(1))
    first = posts.post(request)
    other = posts.request(person.batch(2), counter=posts.counter)
    assert is_refused(posts.post(other), 409, "counter_refused")
    assert posts.post(request) == first
    assert posts.send(person.batch(2)).through == 2
    assert seqs(serving, person) == [1, 2]


def test_an_older_or_a_skipped_counter_is_refused_and_changes_nothing(
    serving: Serving, person: Participant
) -> None:
    posts = recording_by_posts(serving, person)
    old = posts.request(person.batch(1))
    posts.post(old)
    posts.send(person.batch(2))
    assert is_refused(posts.post(old), 409, "counter_refused")
    skipped = posts.request(person.batch(3), counter=posts.counter + 2)
    assert is_refused(posts.post(skipped), 409, "counter_refused")
    assert posts.send(person.batch(3)).through == 3
    assert seqs(serving, person) == [1, 2, 3]


def test_a_request_under_way_may_be_repeated_but_not_overtaken(
    serve: Callable[..., Serving],
) -> None:
    serving = serve(linger_ms=1_000)
    person = Participant(serving.programme)
    posts = recording_by_posts(serving, person)
    request = posts.request(person.batch(1))
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda: answers.append(posts.post(request))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    assert is_refused(posts.post(posts.request(person.batch(2))), 409, "counter_refused")
    for thread in threads:
        thread.join()
    assert [answer.through for answer in answers] == [1, 1, 1]
    assert answers[0] == answers[1] == answers[2]
    assert seqs(serving, person) == [1]


def test_a_request_that_another_signed_changes_nothing(
    serving: Serving, person: Participant
) -> None:
    posts = recording_by_posts(serving, person)
    thief = SigningKey.generate()
    counter = posts.counter + 1
    forged = [
        posts.request(person.batch(1), counter=counter, key=thief),
        posts.request(person.batch(1), counter=counter, origin="https://elsewhere.example"),
        posts.request(person.batch(1), counter=counter)[:-1] + b"\x00",
    ]
    for request in forged:
        assert is_refused(posts.post(request), 403, "bad_signature")
    assert posts.send(person.batch(1)).through == 1


def test_a_request_for_one_exchange_is_no_request_for_another(
    serving: Serving, person: Participant
) -> None:
    posts = recording_by_posts(serving, person)
    other = Posts(serving, person)
    request = posts.request([39, 1], counter=1)
    moved = request.replace(posts.id, other.id, 1)
    assert is_refused(other.post(moved), 403, "bad_signature")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        packed([]),
        packed([b"x" * 32, 1, b"s" * 64]),
        packed([b"x" * 32, 0, b"s" * 64, packed([b"x"])]),
        packed([b"x" * 31, 1, b"s" * 64, packed([b"x"])]),
        packed([b"x" * 32, True, b"s" * 64, packed([b"x"])]),
    ],
    ids=["empty", "nonsense", "no parts", "three parts", "counter 0", "short id", "bool"],
)
def test_a_malformed_request_is_named(serving: Serving, body: bytes) -> None:
    assert is_refused(Answer(*serving.post(PATH, body)), 400, "malformed")
    assert is_refused(Answer(*serving.post(f"{PATH}/open", body)), 400, "malformed")


@pytest.mark.parametrize(
    "frames",
    [packed([]), packed([b""]), packed(["text"]), packed([b"x"] * 257), b"\xc1", packed([b"", 1])],
    ids=["none", "empty", "text", "too many", "no msgpack", "int"],
)
def test_a_malformed_body_does_not_count(
    serving: Serving, person: Participant, frames: bytes
) -> None:
    posts = recording_by_posts(serving, person)
    counter = posts.counter + 1
    parts = (ORIGIN, posts.id, counter, sha256(frames))
    signature = person.key.sign("candor/v1/frames", *parts)
    request = packed([posts.id, counter, signature, frames])
    assert is_refused(posts.post(request), 400, "malformed")
    assert posts.send(person.batch(1)).through == 1


def test_too_large_a_request_is_named(serving: Serving) -> None:
    answer = Answer(*serving.post(PATH, bytes(262_145)))
    assert answer.status == 413


# --------------------------------------------------------------------------------- ends of sessions


def test_an_unknown_exchange_is_named(serving: Serving, person: Participant) -> None:
    posts = recording_by_posts(serving, person)
    posts.id = os.urandom(32)
    assert is_refused(posts.send([39, 1]), 404, "session_unknown")


async def test_the_newest_session_wins_across_transports(
    serving: Serving, person: Participant
) -> None:
    first = await recording(serving.url, person)
    await first.send(person.batch(1))
    await first.ack_of(1)
    posts = Posts(serving, person)
    [welcome] = posts.hello().messages
    assert welcome[1:3] == [2, 1]
    assert await first.close_code() == 4409
    assert posts.send(person.segment(), person.batch(2)).through == 2
    second, welcome = await greeted(serving.url, person)
    assert welcome[1:3] == [3, 2]
    late = posts.send(person.batch(3))
    assert (late.messages, late.close) == ([], 4409)
    await second.send(person.segment(), person.batch(3))
    assert await second.ack_of(3) == (3, {})
    await Wire.close_all()
    assert seqs(serving, person) == [1, 2, 3]


def test_unread_answers_end_a_session(serve: Callable[..., Serving]) -> None:
    serving = serve(slow_reader_bytes=4096)
    person = Participant(serving.programme)
    posts, reader = recording_by_posts(serving, person), Participant(serving.programme)
    reads = recording_by_posts(serving, reader)
    for number in range(2, 5):
        publication = serving.programme.publication(number=number)
        assert serving.post("/v1/policy", publication)[0] == 200
        assert [message[0] for message in reads.send([39, number]).messages] == [6, 11]
    assert posts.send([39, 1]).close == 4430


def test_silence_ends_a_session_and_is_told_for_a_while(serve: Callable[..., Serving]) -> None:
    serving = serve(idle_timeout_s=1.5, hello_timeout_s=1)
    person = Participant(serving.programme)
    posts = recording_by_posts(serving, person)
    for _ in range(3):
        time.sleep(0.7)
        assert posts.send([39, 1]).close is None
    time.sleep(2.2)
    ended = posts.send([39, 1])
    assert (ended.messages, ended.close) == ([], 4408)
    time.sleep(1.8)
    assert is_refused(posts.send([39, 1]), 404, "session_unknown")
    late = Posts(serving, person)
    time.sleep(1.6)
    assert late.hello().close == 4408


def test_a_restart_forgets_exchanges_and_keeps_what_was_acked(
    serve: Callable[..., Serving],
) -> None:
    serving = serve()
    person = Participant(serving.programme)
    posts = recording_by_posts(serving, person)
    assert posts.send(person.batch(1), person.batch(2)).through == 2
    serving.stop()
    serving.start(publish=False)
    assert is_refused(posts.send(person.batch(3)), 404, "session_unknown")
    posts = Posts(serving, person)
    [welcome] = posts.hello().messages
    assert welcome[2] == 2
    assert posts.send(person.segment(), person.batch(3)).through == 3
    assert seqs(serving, person) == [1, 2, 3]


def test_a_relay_that_stops_answers_what_it_took(serve: Callable[..., Serving]) -> None:
    serving = serve(linger_ms=1_000)
    person = Participant(serving.programme)
    posts = recording_by_posts(serving, person)
    answers: list[Answer] = []
    request = posts.request(person.batch(1), person.batch(2))
    thread = threading.Thread(target=lambda: answers.append(posts.post(request)))
    thread.start()
    time.sleep(0.3)
    assert serving.stop() == 0
    thread.join()
    assert [answer.through for answer in answers] == [2]
    assert answers[0].close in {None, 1001}
    assert seqs(serving, person) == [1, 2]


def test_openings_are_bounded_apart_from_sockets(serve: Callable[..., Serving]) -> None:
    serving = serve(max_connections=3, hello_timeout_s=1)
    person = Participant(serving.programme)
    kept = recording_by_posts(serving, person)
    for _ in range(2):
        Posts(serving, Participant(serving.programme))
    refused = Answer(*serving.post(f"{PATH}/open", packed([person.device_key])))
    assert is_refused(refused, 503, "full")
    assert kept.send([39, 1]).close is None
    assert serving.metric('candor_connections_refused_total{reason="full"}') == 1
    assert serving.metric('candor_sessions_opened_total{transport="https"}') == 1


# ------------------------------------------------------------------------------------------ origins


@pytest.mark.parametrize("path", [PATH, f"{PATH}/open"])
@pytest.mark.parametrize(
    "origin", ["https://crm.corp.example", "http://127.0.0.1", "null", f"{OURS}x"]
)
def test_web_pages_may_neither_ask_nor_post(serving: Serving, path: str, origin: str) -> None:
    body = packed([b"k" * 32])
    for method in ("POST", "OPTIONS"):
        status, headers, answer = serving.ask(method, path, body, {"Origin": origin})
        assert is_refused(Answer(status, answer), 403, "origin")
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("origin", [OURS, "moz-extension://7d9f"])
def test_the_extension_may_ask_and_post_and_see_refusals(serving: Serving, origin: str) -> None:
    for path in (PATH, f"{PATH}/open"):
        status, headers, _ = serving.ask(
            "OPTIONS",
            path,
            None,
            {
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type",
            },
        )
        assert status == 204
        assert headers["access-control-allow-origin"] == origin
        assert headers["access-control-allow-methods"] == "POST"
        assert headers["access-control-allow-headers"] == "Content-Type"
    for path, body, expected in (
        (f"{PATH}/open", packed([b"k" * 32]), 200),
        (PATH, packed([b"x" * 32, 1, b"s" * 64, b"b"]), 404),
        (PATH, b"nonsense", 400),
        (PATH, bytes(262_145), 413),
    ):
        status, headers, _ = serving.ask("POST", path, body, {"Origin": origin})
        assert status == expected
        assert headers["access-control-allow-origin"] == origin
        assert headers["vary"] == "Origin"
        assert headers["cache-control"] == "no-store"
