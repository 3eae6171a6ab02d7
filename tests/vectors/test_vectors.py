"""Runs every vector in Python: the relay's code, the client's and the vault's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relay.client import parse_enrolment
from relay.client.codec import pack_array
from relay.client.lines import read_answer
from relay.client.wire import pack, unpack
from relay.consent.allowlist import Match, NoMatch, match_app
from relay.consent.canonical import canonical, read_canonical
from relay.consent.document import App, SignedPolicy
from relay.consent.policy import check_successor, parse_policy, policy_hash, verify_signed
from relay.consent.receipt import parse_receipt, receipt_body, receipt_hash
from relay.errors import (
    ColumnsError,
    InputError,
    PolicyError,
    ProtocolError,
    ReceiptError,
    SignatureError,
)
from relay.protocol.columns import decode_columns, encode_columns
from relay.protocol.effects import Fault
from relay.protocol.exchange import LABEL, read_frames, read_request, write_answer
from relay.protocol.messages import decode_device, decode_relay, encode
from relay.protocol.transcript import (
    batch_binding,
    device_hash,
    fingerprint,
    key_id,
    labelled_hash,
    root_binding,
    root_hash,
    stream_id,
    transcript,
)
from relay.protocol.vocabulary import is_target, may_have_cell, split_target
from relay.vault.seal import OpeningKey, frame_key, open_batch, pad, seal_batch, unpad
from relay.vault.sign import is_valid
from relay.vault.words import key_words
from tests.vectors.craft import FORMAT, Json
from tests.vectors.generate import HERE, differences
from tests.vectors.replay import Replay

_IDS = {
    "device": device_hash,
    "stream": stream_id,
    "root": root_hash,
    "key_id": key_id,
    "fingerprint": fingerprint,
}


def _parts(value: Json) -> Json:
    """Undo `make_frames.wrapped`."""
    match value:
        case {"hex": text}:
            return bytes.fromhex(text)
        case list():
            return [_parts(item) for item in value]
        case _:
            return value


def _flat(message: Json) -> Json:
    """Return a message's positions without its type; structures become lists."""
    match message:
        case msgspec.Struct():
            return [_flat(item) for item in msgspec.structs.astuple(message)]
        case list() | tuple():
            return [_flat(item) for item in message]
        case _:
            return message


class Runners:
    """One function a kind; its parameters are exactly the keys of that kind."""

    @staticmethod
    def frame(side: str, frame: str, positions: Json, *, shortest: bool) -> None:
        data = bytes.fromhex(frame)
        kind, *expected = _parts(positions)
        message = decode_relay(data) if side == "relay" else decode_device(data)
        assert msgspec.msgpack.decode(encode(message))[0] == kind
        assert _flat(message) == expected
        assert (encode(message) == data) == shortest
        assert (pack(kind, *expected) == data) == shortest
        if side == "relay":
            assert _flat(list(unpack(data))) == expected

    @staticmethod
    def frame_refused(side: str, frame: str, error: str) -> None:
        data = bytes.fromhex(frame)
        decoders = [decode_relay, unpack] if side == "relay" else [decode_device]
        for decode in decoders:
            with pytest.raises(ProtocolError) as raised:
                decode(data)
            assert raised.value.code == error

    @staticmethod
    def transcript(label: str, parts: Json, transcript: str, hash: str) -> None:  # noqa: A002
        given = _parts(parts)
        assert _transcript(label, *given).hex() == transcript
        assert labelled_hash(label, *given).hex() == hash

    @staticmethod
    def id(id: str, inputs: list[str], result: str) -> None:  # noqa: A002
        make: Any = _IDS[id]
        assert make(*map(bytes.fromhex, inputs)).hex() == result

    @staticmethod
    def signature(key: str, label: str, parts: Json, signature: str, *, valid: bool) -> None:
        given = bytes.fromhex(key), bytes.fromhex(signature)
        assert is_valid(*given, label, *_parts(parts)) == valid

    @staticmethod
    def exchange_request(
        key: str, origin: str, exchange: str, counter: int, frames: list[str], request: str
    ) -> None:
        asked, sent = read_request(bytes.fromhex(request)), [bytes.fromhex(one) for one in frames]
        assert (asked.exchange.hex(), asked.counter) == (exchange, counter)
        assert list(read_frames(asked.body)) == sent
        parts = asked.signed_parts(origin)
        assert is_valid(bytes.fromhex(key), asked.signature, LABEL, *parts)
        packed = pack_array(asked.exchange, counter, asked.signature, pack_array(*sent))
        assert packed.hex() == request

    @staticmethod
    def exchange_answer(answer: str, frames: list[str], close: int | None) -> None:
        said = tuple(bytes.fromhex(one) for one in frames)
        assert write_answer(said, None if close is None else Fault(close)).hex() == answer
        assert read_answer(bytes.fromhex(answer)) == (list(said), close or 0)

    @staticmethod
    def exchange_answer_refused(answer: str) -> None:
        with pytest.raises(ProtocolError):
            read_answer(bytes.fromhex(answer))

    @staticmethod
    def words(key: str, words: list[str]) -> None:
        assert list(key_words(bytes.fromhex(key))) == words

    @staticmethod
    def padding(plaintext: str, padded: str) -> None:
        assert pad(bytes.fromhex(plaintext)).hex() == padded
        assert unpad(bytes.fromhex(padded)).hex() == plaintext

    @staticmethod
    def batch_seal(seq: int, signals: int, **given: str) -> None:
        part = {name: bytes.fromhex(text) for name, text in given.items()}
        plaintext, sealed, nonce = part.pop("plaintext"), part.pop("ciphertext"), part.pop("nonce")
        key = frame_key(part.pop("root"), part.pop("salt"))
        binding: Any = batch_binding
        bound = binding(**part, seq=seq, signals=signals)
        assert seal_batch(key, nonce, bound, plaintext) == sealed
        assert open_batch(key, nonce, bound, sealed) == plaintext
        with pytest.raises(SignatureError):
            open_batch(key, nonce, binding(**part, seq=seq, signals=signals ^ 1), sealed)

    @staticmethod
    def root_seal(seed: str, sealed: str, plaintext: str, **bound: Json) -> None:
        opened = OpeningKey(bytes.fromhex(seed)).open(bytes.fromhex(sealed), _binding(**bound))
        assert opened.hex() == plaintext

    @staticmethod
    def root_seal_refused(seed: str, sealed: str, **bound: Json) -> None:
        with pytest.raises(SignatureError):
            OpeningKey(bytes.fromhex(seed)).open(bytes.fromhex(sealed), _binding(**bound))

    @staticmethod
    def target(code: int, split: list[int], *, known: bool, cell: bool) -> None:
        assert list(msgspec.structs.astuple(split_target(code))) == split
        assert is_target(code) == known
        assert may_have_cell(code) == cell

    @staticmethod
    def columns(app: int, group: int, signals: int, plaintext: str, positions: Json) -> None:
        data = bytes.fromhex(plaintext)
        columns = decode_columns(data, app, group, signals)
        assert _flat(columns) == positions
        assert encode_columns(columns) == data

    @staticmethod
    def columns_refused(app: int, group: int, signals: int, plaintext: str, error: str) -> None:
        with pytest.raises(ColumnsError) as raised:
            decode_columns(bytes.fromhex(plaintext), app, group, signals)
        assert raised.value.code == error

    @staticmethod
    def canonical(body: str, *, valid: bool) -> None:
        data = bytes.fromhex(body)
        if valid:
            assert canonical(read_canonical(data, max_bytes=1_000)) == data
        else:
            with pytest.raises(InputError):
                read_canonical(data, max_bytes=1_000)

    @staticmethod
    def policy(body: str, hash: str) -> None:  # noqa: A002
        parse_policy(bytes.fromhex(body))
        assert policy_hash(bytes.fromhex(body)).hex() == hash

    @staticmethod
    def policy_refused(body: str) -> None:
        with pytest.raises(PolicyError):
            parse_policy(bytes.fromhex(body))

    @staticmethod
    def signed_policy(body: str, controller: str, representative: str, *, valid: bool) -> None:
        signed = SignedPolicy(*map(bytes.fromhex, (body, controller, representative)))
        if valid:
            verify_signed(signed, is_valid)
        else:
            with pytest.raises(SignatureError):
                verify_signed(signed, is_valid)

    @staticmethod
    def successor(current: str, following: str, fault: str | None) -> None:
        policies = parse_policy(bytes.fromhex(following)), parse_policy(bytes.fromhex(current))
        if fault is None:
            check_successor(*policies)
        else:
            with pytest.raises(PolicyError, match=rf"^{fault}: "):
                check_successor(*policies)

    @staticmethod
    def receipt(body: str, hash: str, granted: dict[str, int]) -> None:  # noqa: A002
        receipt = parse_receipt(bytes.fromhex(body))
        assert receipt_body(receipt).hex() == body
        assert receipt_hash(bytes.fromhex(body)).hex() == hash
        assert {str(one.app): int(one.signals_bits) for one in receipt.grants} == granted

    @staticmethod
    def receipt_refused(body: str) -> None:
        with pytest.raises(ReceiptError):
            parse_receipt(bytes.fromhex(body))

    @staticmethod
    def page(url: str, apps: Json, answer: int | str) -> None:
        match match_app(url, msgspec.convert(apps, list[App])):
            case Match(app):
                assert app == answer
            case NoMatch(reason):
                assert reason == answer

    @staticmethod
    def enrolment(text: str, relay: str, **parts: str) -> None:
        parsed = parse_enrolment(text)
        assert parsed.relay == relay
        assert {
            "fingerprint": parsed.fingerprint.hex(),
            "code": parsed.code.hex(),
            "code_signature": parsed.code_signature.hex(),
        } == parts

    @staticmethod
    def enrolment_refused(text: str) -> None:
        with pytest.raises(InputError) as raised:
            parse_enrolment(text)
        assert raised.value.code == "enrolment_malformed"

    @staticmethod
    def session(steps: Json, announced: int, through: int) -> None:
        replay = Replay(steps)
        replay.run()
        assert replay.fault is None
        assert (replay.session.announced, replay.session.through) == (announced, through)

    @staticmethod
    def session_refused(steps: Json, fault: str) -> None:
        replay = Replay(steps)
        replay.run()
        assert replay.fault == fault


_transcript = transcript


def _binding(
    layer: str, programme: str, root_hash: str, *, app: int, group: int, **ids: str
) -> bytes:
    bound: dict[str, Any] = {name: bytes.fromhex(value) for name, value in ids.items()}
    commitment = bytes.fromhex(root_hash)
    return root_binding(
        layer, programme=programme, app=app, group=group, root_commitment=commitment, **bound
    )


def _files() -> list[Path]:
    return sorted(HERE.glob("*.json"))


@pytest.mark.parametrize("path", _files(), ids=lambda path: path.stem)
def test_vector(path: Path) -> None:
    fields = json.loads(path.read_text())
    assert fields.pop("format") == FORMAT
    assert fields.pop("claim")
    run = getattr(Runners, fields.pop("kind"))
    run(**fields)  # a missing or unknown key is a TypeError


def test_there_are_vectors() -> None:
    assert len(_files()) >= 40


def test_generating_again_gives_the_same_files() -> None:
    assert differences() == []


def test_an_unknown_key_fails() -> None:
    with pytest.raises(TypeError):
        Runners.words(key="00", words=[], more=1)  # type: ignore[call-arg]  # what is tested
