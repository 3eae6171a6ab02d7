"""`python -m tests.vectors.generate`: write every vector anew from fixed seeds.

Owns the files of this folder; running it twice gives the same bytes. With `--check` it writes
nothing and fails if a file would change, is missing, or is nobody's.
"""

from __future__ import annotations

import json
import sys
from itertools import chain
from pathlib import Path

from tests.vectors import (
    make_columns,
    make_documents,
    make_exchanges,
    make_frames,
    make_keys,
    make_sessions,
)
from tests.vectors.craft import Vector

HERE = Path(__file__).parent


def vectors() -> dict[str, Vector]:
    """Return every vector by its file's name."""
    found: dict[str, Vector] = {}
    for name, made in chain(
        make_frames.make(),
        make_keys.make(),
        make_columns.make(),
        make_documents.make(),
        make_exchanges.make(),
        make_sessions.make(),
    ):
        assert name not in found, f"two vectors are named {name}"
        found[name] = made
    return found


def text_of(made: Vector) -> str:
    """Return a vector's file."""
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def differences() -> list[str]:
    """Return the names of files that are not as generated."""
    made = {f"{name}.json": text_of(one) for name, one in vectors().items()}
    there = {path.name: path.read_text() for path in HERE.glob("*.json")}
    return sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))


def main() -> int:
    """Write or check the files."""
    changed = differences()
    if "--check" in sys.argv[1:]:
        sys.stdout.writelines(f"{name} is not as generated\n" for name in changed)
        return 1 if changed else 0
    made = vectors()
    for path in HERE.glob("*.json"):
        if path.stem not in made:
            path.unlink()
    for name, one in made.items():
        (HERE / f"{name}.json").write_text(text_of(one))
    sys.stdout.write(f"{len(made)} vectors, {len(changed)} changed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
