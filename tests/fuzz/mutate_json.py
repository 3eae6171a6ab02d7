"""Changes JSON as a document; most results are in canonical form.

Owns the drawing; the same random source gives the same input.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Sequence
from typing import Any

from tests.fuzz.canary import CANARY
from tests.fuzz.mutation import changed_text, mutate_bytes
from tests.fuzz.words import NUMBERS, WORDS

Tree = Any


def mutate_json(draw: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Change a seed as a document (mostly) or as bytes; most results are in canonical form."""
    seed = draw.choice(seeds)
    if draw.random() < 0.15:
        return mutate_bytes(draw, seeds)
    try:
        document = json.loads(seed)
        other = json.loads(draw.choice(seeds))
    except (ValueError, RecursionError):
        return mutate_bytes(draw, seeds)
    try:
        for _ in range(draw.choice((0, 1, 1, 1, 1, 2, 3))):
            document = _change_json(draw, document, other)
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except RecursionError:  # nested more than once, and then copied
        return mutate_bytes(draw, seeds)
    data = text.encode("utf-8", "surrogatepass")
    if draw.random() < 0.1:
        old, new = draw.choice(
            (
                (b",", b", "),
                (b":", b" :"),
                (b"/", b"\\/"),
                (b"a", b"\\u0061"),
                (b"1", b"1.0"),
                (b"1", b"1e0"),
            )
        )
        data = data.replace(old, new, draw.choice((1, -1)))
    if draw.random() < 0.05:
        data = draw.choice((b"\xef\xbb\xbf" + data, data + b"\n", data + data, data[:-1]))
    return data


def _change_json(draw: random.Random, document: Tree, other: Tree) -> Tree:
    holders = list(_holders(document))
    if not holders or draw.random() < 0.02:
        return _json_leaf(draw, document)
    chosen = draw.choice(holders)
    if not chosen:
        filled = [_json_leaf(draw, "x")] if isinstance(chosen, list) else {draw.choice(WORDS): 1}
        chosen.extend(filled) if isinstance(chosen, list) else chosen.update(filled)
        return document
    place = draw.choice(sorted(chosen)) if isinstance(chosen, dict) else draw.randrange(len(chosen))
    match draw.randrange(9):
        case 0:
            del chosen[place]
        case 1 if isinstance(chosen, dict):
            chosen[draw.choice(WORDS)] = chosen[place]
        case 1 | 4 | 5 if isinstance(chosen, list):
            _change_list(draw, chosen, place)
        case 2:
            spliced = draw.choice(list(_holders(other)) or [{}])
            values = list(spliced.values()) if isinstance(spliced, dict) else spliced
            chosen[place] = copy.deepcopy(draw.choice(values or [0]))
        case 3:
            for _ in range(draw.choice((1, 2, 33, 300, 480))):
                chosen[place] = [chosen[place]]
        case _:
            chosen[place] = _json_leaf(draw, chosen[place])
    return document


def _change_list(draw: random.Random, items: list[Tree], place: int) -> None:
    match draw.randrange(3):
        case 0:
            items.insert(place, copy.deepcopy(draw.choice(items)))
        case 1:
            items[place:place] = [items[place]] * draw.choice((1, 16, 64))
        case _:
            items.reverse()


def _holders(document: Tree) -> list[Any]:
    if not isinstance(document, dict | list):
        return []
    found: list[Any] = [document]
    for item in document.values() if isinstance(document, dict) else document[:64]:
        if isinstance(item, dict | list):
            found += _holders(item)
    return found


def _json_leaf(draw: random.Random, old: Tree) -> Tree:
    if draw.random() < 0.15:
        return draw.choice((None, True, 0, 1.5, "x", [], {}, "\ud800", 2**70, [[[]]], {CANARY: 1}))
    match old:
        case bool() | None:
            return draw.choice((True, False, 0, ""))
        case int() | float():
            return draw.choice(
                (draw.choice(NUMBERS), int(old) + 1, int(old) - 1, draw.getrandbits(12))
            )
        case str():
            return changed_text(draw, old)
        case _:
            return draw.choice((0, "", [], {}))
