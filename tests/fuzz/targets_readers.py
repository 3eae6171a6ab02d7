"""Parsers of requests and answers of readers, of the files between people, and of settings.

Owns one function for each, as target.py says; the table stands at the end.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from relay.client.web import Web
from relay.consent.canonical import canonical
from relay.dataset.reading import Reader
from relay.dataset.request import read_request
from relay.dataset.unlock import read_unlocked
from relay.errors import InputError, ProtocolError, SignatureError
from relay.settings import FILE_NAME, load_settings
from relay.vault.keys import KeyFile, PublicKeys, key_json, load_keys, load_public
from relay.vault.sign import SigningKey
from relay.vault.signatures import read_signature
from relay.web import read as reading
from tests.fuzz import seeds
from tests.fuzz.mutate_json import mutate_json
from tests.fuzz.mutate_msgpack import mutate_msgpack
from tests.fuzz.mutation import Draw, mutate_bytes, mutate_text
from tests.fuzz.target import Target, as_text


class _Bringing(Web):
    """A relay's HTTPS side that brings one answer, whatever is asked."""

    def __init__(self, answer: bytes) -> None:
        super().__init__("http://127.0.0.1:9")
        self._answer = answer

    def get(self, path: str) -> bytes:  # noqa: ARG002 - whatever is asked
        return self._answer

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:  # noqa: ARG002
        return self._answer


def _reading(body: bytes) -> str:
    error: ProtocolError | None = None
    decoders: tuple[msgspec.msgpack.Decoder[Any], ...] = (
        reading._SEGMENTS,  # noqa: SLF001
        reading._RECEIPTS,  # noqa: SLF001
        reading._BATCHES,  # noqa: SLF001
    )
    for decoder in decoders:
        try:
            asked = reading._read(decoder, body)  # noqa: SLF001
        except ProtocolError as refused:
            error = refused
            continue
        again = msgspec.msgpack.encode(asked)
        assert reading._read(decoder, again) == asked  # noqa: SLF001
        return again.hex()
    assert error is not None
    raise error


def _pages(answer: bytes) -> str:
    reader = Reader(_Bringing(answer), "research", _ANY_KEY)
    taken: list[str] = []
    error: ProtocolError | None = None
    for ask in (
        lambda: list(reader.segments((1,), "2026-11-24", "2026-11-25")),
        lambda: reader.receipts([b"h" * 32]),
        lambda: list(reader.batches(b"t" * 32, b"g" * 16)),
        lambda: [reader.policy()],
    ):
        try:
            taken.append(msgspec.msgpack.encode(ask()).hex())
        except ProtocolError as refused:
            error = refused
    if not taken:
        assert error is not None
        raise error
    return " ".join(taken)


_ANY_KEY: Final = SigningKey(b"k" * 32)


def _in_file(read: Callable[[Path], str], name: str = "file") -> Callable[[bytes], str]:
    """Return a reader of bytes from a reader of files; only their owner can read them."""

    def from_bytes(data: bytes) -> str:
        path = _folder() / name
        path.write_bytes(data)
        path.chmod(0o600)
        return read(path)

    return from_bytes


@functools.cache
def _folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="candor-fuzz-")
    _KEPT.append(folder)
    return Path(folder.name)


_KEPT: Final[list[tempfile.TemporaryDirectory[str]]] = []


def _request_file(path: Path) -> str:
    signed = read_request(path)
    body = canonical(msgspec.to_builtins(signed.request()))
    assert body == signed.body.encode()
    return body.hex()


def _unlocked(lines: bytes) -> str:
    """Read lines that are signed, or a file as it came where its last line has a signature."""
    data = lines if b'"signature"' in lines else seeds.sign_unlocked(lines)
    found = read_unlocked(data, seeds.signed_request(), seeds.REPRESENTATIVE.public)
    return f"{len(found.roots)}"


def _unlocked_seeds() -> list[bytes]:
    lines = seeds.unlocked_lines()
    return [b"".join(lines), b"".join(lines), *lines, seeds.sign_unlocked(b"".join(lines))]


def _mutate_lines(draw: Draw, files: Sequence[bytes]) -> bytes:
    """Change the lines of a file, one by one or all together."""
    data: bytes = draw.choice(files)
    if draw.random() < 0.3:
        return mutate_bytes(draw, files)
    lines = data.splitlines(keepends=True)
    place = draw.randrange(len(lines))
    lines[place] = mutate_json(draw, [lines[place]]) + draw.choice((b"\n", b"\n", b"\r\n", b""))
    return b"".join(lines)


def _key_file(path: Path) -> str:
    try:
        return _same(load_keys(path))
    except InputError:
        return _same(load_public(path))


def _same(keys: KeyFile | PublicKeys) -> str:
    data = key_json(keys)
    kind = PublicKeys if isinstance(keys, PublicKeys) else type(keys)
    assert msgspec.json.decode(data, type=kind) == keys
    return data.hex()


def _signature_file(path: Path) -> str:
    return msgspec.json.encode(read_signature(path)).hex()


def _settings_file(path: Path) -> str:
    settings = load_settings(path.parent, {})
    assert float("-inf") < settings.idle_timeout_s < float("inf")
    return str(settings.port)


def _settings_environment(text: bytes) -> str:
    """Read `NAME=text` lines as an environment."""
    lines = as_text(text).splitlines()
    pairs = [line.partition("=") for line in lines]
    settings = load_settings(
        Path("nowhere"),
        {f"CANDOR_{name.strip().upper()}": value.strip().strip('"') for name, _, value in pairs},
    )
    assert float("-inf") < settings.idle_timeout_s < float("inf")
    return str(settings.port)


READERS: Final = {
    "reading": Target(seeds.readings, mutate_msgpack, _reading, (ProtocolError,)),
    "pages": Target(
        lambda: [*seeds.pages(), *seeds.signed_policies()],
        mutate_msgpack,
        _pages,
        (ProtocolError,),
    ),
    "request_file": Target(
        seeds.request_files, _mutate_lines, _in_file(_request_file), (InputError,)
    ),
    "unlocked_file": Target(
        _unlocked_seeds, _mutate_lines, _unlocked, (InputError, SignatureError)
    ),
    "key_file": Target(seeds.key_files, mutate_json, _in_file(_key_file), (InputError,)),
    "signature_file": Target(
        seeds.key_files, mutate_json, _in_file(_signature_file), (InputError,)
    ),
    "settings_file": Target(
        seeds.settings,
        mutate_text,
        _in_file(_settings_file, FILE_NAME),
        (InputError,),
        is_public=True,
    ),
    "settings_environment": Target(
        seeds.settings, mutate_text, _settings_environment, (InputError,), is_public=True
    ),
}
