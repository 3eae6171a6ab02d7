"""Canaries: random strings that must never leave the page, and the search that finds them.

Owns the ways in which a leak could be spelled; never decides where to look.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import random
import string
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

LETTERS = string.ascii_letters + string.digits
LENGTH = 16
HALF = LENGTH // 2
RUN = 8
"""How many code points in a row make a leak in a column of integers."""


@dataclass(frozen=True)
class Hit:
    """One canary found in one place, spelled in one way."""

    slot: str
    spelling: str
    place: str


@dataclass
class Canaries:
    """The canaries of one run, drawn on demand by the slot that shows or types them.

    Args:
        seed: What the random choice follows from; a run prints it so that it can be repeated.
    """

    seed: int
    _drawn: dict[str, str] = field(default_factory=dict)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def text(self, slot: str) -> str:
        """Return this slot's canary: 16 random letters and digits."""
        if slot not in self._drawn:
            self._drawn[slot] = "".join(self._random.choices(LETTERS, k=LENGTH))
        return self._drawn[slot]

    def digits(self, slot: str) -> str:
        """Return this slot's canary for fields that take only digits: 16 random ones."""
        if slot not in self._drawn:
            first = self._random.choice("123456789")
            rest = self._random.choices(string.digits, k=LENGTH - 1)
            self._drawn[slot] = first + "".join(rest)
        return self._drawn[slot]

    @property
    def drawn(self) -> dict[str, str]:
        """Every canary so far, by slot."""
        return dict(self._drawn)

    def searcher(self) -> Searcher:
        """Return a search for every canary drawn so far."""
        return Searcher(self.drawn)


def _base64_cores(piece: bytes) -> dict[str, bytes]:
    """Spell a piece in base64 at all three alignments, without what its neighbours touch."""
    cores = {}
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + piece)
        start = -(-shift * 8 // 6)
        end = (shift + len(piece)) * 8 // 6
        core = encoded[start:end]
        cores[f"base64+{shift}"] = core
        cores[f"base64url+{shift}"] = core.translate(bytes.maketrans(b"+/", b"-_"))
    return cores


def spellings(canary: str) -> dict[str, bytes]:
    """Return every byte spelling that counts as a leak of this text, by name."""
    plain = canary.encode()
    wide = canary.encode("utf-16-le")
    found = {
        "utf-8": plain,
        "utf-16-le": wide,
        "utf-16-be": canary.encode("utf-16-be"),
        "reversed": plain[::-1],
        "reversed utf-16": canary[::-1].encode("utf-16-le"),
        "hex": binascii.hexlify(plain),
        "HEX": binascii.hexlify(plain).upper(),
        "hex utf-16": binascii.hexlify(wide),
        "lower case": plain.lower(),
        "upper case": plain.upper(),
        "utf-32": struct.pack(f"<{len(canary)}I", *map(ord, canary)),
    }
    found.update(_base64_cores(plain))
    found.update({f"utf-16 {name}": core for name, core in _base64_cores(wide).items()})
    return found


def pieces(canary: str) -> tuple[str, ...]:
    """Return the parts whose presence counts as the whole: both halves, or all where it is digits.

    Eight digits occur by chance in a large file; eight letters and digits do not.
    """
    return (canary,) if canary.isdigit() else (canary[:HALF], canary[HALF:])


class Searcher:
    """Looks for canaries in bytes and in columns of integers.

    Args:
        canaries: Text of each, by slot.
    """

    def __init__(self, canaries: dict[str, str]) -> None:
        self._needles: dict[bytes, tuple[str, str]] = {}
        self._runs: dict[bytes, tuple[str, str]] = {}
        for slot, canary in canaries.items():
            for piece in pieces(canary):
                for name, needle in spellings(piece).items():
                    self._needles.setdefault(needle, (slot, name))
            self._add_runs(slot, canary)

    def _add_runs(self, slot: str, canary: str) -> None:
        for name, text in (("", canary), ("reversed ", canary[::-1])):
            codes = [ord(character) for character in text]
            deltas = [later - earlier for earlier, later in itertools.pairwise(codes)]
            for start in range(len(codes) - RUN + 1):
                self._runs.setdefault(
                    _packed(codes[start : start + RUN]), (slot, f"{name}integers")
                )
            for start in range(len(deltas) - RUN + 1):
                window = deltas[start : start + RUN]
                self._runs.setdefault(_packed(window), (slot, f"{name}deltas"))

    def in_bytes(self, place: str, data: bytes) -> list[Hit]:
        """Return one hit for each canary and spelling found in these bytes."""
        return [
            Hit(slot, name, place)
            for needle, (slot, name) in self._needles.items()
            if needle in data
        ]

    def in_integers(self, place: str, numbers: Sequence[int]) -> list[Hit]:
        """Return hits among integers: as they stand, and as the running sum of deltas.

        Differences of the given numbers are searched too, so that any constant offset (key codes,
        places in an alphabet, digit values) is seen.
        """
        hits: dict[tuple[str, str], Hit] = {}
        differences = [later - earlier for earlier, later in itertools.pairwise(numbers)]
        for kind, row in (("", numbers), ("offset ", differences)):
            for start in range(len(row) - RUN + 1):
                found = self._runs.get(_packed(row[start : start + RUN]))
                if found is not None:
                    slot, name = found
                    hits.setdefault((slot, kind + name), Hit(slot, kind + name, place))
        return list(hits.values())

    def in_value(self, place: str, value: object) -> list[Hit]:
        """Search a decoded message: every list of integers in it, and all its integers in order."""
        hits = [hit for row in integer_rows(value) for hit in self.in_integers(place, row)]
        return hits + self.in_integers(place, list(integers(value)))


def _packed(numbers: Sequence[int]) -> bytes:
    return b",".join(b"%d" % number for number in numbers)


def integers(value: object) -> Iterable[int]:
    """Yield the integers in nested lists, in order; bytes count as their values."""
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        yield value
    elif isinstance(value, list | tuple | bytes):
        for item in value:
            yield from integers(item)


def integer_rows(value: object) -> Iterable[list[int]]:
    """Yield each innermost list of integers."""
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, int) for item in value):
            yield [int(item) for item in value]
        else:
            for item in value:
                yield from integer_rows(item)
