"""The relay, the Python device and the extension take the same inputs and make the same of them."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.fuzz import bombs, seeds
from tests.fuzz.judging import REFUSED, judge
from tests.fuzz.targets import TARGETS

EXTENSION: Final = Path(__file__).parents[2] / "extension"
COUNTS: Final = {
    "device_frame": 10_000,
    "relay_frame": 10_000,
    "columns": 5_000,
    "exchange_answer": 2_000,
    "signed_policy": 4_000,
    "canonical": 10_000,
    "policy": 3_000,
    "receipt": 10_000,
    "url": 10_000,
    "enrolment": 10_000,
}
"""How many inputs of each kind are drawn; four times as many, and others, at full effort."""
pytestmark = pytest.mark.timeout(900)
TEXTS: Final = frozenset({"url", "enrolment"})


def answers_of_the_extension(folder: Path, drawn: dict[str, list[bytes]]) -> dict[str, list[Any]]:
    """Bundle the extension's readers for Node, let them read, and return what they say."""
    bundle = folder / "answers.mjs"
    subprocess.run(
        [
            EXTENSION / "node_modules" / ".bin" / "esbuild",
            EXTENSION / "test" / "fuzz_answers.ts",
            *("--bundle", "--platform=node", "--format=esm", "--log-level=warning"),
            f"--outfile={bundle}",
        ],
        check=True,
    )
    (folder / "apps.json").write_text(json.dumps(seeds.APPS))
    for name, inputs in drawn.items():
        given = [utf16(data) if name in TEXTS else data for data in inputs]
        (folder / f"{name}.bin").write_bytes(b"".join(len(d).to_bytes(4) + d for d in given))
    subprocess.run(["node", bundle, folder], check=True, timeout=600)
    return {name: json.loads((folder / f"{name}.json").read_bytes()) for name in drawn}


def utf16(text: bytes) -> bytes:
    """Return text as the extension's language holds it, lone surrogates included."""
    return text.decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass")


@pytest.fixture(scope="module")
def drawn(*, full_effort: bool) -> dict[str, list[bytes]]:
    """Draw inputs of every kind from fixed seeds, and add what is long or deep."""
    found: dict[str, list[bytes]] = {}
    for name, count in COUNTS.items():
        target, draw = TARGETS[name], random.Random(None if full_effort else name)
        origin = target.seeds()
        amount = count * 4 if full_effort else count
        found[name] = [*bombs.of(name), *(target.mutate(draw, origin) for _ in range(amount))]
    return found


@pytest.fixture(scope="module")
def theirs(
    tmp_path_factory: pytest.TempPathFactory, drawn: dict[str, list[bytes]]
) -> dict[str, list[Any]]:
    return answers_of_the_extension(tmp_path_factory.mktemp("answers"), drawn)


def ours(name: str, data: bytes) -> str:
    """Return the relay's answer; where the Python device reads the same, both must agree."""
    answer = judge(TARGETS[name], data)
    if name == "relay_frame":
        assert judge(TARGETS["client_frame"], data) == answer, data[:200].hex()
    return answer


@pytest.mark.parametrize("name", COUNTS)
def test_both_sides_make_the_same_of(
    name: str, drawn: dict[str, list[bytes]], theirs: dict[str, list[Any]]
) -> None:
    assert len(theirs[name]) == len(drawn[name])
    taken = 0
    for data, their in zip(drawn[name], theirs[name], strict=True):
        our = ours(name, data)
        taken += our != REFUSED
        assert their == our, f"{len(data)} bytes: {data[:400].hex()}"
    # An agreement on nothing but refusals would show little.
    assert taken > len(drawn[name]) // 50
