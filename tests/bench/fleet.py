"""Thousands of enrolled devices, made once through the real protocol, and their sealed batches.

Owns the relay folder that every measurement starts from a copy of.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import pickle
import random
import shutil
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from relay.client import wire
from relay.client.codec import pack_array
from relay.client.sealing import Segment, Standing, begin_segment
from relay.consent.document import Policy, encode_key
from relay.consent.policy import parse_policy
from relay.consent.receipt import Grant, Receipt, receipt_body, receipt_hash
from relay.model import (
    DeviceKey,
    PolicyHash,
    ReceiptHash,
    SegmentId,
    Seq,
    Signal,
    StreamId,
    group_signals,
)
from relay.protocol.transcript import (
    batch_binding,
    device_hash,
    key_id,
    stream_id,
    transcript,
)
from relay.vault.keys import load_keys
from relay.vault.seal import OpeningKey, seal, seal_batch
from relay.vault.sign import SigningKey
from tests.bench.servers import ROOT, Candor
from tests.bench.sockets import Socket
from tests.support.relay import candor

T = TypeVar("T")
APP: Final = 1
SIGNALS: Final = int(group_signals(0))
DECLARED: Final = int(Signal.POINTER | Signal.CLICK | Signal.HOVER | Signal.SCROLL)
POOL: Final = 512
TRANSPORT: Final = 1
"""WebSocket, as protocol.md section 4 numbers it."""
MIGRATIONS: Final = ROOT / "relay" / "store" / "migrations"
_AT_ONCE: Final = 100
_DAY_S: Final = 86_400


@dataclass
class Device:
    """One enrolled device with a grant, and the segment it will write to."""

    seed: bytes
    salt: bytes
    receipt: ReceiptHash
    segment: Segment


@dataclass
class Fleet:
    """Everything a measurement needs to know of the programme."""

    relay: str
    programme: str
    policy: PolicyHash
    devices: list[Device]
    sealed: list[bytes]


def make_fleet(folder: Path, count: int) -> Fleet:
    """Return the fleet of a folder, making it if it is not there yet.

    Args:
        folder: Holds `relay/`, the relay folder to copy, and the fleet's own file.
        count: Devices, at least.
    """
    schema = b"".join(path.read_bytes() for path in sorted(MIGRATIONS.rglob("*.sql")))
    made_from = hashlib.sha256(schema).hexdigest()[:16]
    kept = folder / f"fleet-{count}-{int(time.time()) // _DAY_S}-{made_from}.pickle"
    if kept.exists():
        fleet: Fleet = pickle.loads(kept.read_bytes())  # noqa: S301 - written below
        return fleet
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    data = folder / "relay"
    port = _free_port()
    origin = f"http://127.0.0.1:{port}"
    candor("init", data, "--demo", "--relay", origin, "--app", "https://crm.corp.example")
    for role in ("controller", "representative"):
        candor(
            "policy", "sign", data / "policy.toml", "--key", data / f"keys/{role}.key.json", "--yes"
        )
    server = Candor(data, port)
    server.start()
    try:
        signatures = [data / f"policy.{role}.sig" for role in ("controller", "representative")]
        candor("policy", "publish", data / "policy.toml", *signatures, "--relay", origin)
        fleet = asyncio.run(_enrol_all(server, data, count))
    finally:
        server.stop()
    kept.write_bytes(pickle.dumps(fleet))
    return fleet


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _enrol_all(server: Candor, data: Path, count: int) -> Fleet:
    body = server.policy_body()
    policy = parse_policy(body)
    policy_hash = PolicyHash(hashlib.sha256(body).digest())
    codes = load_keys(data / "keys" / "representative.key.json").signing("codes")
    participant = OpeningKey.generate().public
    fleet = Fleet(policy.relay, policy.programme, policy_hash, [], _sealed_pool())
    for start in range(0, count, _AT_ONCE):
        fleet.devices += await asyncio.gather(
            *(
                _enrol(server.port, policy, policy_hash, codes, participant)
                for _ in range(start, min(count, start + _AT_ONCE))
            )
        )
    return fleet


async def _enrol(
    port: int, policy: Policy, policy_hash: PolicyHash, codes: SigningKey, participant: bytes
) -> Device:
    """Enrol a device, grant all general signals, and leave."""
    key, code, salt = SigningKey.generate(), os.urandom(16), os.urandom(16)
    public = DeviceKey(key.public)
    programme = policy.programme
    link = await Socket.open(port)
    challenge = _expect(await link.receive(), wire.Challenge)
    sealed_code = seal(
        policy.key("outer"),
        transcript("candor/v1/seal/code", programme, device_hash(public)),
        code,
    )
    proof = key.sign(
        "candor/v1/enrol",
        challenge.nonce,
        policy.relay,
        programme,
        public,
        participant,
        code,
        sealed_code,
    )
    await link.send(
        wire.pack(
            wire.ENROL,
            public,
            participant,
            programme,
            code,
            codes.sign("candor/v1/code", programme, code),
            sealed_code,
            None,
            proof,
        )
    )
    _expect(await link.receive(), wire.Enrolled)
    challenge = _expect(await link.receive(), wire.Challenge)
    await link.send(hello(key, salt, policy.relay, programme, policy_hash, None, challenge.nonce))
    _expect(await link.receive(), wire.Welcome)
    body = receipt_body(
        Receipt(
            device=encode_key(public),
            format="candor-receipt-v1",
            given_at=int(time.time()),
            grants=(
                Grant(
                    app=APP,
                    signals=tuple(
                        sorted(signal.label for signal in Signal if signal & policy_signals(policy))
                    ),
                ),
            ),
            kind="grant",
            language="en",
            nonce=os.urandom(16).hex(),
            notice=policy.notice,
            participant_key=key_id(participant).hex(),
            policy=policy_hash.hex(),
            previous="",
            programme=programme,
        )
    )
    await link.send(wire.pack(wire.GRANT, body, key.sign("candor/v1/receipt", body)))
    _expect(await link.receive(), wire.Granted)
    link.close()
    receipt = receipt_hash(body)
    standing = Standing(stream_id(public, salt), receipt, policy_hash, APP, 0, Signal(DECLARED))
    segment = begin_segment(standing, policy, participant, 0)
    return Device(key.seed, salt, receipt, segment)


def policy_signals(policy: Policy) -> int:
    """Return the signals that the policy allows in the app."""
    app = policy.app(APP)
    assert app is not None
    return int(app.signals_bits)


def hello(
    key: SigningKey,
    salt: bytes,
    relay: str,
    programme: str,
    policy: bytes,
    receipt: bytes | None,
    nonce: bytes,
) -> bytes:
    """Return the signed hello of a device."""
    public = DeviceKey(key.public)
    signature = key.sign(
        "candor/v1/hello",
        nonce,
        relay,
        programme,
        stream_id(public, salt),
        device_hash(public),
        receipt,
        policy,
        wire.VERSION,
        TRANSPORT,
        None,
    )
    return wire.pack(
        wire.HELLO,
        public,
        salt,
        programme,
        receipt,
        policy,
        wire.VERSION,
        TRANSPORT,
        None,
        signature,
    )


async def greet(port: int, fleet: Fleet, device: Device, *, real: bool) -> Socket:
    """Connect a device, say hello and announce its segment.

    Args:
        port: The server's.
        fleet: The programme.
        device: Which one.
        real: Whether the server challenges and verifies; the peers take the same frames unsigned.
    """
    link = await Socket.open(port)
    nonce = _expect(await link.receive(), wire.Challenge).nonce if real else bytes(32)
    key = SigningKey(device.seed)
    await link.send(
        hello(key, device.salt, fleet.relay, fleet.programme, fleet.policy, device.receipt, nonce)
    )
    _expect(await link.receive(), wire.Welcome)
    await link.send(device.segment.frame)
    return link


async def greet_all(
    port: int, fleet: Fleet, devices: Sequence[Device], *, real: bool
) -> list[Socket]:
    """Connect many devices, a hundred at once."""
    links: list[Socket] = []
    for start in range(0, len(devices), _AT_ONCE):
        links += await asyncio.gather(
            *(greet(port, fleet, device, real=real) for device in devices[start : start + _AT_ONCE])
        )
    return links


def _expect(frame: bytes, kind: type[T]) -> T:
    message = wire.unpack(frame)
    assert isinstance(message, kind), f"expected {kind.__name__}, got {message}"
    return message


def _sealed_pool() -> list[bytes]:
    """Seal a second of plausible work each: what a batch carries once a second."""
    rng = random.Random(7)
    key, segment = os.urandom(32), SegmentId(os.urandom(16))
    stream = StreamId(os.urandom(32))
    pool = []
    for _ in range(POOL):
        moves = rng.randint(10, 100)
        pointer = [
            [rng.choice((1, 2, 2, 2, 3)) for _ in range(moves)],
            [rng.randint(200, 1200)] + [round(rng.gauss(0, 9)) for _ in range(moves - 1)],
            [rng.randint(100, 700)] + [round(rng.gauss(0, 6)) for _ in range(moves - 1)],
        ]
        click = [[50], [0], [30], [rng.randint(1, 64)]] if rng.random() < 0.4 else None
        hover = [[20, 40], [30, 30], [17, 9]] if rng.random() < 0.5 else None
        scroll = [[3] * 8, [0] * 8, [rng.randint(-120, 120)] * 8] if rng.random() < 0.2 else None
        plaintext = pack_array(
            *(1, APP, 0, DECLARED, 178_000_000_000, rng.getrandbits(32), 0),
            *(pointer, click, hover, None, None, scroll, None, None),
        )
        binding = batch_binding(stream, segment, Seq(1), DECLARED)
        pool.append(seal_batch(key, os.urandom(12), binding, plaintext))
    return pool
