"""Msgpack in longer forms than need be, which a strict reader must refuse or read alike.

Owns the writing; never reads.
"""

from __future__ import annotations

import random
import struct
from typing import Any

import msgpack  # type: ignore[import-untyped]  # it ships no types

from tests.fuzz.words import Raw

Tree = Any


def pack_loosely(draw: random.Random, tree: Tree, looseness: float) -> bytes:
    """Encode a tree; now and then in a longer form than it needs.

    Args:
        draw: Source of choices.
        tree: Integers, text, bytes, None, booleans, lists and `Raw`.
        looseness: Chance of a longer form at each place, 0-1.
    """
    match tree:
        case Raw():
            return bytes(tree)
        case list() if not looseness and all(type(item) is int for item in tree):
            return bytes(msgpack.packb([_within_64_bits(item) for item in tree]))
        case list():
            head = _length(draw, looseness, len(tree), (0x90, 15), (None, 0xDC, 0xDD))
            return head + b"".join(pack_loosely(draw, item, looseness) for item in tree)
        case str():
            data = tree.encode("utf-8", "surrogatepass")
            return _length(draw, looseness, len(data), (0xA0, 31), (0xD9, 0xDA, 0xDB)) + data
        case bytes():
            return _length(draw, looseness, len(tree), None, (0xC4, 0xC5, 0xC6)) + tree
        case bool() | None:
            return bytes(msgpack.packb(tree))
        case int():
            number = _within_64_bits(tree)
            is_long = draw.random() < looseness
            return _long_integer(draw, number) if is_long else bytes(msgpack.packb(number))
        case _:  # what only a refused seed holds
            return bytes(msgpack.packb(tree))


def _within_64_bits(number: int) -> int:
    return min(max(number, -(2**63)), 2**64 - 1)


def _length(
    draw: random.Random,
    looseness: float,
    length: int,
    short: tuple[int, int] | None,
    codes: tuple[int | None, int, int],
) -> bytes:
    """Return a head: the shortest that holds the length, or any longer one."""
    forms: list[bytes] = []
    if short is not None and length <= short[1]:
        forms.append(bytes([short[0] | length]))
    if codes[0] is not None and length < 2**8:
        forms.append(struct.pack(">BB", codes[0], length))
    if length < 2**16:
        forms.append(struct.pack(">BH", codes[1], length))
    forms.append(struct.pack(">BI", codes[2], length))
    return draw.choice(forms) if draw.random() < looseness else forms[0]


def _long_integer(draw: random.Random, value: int) -> bytes:
    forms = [
        struct.pack(f">B{kind}", code, value)
        for code, kind, least, most in (
            (0xCC, "B", 0, 2**8),
            (0xCD, "H", 0, 2**16),
            (0xCE, "I", 0, 2**32),
            (0xCF, "Q", 0, 2**64),
            (0xD0, "b", -(2**7), 2**7),
            (0xD1, "h", -(2**15), 2**15),
            (0xD2, "i", -(2**31), 2**31),
            (0xD3, "q", -(2**63), 2**63),
        )
        if least <= value < most
    ]
    return draw.choice(forms)
