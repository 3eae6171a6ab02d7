"""Coverage-guided fuzzing of the Python decoders, for whoever has time: no part of `make test`.

Atheris (Apache-2.0) watches which branches of relay/ an input takes and keeps what finds new ones.
It is no dependency of ours; put it into an environment beside the project's own:

    python -m venv DIR && DIR/bin/pip install atheris -e . --group dev
    DIR/bin/python -m tests.fuzz.guided columns -max_total_time=300

The first argument is a name in targets.py, or `all` (the first byte of an input chooses). The rest
is libFuzzer's: `-max_total_time=SECONDS`, `-runs=N`, a folder that keeps the corpus, a file that is
to be tried again. An input that breaks a promise is written to `crash-HASH` where you stand; add it
to the tests of its decoder when you mend it.

Owns the entry only: what is a fault is judged as in every other test here.
"""

from __future__ import annotations

import contextlib
import random
import sys
from typing import Final

import atheris  # type: ignore[import-untyped]  # see above

# Branches are watched in what is imported in here, so not in the libraries nor in the tests.
with atheris.instrument_imports(include=["relay"]):
    from tests.fuzz.judging import judge
    from tests.fuzz.target import Target
    from tests.fuzz.targets import TARGETS

MAX_BYTES: Final = 70_000


def main(arguments: list[str]) -> None:
    """Fuzz one target, or all, until libFuzzer's options say stop or a fault is found."""
    chosen = arguments[1] if len(arguments) > 1 else ""
    if chosen != "all" and chosen not in TARGETS:
        sys.exit(f"Say which decoder: all, {', '.join(TARGETS)}.")
    names = list(TARGETS) if chosen == "all" else [chosen]

    def pick(data: bytes) -> tuple[Target, bytes]:
        if len(names) == 1:
            return TARGETS[names[0]], data
        return TARGETS[names[data[0] % len(names) if data else 0]], data[1:]

    def try_one(data: bytes) -> None:
        target, rest = pick(data)
        judge(target, rest)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        """Leave most changes to libFuzzer; make some that keep the input's structure."""
        draw = random.Random(seed)
        target, rest = pick(data)
        if draw.random() < 0.5:
            return bytes(atheris.Mutate(data, most))
        seeds = target.seeds()
        changed = rest
        # What libFuzzer made may be no seed: no text, no lines, nested past copying.
        with contextlib.suppress(ValueError, TypeError, LookupError, RecursionError):
            changed = target.mutate(draw, [rest, rest, draw.choice(seeds)])
        return (data[: len(data) - len(rest)] + changed)[:most]

    options = [arguments[0], f"-max_len={MAX_BYTES}", *arguments[2:]]
    atheris.Setup(options, try_one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
