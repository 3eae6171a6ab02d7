"""Reading recorded HTTP exchanges: from the bytes of one connection to requests and answers.

Owns as much of RFC 9112 as a recording of our own relay needs; never answers anybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.support.wire import Direction, Recording

_END = b"\r\n\r\n"


class Post(NamedTuple):
    """One request and its answer; the answer is empty where none was recorded."""

    path: str
    asked_at: float
    question: bytes
    answered_at: float
    status: int
    answer: bytes


class _Part(NamedTuple):
    first: str
    body: bytes
    when: float


def posts(recording: Recording) -> list[Post]:
    """Return the POST requests of one connection, in order."""
    answers = list(_parts(recording, "down"))
    found = []
    for number, part in enumerate(_parts(recording, "up")):
        answer = answers[number] if number < len(answers) else _Part("HTTP/1.1 0", b"", part.when)
        method, path, *_ = part.first.split(" ")
        if method == "POST":
            status = int(answer.first.split(" ")[1])
            found.append(Post(path, part.when, part.body, answer.when, status, answer.body))
    return found


def _parts(recording: Recording, direction: Direction) -> Iterator[_Part]:
    data = recording.bytes_of(direction)
    at = 0
    while (end := data.find(_END, at)) >= 0:
        first, *fields = data[at:end].decode("latin-1").split("\r\n")
        if " 101 " in first:
            return  # from here on it is a WebSocket's
        names = {
            name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)
        }
        at = end + len(_END)
        if "chunked" in names.get("transfer-encoding", ""):
            body, at = _chunks(data, at)
        else:
            length = int(names.get("content-length", "0"))
            body, at = data[at : at + length], at + length
        if at > len(data):
            return
        yield _Part(first, body, recording.time_at(direction, at))


def _chunks(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the body whose chunks begin here, and where what follows begins."""
    body = b""
    while (end := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:end].split(b";")[0], 16)
        body += data[end + 2 : end + 2 + size]
        at = end + 2 + size + 2
        if size == 0:
            return body, at
    return body, len(data) + 1
