"""Decoders of what comes over the wire: frames, exchanges, columns, publications.

Owns one function for each, as target.py says; the table stands at the end.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Final

import msgpack  # type: ignore[import-untyped]  # it ships no types
import msgspec

from relay.client import wire
from relay.client.joining import read_signed_policy
from relay.client.lines import read_answer
from relay.consent.policy import parse_policy, policy_body
from relay.errors import CandorError, InputError, ProtocolError, SignatureError
from relay.protocol import exchange, messages
from relay.protocol.columns import decode_columns, encode_columns
from relay.rights.policies import Pinned, check_publication, read_publication
from relay.vault.seal import pad, unpad
from tests.fuzz import seeds
from tests.fuzz.mutate_msgpack import mutate_msgpack
from tests.fuzz.mutation import Draw, mutate_bytes
from tests.fuzz.target import Target


def _device_frame(frame: bytes) -> str:
    message = messages.decode_device(frame)
    again = messages.encode(message)
    assert messages.decode_device(again) == message
    return again.hex()


def _relay_frame(frame: bytes) -> str:
    message = messages.decode_relay(frame)
    again = messages.encode(message)
    assert messages.decode_relay(again) == message
    return again.hex()


_KINDS: Final = {
    wire.Challenge: 1,
    wire.Welcome: 2,
    wire.Ack: 3,
    wire.Retry: 4,
    wire.Stop: 5,
    wire.NewPolicy: 6,
    wire.Enrolled: 7,
    wire.Granted: 8,
    wire.Withdrawn: 9,
    wire.Refusal: 10,
    wire.Pong: 11,
}


def _client_frame(frame: bytes) -> str:
    message = wire.unpack(frame)
    again = wire.pack(_KINDS[type(message)], *message)
    assert wire.unpack(again) == message
    return again.hex()


def _columns(data: bytes) -> str:
    app, group, signals = int.from_bytes(data[:2]), *(data[2:4].ljust(2, b"\0"))
    plaintext = data[4:]
    columns = decode_columns(plaintext, app, group, signals)
    assert encode_columns(columns) == plaintext
    return plaintext.hex()


def _exchange_opening(body: bytes) -> str:
    return exchange.read_opening(body).hex()


def _exchange_request(body: bytes) -> str:
    request = exchange.read_request(body)
    again = msgspec.msgpack.encode(request)
    assert exchange.read_request(again) == request
    return again.hex()


def _exchange_frames(body: bytes) -> str:
    found = exchange.read_frames(body)
    again = msgspec.msgpack.encode(found)
    assert exchange.read_frames(again) == found
    return again.hex()


def _answer(answer: bytes) -> str:
    frames, close = read_answer(answer)
    return json.dumps([[frame.hex() for frame in frames], close], separators=(",", ":"))


def _signed_policy(answer: bytes) -> str:
    signed = read_signed_policy(answer)
    again: bytes = msgpack.packb([signed.body, signed.controller, signed.representative])
    assert read_signed_policy(again) == signed
    return again.hex()


def _publication(body: bytes) -> str:
    publication = read_publication(body)
    published = check_publication(publication, _pinned())
    assert policy_body(published.policy) == publication.body
    return published.hash.hex()


@functools.cache
def _pinned() -> Pinned:
    body = seeds.bodies("signed_policy")[0]
    keys = parse_policy(body)
    return Pinned(
        controller=keys.key("controller"),
        representative=keys.key("representative"),
        ledger=keys.key("ledger"),
        loopback_only=True,
    )


def _padding(data: bytes) -> str:
    plaintext = unpad(data)
    assert pad(plaintext) == data
    return plaintext.hex()


def _mutate_after(draw: Draw, found: Sequence[bytes], head: int) -> bytes:
    """Change what stands after a head, and the head now and then."""
    seed: bytes = draw.choice(found)
    kept = mutate_bytes(draw, [seed[:head]]) if draw.random() < 0.05 else seed[:head]
    return kept.ljust(head, b"\0")[:head] + mutate_msgpack(draw, [seed[head:], seed[head:]])


PROTOCOL: Final = {
    "device_frame": Target(
        lambda: seeds.frames("device"), mutate_msgpack, _device_frame, (ProtocolError,)
    ),
    "relay_frame": Target(
        lambda: seeds.frames("relay"), mutate_msgpack, _relay_frame, (ProtocolError,)
    ),
    "client_frame": Target(
        lambda: seeds.frames("relay"), mutate_msgpack, _client_frame, (ProtocolError,)
    ),
    "columns": Target(
        seeds.columns,
        lambda draw, found: _mutate_after(draw, found, 4),
        _columns,
        (InputError,),
    ),
    "exchange_opening": Target(seeds.openings, mutate_msgpack, _exchange_opening, (ProtocolError,)),
    "exchange_request": Target(seeds.requests, mutate_msgpack, _exchange_request, (ProtocolError,)),
    "exchange_frames": Target(
        seeds.request_frames, mutate_msgpack, _exchange_frames, (ProtocolError,)
    ),
    "exchange_answer": Target(seeds.answers, mutate_msgpack, _answer, (ProtocolError,)),
    "signed_policy": Target(
        seeds.signed_policies, mutate_msgpack, _signed_policy, (ProtocolError,)
    ),
    "publication": Target(
        seeds.publications, mutate_msgpack, _publication, (CandorError,), is_public=True
    ),
    "padding": Target(seeds.paddings, mutate_bytes, _padding, (SignatureError,)),
}
