"""Changes msgpack as a tree: what stands in it, how often, how deep, in which form.

Owns the drawing; the same random source gives the same input.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence

import msgpack  # type: ignore[import-untyped]  # it ships no types

from tests.fuzz.canary import CANARY
from tests.fuzz.loose_msgpack import Tree, pack_loosely
from tests.fuzz.mutation import changed_bytes, mutate_bytes
from tests.fuzz.words import MANY, NUMBERS, RAWS, WORDS


def mutate_msgpack(draw: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Change a seed as a tree (mostly), as bytes, or not at all."""
    seed = draw.choice(seeds)
    way = draw.random()
    if way < 0.25:
        return mutate_bytes(draw, seeds)
    try:
        tree = msgpack.unpackb(seed, strict_map_key=False)
        other = msgpack.unpackb(draw.choice(seeds), strict_map_key=False)
    except (ValueError, TypeError, msgpack.UnpackException):
        return mutate_bytes(draw, seeds)
    try:
        for _ in range(draw.choice((0, 1, 1, 1, 2, 3))):
            tree = _change(draw, tree, other)
        packed = pack_loosely(draw, tree, draw.choice((0.0, 0.0, 0.0, 0.1, 0.5)))
    except RecursionError:  # the seed is one that is nested too deeply
        return mutate_bytes(draw, seeds)
    return packed if way < 0.95 else changed_bytes(draw, packed, seed)


def _change(draw: random.Random, tree: Tree, other: Tree) -> Tree:
    """Change one place of a tree, which may be its root."""
    lists = list(_lists(tree))
    if not lists or draw.random() < 0.02:
        return _leaf(draw, tree)
    chosen = draw.choice(lists)
    if not chosen:
        chosen.append(_leaf(draw, None))
        return tree
    place = draw.randrange(len(chosen))
    match draw.randrange(10):
        case 0:
            del chosen[place]
        case 1:
            chosen.insert(place, copy.deepcopy(chosen[draw.randrange(len(chosen))]))
        case 2:
            chosen[place] = _any_node(draw, other)
        case 3:
            for _ in range(draw.choice((1, 2, 9, 40))):
                chosen[place] = [chosen[place]]
        case 4 if len(chosen) < MANY and _is_small(chosen[place]):
            chosen[place:place] = [chosen[place]] * draw.choice((1, 16, 255, 1_030, 2_048))
        case 5:
            chosen[place], chosen[0] = chosen[0], chosen[place]
        case _:
            chosen[place] = _leaf(draw, chosen[place])
    return tree


def _is_small(item: Tree) -> bool:
    """Tell whether an item may be repeated thousands of times."""
    match item:
        case str() | bytes():
            return len(item) < MANY
        case list():
            return len(item) < 8 and all(
                not isinstance(inner, list) and _is_small(inner) for inner in item
            )
        case _:
            return True


def _lists(tree: Tree) -> list[list[Tree]]:
    if not isinstance(tree, list):
        return []
    found = [tree]
    for item in tree[:64]:
        found += _lists(item)
    return found


def _any_node(draw: random.Random, tree: Tree) -> Tree:
    chosen = draw.choice(_lists(tree) or [[tree]])
    return copy.deepcopy(draw.choice(chosen or [None]))


def _leaf(draw: random.Random, old: Tree) -> Tree:
    """Return something else to stand where `old` stood, of the same type as a rule."""
    if draw.random() < 0.25:
        old = draw.choice((None, 1, "x", b"x" * 32, True))
        if draw.random() < 0.5:
            return draw.choice(RAWS)
    match old:
        case bool() | None:
            return draw.choice((None, True, False, 0, "", b"", []))
        case int():
            near = old + draw.choice((-1, 1, 2, -2))
            return draw.choice(
                (draw.choice(NUMBERS), near, near, draw.randrange(8), draw.getrandbits(32))
            )
        case str():
            return draw.choice(
                (draw.choice(WORDS), old + draw.choice(WORDS), old[:-1], old.upper())
            )
        case bytes():
            marked = CANARY.encode().ljust(len(old), b"\0")[: max(len(old), len(CANARY))]
            size = draw.choice((1, 40, 40, 40, 65_000))
            return draw.choice((marked, marked, old[:-1], old + b"\0", b"", old * 2, b"\0" * size))
        case _:
            return draw.choice((None, 0, "", b""))
