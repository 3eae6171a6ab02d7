"""Inputs that are long, deep or boastful, for what bounds time and memory.

Owns their shapes; every one is at most some 100 kB, as much as a decoder is ever given at once.
"""

from __future__ import annotations

import base64
import json
from typing import Final

from tests.fuzz import seeds
from tests.fuzz.words import TEXT_PIECES

_KB: Final = 1_024
_DEPTHS: Final = (9, 17, 200, 480, 700, 1_100, 20_000)
_BOASTS: Final = tuple(
    bytes.fromhex(text)
    for text in (
        *("dd7fffffff", "ddffffffff", "dd0000ffff", "dcffff", "df7fffffff", "dfffffffff", "deffff"),
        *("db7fffffff", "dbffffffff", "c67fffffff", "c6ffffffff", "c9ffffffff01", "c97fffffffff"),
    )
)
_HEADS: Final = (
    b"",
    b"\x93\x03\x01",
    b"\x92\x06\x93",
    b"\x98\x02\x01\x00",
    b"\x93\x25\x01",
    b"\x91",
)
"""Beginnings of messages, so that what follows stands where a list or text is awaited."""


def msgpack_bombs() -> list[bytes]:
    """Return claims of more than is there, alone, in rows and inside one another."""
    nested = [b"\x91" * depth + b"\xc0" for depth in _DEPTHS]
    nested += [b"\x81\x01" * depth + b"\xc0" for depth in _DEPTHS]
    wide = [
        head + boast * count + bytes(size)
        for head in _HEADS
        for boast in _BOASTS
        for count in (1, 900, 12_000)
        for size in (0, 60 * _KB)
        if len(boast) * count + size <= 64 * _KB
    ]
    longest = [
        b"\xdd" + (60 * _KB).to_bytes(4) + item * (60 * _KB) for item in (b"\0", b"\x90", b"\xa0")
    ]
    return [*nested, *wide, *longest]


def json_bombs() -> list[bytes]:
    """Return documents that are deep or wide, and numbers and keys without end."""
    deep = [
        one * depth + b"1" + other * depth
        for depth in _DEPTHS
        for one, other in ((b"[", b"]"), (b'{"a":', b"}"))
    ]
    number = b"9" * 30_000
    return [
        *deep,
        *(b"[" * depth for depth in _DEPTHS),
        *(number, b"-" + number, b"1e" + number, b"0." + number, b'{"k":' + number + b"}"),
        b"[" + b"1," * 15_000 + b"1]",
        b"{" + b",".join(b'"k%d":1' % place for place in range(3_000)) + b"}",
        b'"' + b"\\ud83d\\ude00" * 2_500 + b'"',
        b'"' + b"\\\\" * 16_000 + b'"',
    ]


def toml_bombs() -> list[bytes]:
    """Return tables and lists inside one another, and numbers without end."""
    return [
        *(b"a = " + b"[" * depth + b"]" * depth for depth in _DEPTHS),
        *(b"a = " + b"{a=" * depth + b"1" + b"}" * depth for depth in _DEPTHS),
        *(b"a" + b".a" * depth + b" = 1" for depth in _DEPTHS[:-1]),
        *(b"[" + b"a." * depth + b"a]" for depth in _DEPTHS[:-1]),
        *(name + b" = " + b"9" * 5_000 for name in (b"k", b"port", b"idle_timeout_s", b"a")),
        *(
            name + b" = " + sign + b"inf"
            for name in (b"k", b"idle_timeout_s")
            for sign in (b"", b"-")
        ),
        b'a = "' + b"\\u00e9" * 8_000 + b'"',
        b"host = '''" + b"'" * 40_000,
        b"\n" * 60_000,
    ]


def text_bombs() -> list[bytes]:
    """Return addresses and strings with one piece, or two, repeated for long."""
    pieces = [piece for piece in TEXT_PIECES if 0 < len(piece) < 12]
    pieces += ["a.", ". ", "%2e%2e/", "a:1", ":1", "..;", "%25", "a", "a@"]
    return [
        (start + piece * (12_000 // len(piece)) + "x").encode("utf-8", "surrogatepass")
        for start in ("https://crm.corp.example/", "https://", "candor1.")
        for piece in pieces
    ]


def of(name: str) -> list[bytes]:
    """Return nothing at all, and the bombs that fit a target."""
    return [b"", *_fitting(name)]


def _fitting(name: str) -> list[bytes]:
    match name:
        case "url" | "padding":
            return text_bombs()
        case "enrolment":
            inner = [base64.urlsafe_b64encode(one).rstrip(b"=") for one in msgpack_bombs()]
            return [*text_bombs(), *(b"candor1." + one[:1_000] for one in inner)]
        case "columns":
            head = seeds.columns()[0][:4]
            return [head + one for one in msgpack_bombs()]
        case "canonical" | "policy" | "receipt" | "draft_json" | "key_file" | "signature_file":
            return json_bombs()
        case "request_file":
            inside = [
                json.dumps(one.decode("utf-8", "surrogatepass")).encode() for one in json_bombs()
            ]
            bodies = [
                b'{"format":"candor-request-file-v1","signature":"AA","body":' + one + b"}"
                for one in inside
            ]
            return [*json_bombs(), *bodies]
        case "unlocked_file":
            return [*json_bombs(), *(one + b"\n" for one in json_bombs()), b"\n" * 60_000]
        case "draft_toml" | "settings_file" | "settings_environment":
            return toml_bombs()
        case _:
            return msgpack_bombs()
