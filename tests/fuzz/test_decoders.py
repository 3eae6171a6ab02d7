"""Every decoder takes an input or raises its documented error: soon, in little room, unquoted."""

from __future__ import annotations

import os
import random
import tracemalloc
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import bombs
from tests.fuzz.judging import REFUSED, judge
from tests.fuzz.targets import TARGETS

IS_FULL: Final = os.environ.get("CANDOR_EFFORT") == "full"
DRAWN: Final = 20_000 if IS_FULL else 1_000
pytestmark = [pytest.mark.timeout(900)] if IS_FULL else []
SLOW: Final = {"request_file": 4, "key_file": 4, "signature_file": 4, "settings_file": 4}
"""Targets that need a file for each input get this many times fewer."""
MAX_ROOM: Final = 8 * 1_024 * 1_024
"""Bytes that one input of at most some 100 kB may take while it is read."""


@pytest.mark.parametrize("name", TARGETS)
@settings(
    # The same inputs at each run of `make test`; new ones at full effort.
    derandomize=not IS_FULL,
    max_examples=2_000 if IS_FULL else 25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(draw=st.randoms(use_true_random=False))
def test_any_change_is_taken_or_refused(name: str, draw: random.Random) -> None:
    target = TARGETS[name]
    judge(target, target.mutate(draw, target.seeds()))


@pytest.mark.parametrize("name", TARGETS)
def test_many_changes_are_taken_or_refused(name: str) -> None:
    target, draw = TARGETS[name], random.Random(None if IS_FULL else f"many {name}")
    origin = target.seeds()
    inputs = [target.mutate(draw, origin) for _ in range(DRAWN // SLOW.get(name, 1))]
    taken = sum(judge(target, data) != REFUSED for data in inputs)
    # Changes that are all refused early would not come far into a decoder.
    assert taken > len(inputs) // 100


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_is_taken_or_refused(name: str) -> None:
    target = TARGETS[name]
    answers = [judge(target, seed) for seed in target.seeds()]
    assert any(answer != REFUSED for answer in answers)


@pytest.mark.parametrize("name", TARGETS)
def test_long_deep_and_boastful_inputs_take_little_time_and_room(name: str) -> None:
    target = TARGETS[name]
    judge(target, target.seeds()[0])  # what is made once is not this input's
    tracemalloc.start()
    try:
        for data in bombs.of(name):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            judge(target, data)
            peak = tracemalloc.get_traced_memory()[1] - before
            assert peak < MAX_ROOM, f"{peak} bytes for {len(data)}: {data[:80]!r}"
    finally:
        tracemalloc.stop()
