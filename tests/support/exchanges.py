"""A raw exchange of signed POSTs: sends any frames under any counter, and reads the answers.

Owns transport 2 as a test speaks it; shares no codec with the relay's messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgpack  # type: ignore[import-untyped]

from relay.protocol.transcript import sha256
from relay.vault.sign import SigningKey
from tests.support.programme import ORIGIN, SIGNALS, Participant
from tests.support.serving import Serving

PATH = "/v1/frames"


@dataclass(frozen=True)
class Answer:
    """What the relay said to one POST."""

    status: int
    body: bytes

    @property
    def messages(self) -> list[list[Any]]:
        """Return the messages of an answer 200."""
        assert self.status == 200, self
        return [list(msgpack.unpackb(frame)) for frame in msgpack.unpackb(self.body)[0]]

    @property
    def close(self) -> int | None:
        """Return the close code of an answer 200."""
        assert self.status == 200, self
        code: int | None = msgpack.unpackb(self.body)[1]
        return code

    @property
    def through(self) -> int:
        """Return how far the answer acks."""
        return max((message[1] for message in self.messages if message[0] == 3), default=0)


class Posts:
    """One exchange of a device.

    Args:
        serving: The relay.
        person: The device.
    """

    def __init__(self, serving: Serving, person: Participant) -> None:
        self.serving = serving
        self.person = person
        self.counter = 0
        opened = Answer(*serving.post(f"{PATH}/open", packed([person.device_key])))
        [[kind, self.nonce, version, reserved]] = opened.messages
        assert (kind, version, reserved, opened.close) == (1, 1, None, None)
        self.id = self.nonce

    def request(
        self,
        *messages: object,
        counter: int | None = None,
        key: SigningKey | None = None,
        origin: str = ORIGIN,
    ) -> bytes:
        """Return a request, by default the next one, signed by the device."""
        if counter is None:
            self.counter += 1
            counter = self.counter
        body = packed([m if isinstance(m, bytes) else packed(m) for m in messages])
        parts = (origin, self.id, counter, sha256(body))
        signature = (key or self.person.key).sign("candor/v1/frames", *parts)
        return packed([self.id, counter, signature, body])

    def post(self, request: bytes, **headers: str) -> Answer:
        """Post these bytes."""
        return Answer(*self.serving.post(PATH, request, **headers))

    def send(self, *messages: object) -> Answer:
        """Post the next request."""
        return self.post(self.request(*messages))

    def hello(self, **changes: Any) -> Answer:  # noqa: ANN401
        """Say hello to the challenge."""
        return self.send(self.person.hello(self.nonce, **{"transport": 2, **changes}))


def packed(value: object) -> bytes:
    """Return msgpack."""
    data: bytes = msgpack.packb(value)
    return data


def recording_by_posts(serving: Serving, person: Participant) -> Posts:
    """Enrol a device, open its stream, grant everything, announce its segment."""
    posts = Posts(serving, person)
    enrolled, challenge = posts.send(person.enrol(posts.nonce)).messages
    assert (enrolled[0], challenge[0]) == (7, 1)
    posts.nonce = challenge[1]
    assert [message[0] for message in posts.hello().messages] == [2]
    granted = posts.send(person.grant(person.receipt({1: SIGNALS}))).messages
    assert [message[0] for message in granted] == [8]
    assert posts.send(person.segment()).messages == []
    return posts
