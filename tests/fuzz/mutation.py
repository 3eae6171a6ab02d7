"""Changes inputs as bytes or as text; `mutate_msgpack` and `mutate_json` know their structure.

Owns the drawing of changed inputs from seeds; never reads the code under test, so that what it
draws does not depend on what that code takes. The same random source gives the same input.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from tests.fuzz.words import RAWS, TEXT_PIECES, WORDS

Draw = random.Random
Mutation = Callable[[random.Random, Sequence[bytes]], bytes]
"""Draws one input from the seeds of a target."""


def mutate_text(draw: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Change a seed as text, which is UTF-8 with lone surrogates let through."""
    text = draw.choice(seeds).decode("utf-8", "surrogatepass")
    for _ in range(draw.choice((0, 1, 1, 2, 3, 6))):
        text = changed_text(draw, text)
    return text.encode("utf-8", "surrogatepass")


def changed_text(draw: random.Random, text: str) -> str:
    """Change one place of a text."""
    place = draw.randint(0, len(text))
    match draw.randrange(9):
        case 0:
            return text[:place]
        case 1:
            return text[:place] + text[place + draw.choice((1, 1, 5)) :]
        case 2:
            return text[:place] + text[place : place + 8].upper() + text[place + 8 :]
        case 3:
            run = text[place : place + 1] or "."
            return text[:place] + run * draw.choice((1, 3, 40)) + text[place:]
        case 4:
            return (
                text[:place]
                + chr(draw.choice((draw.randrange(128), draw.randrange(0x3000))))
                + text[place + 1 :]
            )
        case 5:
            return draw.choice(WORDS)
        case _:
            return text[:place] + draw.choice(TEXT_PIECES) + text[place:]


def mutate_bytes(draw: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Change a seed without looking at what it is."""
    data = draw.choice(seeds)
    for _ in range(draw.choice((0, 1, 1, 2, 4))):
        data = changed_bytes(draw, data, draw.choice(seeds))
    return data


def changed_bytes(draw: random.Random, data: bytes, other: bytes) -> bytes:
    """Change one place of bytes, or go on with other bytes from there."""
    place = draw.randint(0, len(data))
    match draw.randrange(7):
        case 0:
            return data[:place]
        case 1:
            return data[:place] + data[place + draw.choice((1, 1, 4)) :]
        case 2:
            return data[:place] + draw.randbytes(draw.choice((1, 1, 2, 9))) + data[place:]
        case 3:
            return data[:place] + bytes(draw.choice(RAWS)) + data[place:]
        case 4:
            return data[:place] + other[draw.randint(0, len(other)) :]
        case 5:
            return data[:place] + data[place : place + 16] * draw.choice((1, 2, 64)) + data[place:]
        case _:
            flipped = bytes(byte ^ 1 << draw.randrange(8) for byte in data[place : place + 1])
            return data[:place] + flipped + data[place + 1 :]
