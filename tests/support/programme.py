"""One small programme with all its keys, and devices that send whatever bytes a test wants.

Owns what key holders and devices sign; shares no codec with the relay's messages.
"""

from __future__ import annotations

import datetime as dt
import os
from typing import Any, ClassVar, Self

import msgpack  # type: ignore[import-untyped]
from websockets.asyncio.client import ClientConnection, connect

from relay.consent.canonical import canonical
from relay.consent.document import encode_key
from relay.model import DeviceKey
from relay.protocol.transcript import device_hash, key_id, sha256, stream_id
from relay.vault.seal import OpeningKey
from relay.vault.sign import SigningKey

NOTICE = b"What is recorded, for whom, and how to leave."
ORIGIN = "http://127.0.0.1:8443"
SIGNALS = ["click", "key_timing", "pointer"]
CLICK_AND_POINTER = 3
KEY_TIMING = 16


def day_text(offset: int) -> str:
    """Return today plus some days, UTC, as policies write days."""
    return (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=offset)).isoformat()


class Programme:
    """All keys of one programme, and its policies."""

    def __init__(self) -> None:
        self.controller = SigningKey.generate()
        self.representative = SigningKey.generate()
        self.codes = SigningKey.generate()
        self.cosigning = SigningKey.generate()
        self.requests = SigningKey.generate()
        self.ledger = SigningKey.generate()
        self.inner = OpeningKey.generate()
        self.outer = OpeningKey.generate()

    def document(self, **changes: object) -> dict[str, Any]:
        """Return a policy's document, with top-level fields replaced."""
        contact = {"email": "someone@corp.example", "name": "Some One"}
        names = ("codes", "controller", "cosigning", "inner", "ledger", "outer")
        keys = {name: getattr(self, name).public for name in (*names, "representative", "requests")}
        return {
            "apps": [
                {
                    "app": number,
                    "catalogue": "",
                    "excluded_paths": [],
                    "id": name,
                    "name": name,
                    "origins": [f"https://{name}.corp.example"],
                    "signals": SIGNALS,
                }
                for number, name in ((1, "crm"), (2, "wiki"))
            ],
            "backup_days": 7,
            "contacts": {
                "controller": contact,
                "data_protection_officer": contact,
                "representative": contact,
            },
            "eligible": "Everyone.",
            "format": "candor-policy-v1",
            "k": 10,
            "keys": {name: encode_key(key) for name, key in keys.items()},
            "mark": "demo",
            "notice": sha256(NOTICE).hex(),
            "number": 1,
            "programme": "pilot",
            "purposes": ["Tests."],
            "relay": ORIGIN,
            "retention_days": 183,
            "window": {"first_day": day_text(-1), "last_day": day_text(90)},
            **changes,
        }

    def publication(self, **changes: object) -> bytes:
        """Return the body of `POST /v1/policy` for such a policy."""
        return self.sign(canonical(self.document(**changes)))

    def sign(self, body: bytes, notice: bytes = NOTICE) -> bytes:
        """Return a publication of these bytes, signed by both policy keys."""
        label = "candor/v1/policy"
        return bytes(
            msgpack.packb(
                [
                    body,
                    self.controller.sign(label, "controller", body),
                    self.representative.sign(label, "representative", body),
                    notice,
                ]
            )
        )

    def body(self, **changes: object) -> bytes:
        """Return the canonical bytes of such a policy."""
        return canonical(self.document(**changes))


class Participant:
    """A device's keys and everything it can sign."""

    def __init__(self, programme: Programme, policy_body: bytes | None = None) -> None:
        self.programme = programme
        self.policy = sha256(policy_body or programme.body())
        self.key = SigningKey.generate()
        self.own = OpeningKey.generate()
        self.salt = os.urandom(16)
        self.segment_id = os.urandom(16)
        self.receipt_hash: bytes | None = None

    @property
    def device_key(self) -> DeviceKey:
        """The public key, 32 bytes."""
        return DeviceKey(self.key.public)

    @property
    def stream(self) -> bytes:
        """The stream's id."""
        return stream_id(self.device_key, self.salt)

    def enrol(self, nonce: bytes, **changes: Any) -> list[Any]:  # noqa: ANN401
        """Return an enrolment; `code` and `programme` may be changed before signing."""
        name = changes.get("programme", "pilot")
        code = changes.get("code", os.urandom(16))
        by = changes.get("code_key", self.programme.codes)
        sealed = b"sealed code"
        own = changes.get("own", self.own.public)
        signature = self.key.sign(
            "candor/v1/enrol", nonce, ORIGIN, name, self.device_key, own, code, sealed
        )
        code_signature = by.sign("candor/v1/code", name, code)
        return [33, self.device_key, own, name, code, code_signature, sealed, None, signature]

    def hello(self, nonce: bytes, **changes: Any) -> list[Any]:  # noqa: ANN401
        """Return a hello; its parts with a name here may be changed before signing."""
        name = changes.get("programme", "pilot")
        version, transport = changes.get("version", 1), changes.get("transport", 1)
        signature = self.key.sign(
            "candor/v1/hello",
            nonce,
            changes.get("origin", ORIGIN),
            name,
            self.stream,
            device_hash(self.device_key),
            self.receipt_hash,
            self.policy,
            version,
            transport,
            None,
        )
        head = [32, self.device_key, self.salt, name, self.receipt_hash, self.policy]
        return [*head, version, transport, None, signature]

    def receipt(self, grants: dict[int, list[str]], **changes: object) -> bytes:
        """Return the canonical bytes of a receipt."""
        return canonical(
            {
                "device": encode_key(self.device_key),
                "format": "candor-receipt-v1",
                "given_at": 1_795_000_000,
                "grants": [{"app": app, "signals": names} for app, names in grants.items()],
                "kind": "grant" if grants else "none",
                "language": "en",
                "nonce": os.urandom(16).hex(),
                "notice": sha256(NOTICE).hex(),
                "participant_key": key_id(self.own.public).hex(),
                "policy": self.policy.hex(),
                "previous": "",
                "programme": "pilot",
                **changes,
            }
        )

    def grant(self, body: bytes) -> list[Any]:
        """Return a grant of this receipt, which segments then name."""
        self.receipt_hash = sha256(body)
        return [34, body, self.key.sign("candor/v1/receipt", body)]

    def withdraw(self, through: int, body: bytes) -> list[Any]:
        """Return a withdrawal by this receipt."""
        label = "candor/v1/withdraw"
        bound = self.key.sign(label, "pilot", self.stream, through, sha256(body))
        return [35, through, body, self.key.sign("candor/v1/receipt", body), bound]

    def segment(self, *, group: int = 0, app: int = 1, **changes: Any) -> list[Any]:  # noqa: ANN401
        """Return a segment whose sealed parts are made up: no relay opens them."""
        return [
            36,
            changes.get("id", self.segment_id),
            app,
            group,
            changes.get("receipt", self.receipt_hash),
            changes.get("policy", self.policy),
            changes.get("inner", key_id(self.programme.inner.public)),
            changes.get("outer", key_id(self.programme.outer.public)),
            changes.get("own", key_id(self.own.public)),
            changes.get("root_hash", b"h" * 32),
            changes.get("salt", b"l" * 32),
            b"sealed root",
            b"sealed own root",
        ]

    def batch(
        self, seq: int, *, signals: int = CLICK_AND_POINTER, content: bytes = b"sealed"
    ) -> list[Any]:
        """Return a batch of the present segment."""
        return [37, seq, self.segment_id, signals, seq.to_bytes(12), content]


class Wire:
    """A raw connection: sends any array or bytes, receives arrays."""

    opened: ClassVar[list[Wire]] = []

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    @classmethod
    async def open(cls, url: str, **options: Any) -> Self:  # noqa: ANN401
        """Connect to a relay's origin."""
        chosen = {"subprotocols": ["candor.v1"], "compression": None, "proxy": None, **options}
        wire = cls(await connect(url.replace("http", "ws", 1) + "/v1/stream", **chosen))
        cls.opened.append(wire)
        return wire

    @classmethod
    async def close_all(cls) -> None:
        """Close what a test left open, also where it failed."""
        for wire in cls.opened:
            wire.socket.transport.abort()
            await wire.socket.wait_closed()
        cls.opened.clear()

    async def send(self, *messages: object) -> None:
        """Send each as one binary frame."""
        for message in messages:
            data = message if isinstance(message, bytes) else msgpack.packb(message)
            await self.socket.send(data)

    async def receive(self) -> list[Any]:
        """Return the next message."""
        return list(msgpack.unpackb(await self.socket.recv()))

    async def ack_of(self, seq: int) -> tuple[int, dict[int, str]]:
        """Wait until everything up to `seq` is settled; return how far and what was refused."""
        refused: dict[int, str] = {}
        while True:
            message = await self.receive()
            if message[0] == 3:
                refused |= dict(message[2])
                if message[1] >= seq:
                    return message[1], refused

    async def close_code(self) -> int:
        """Wait for the relay to close, and return its code."""
        await self.socket.wait_closed()
        return self.socket.close_code or 0

    async def __aenter__(self) -> Self:
        """Keep the connection open."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.socket.close()


async def enrolled(url: str, person: Participant) -> None:
    """Enrol a device with a fresh code."""
    async with await Wire.open(url) as wire:
        challenge = await wire.receive()
        await wire.send(person.enrol(challenge[1]))
        answer = await wire.receive()
        assert answer[0] == 7, answer


async def greeted(url: str, person: Participant, **options: Any) -> tuple[Wire, list[Any]]:  # noqa: ANN401
    """Open a device's stream; return the connection and the welcome."""
    wire = await Wire.open(url, **options)
    challenge = await wire.receive()
    await wire.send(person.hello(challenge[1]))
    welcome = await wire.receive()
    assert welcome[0] == 2, welcome
    return wire, welcome


async def recording(url: str, person: Participant) -> Wire:
    """Enrol a device, open its stream, grant everything, announce its segment."""
    await enrolled(url, person)
    wire, _ = await greeted(url, person)
    await wire.send(person.grant(person.receipt({1: SIGNALS})))
    answer = await wire.receive()
    assert answer[0] == 8, answer
    await wire.send(person.segment())
    return wire
