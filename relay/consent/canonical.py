"""Canonical JSON: the one byte form of every document that is signed or hashed.

Owns the encoding and its strict reading; never knows what a document means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import msgspec

from relay.errors import InputError
from relay.model import MAX_INT

MAX_DEPTH = 16
"""Lists and objects inside one another; no document of ours has more than five."""


def canonical(value: object) -> bytes:
    """Encode a document in its only form.

    Args:
        value: Mappings with ASCII keys, sequences, text, booleans and integers of 53 bits.

    Raises:
        InputError: Something in it has no canonical form: a float, a null, a large integer, or
            more than `MAX_DEPTH` lists and objects inside one another.

    Source: RFC 8785, restricted to the values whose form no two libraries disagree on.
    """
    return json.dumps(
        _plain(value, "$", MAX_DEPTH), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()


def read_canonical(body: bytes, *, max_bytes: int) -> object:
    """Decode a document and make sure that these are the only bytes that say this.

    Args:
        body: The bytes as they came.
        max_bytes: Longest body that is looked at.

    Raises:
        InputError: It is too long, no JSON, or not canonical.
    """
    if len(body) > max_bytes:
        raise InputError(f"The document is longer than {max_bytes} bytes. Shorten it.")
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InputError(
            "The document is not JSON. Write it again with the tool that made it."
        ) from None
    try:
        is_canonical = canonical(value) == body
    except InputError:  # says where, in the words of whoever sent this
        is_canonical = False
    if not is_canonical:
        raise InputError(
            "The document is JSON, but not in canonical form: keys sorted, no white space, each "
            "key once. Write it again with `candor policy check`, and do not edit the result."
        )
    return value


def _plain(value: object, path: str, depth: int) -> object:
    """Copy a value as plain dicts and lists, refusing whatever has no canonical form."""
    match value:
        case bool():
            return value
        case int():
            if -MAX_INT <= value <= MAX_INT:
                return value
        case str():
            if not any("\ud800" <= char <= "\udfff" for char in value):
                return value
        case Mapping() if depth:
            return {
                _key(key, path): _plain(item, f"{path}.{key}", depth - 1)
                for key, item in value.items()
            }
        case Sequence() if depth and not isinstance(value, bytes | bytearray | memoryview):
            return [
                _plain(item, f"{path}[{number}]", depth - 1) for number, item in enumerate(value)
            ]
        case _:
            pass
    raise InputError(
        f"{path} has no canonical form. Use text, whole numbers below 2^53, true, false, lists "
        f"and objects, at most {MAX_DEPTH} inside one another."
    )


def _key(key: object, path: str) -> str:
    """Return a key if it is ASCII text."""
    if isinstance(key, str) and key.isascii():
        return key
    raise InputError(f"A key in {path} is not ASCII text. Rename it.")
