"""Targets: closed vocabularies, packed into one integer and told in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.protocol.vocabulary import (
    MAX_TARGET,
    VOCABULARY,
    Target,
    describe_target,
    is_target,
    may_have_cell,
    pack_target,
    split_target,
)

_TAGS = st.sampled_from(["", *VOCABULARY.tags])
_ROLES = st.sampled_from(["", *VOCABULARY.roles])
_TYPES = st.sampled_from(["", *VOCABULARY.input_types])
_LANDMARKS = st.sampled_from(["", *VOCABULARY.landmarks])


@given(_TAGS, _ROLES, _TYPES, _LANDMARKS)
def test_every_word_packs_into_a_target_that_is_told_back(
    tag: str, role: str, input_type: str, landmark: str
) -> None:
    code = pack_target(tag=tag, role=role, input_type=input_type, landmark=landmark)
    assert code <= MAX_TARGET
    assert is_target(code)
    words = [tag or "element"]
    words += [f"type={input_type}"] * bool(input_type)
    words += [f"role={role}"] * bool(role)
    words += [f"in {landmark}"] * bool(landmark)
    assert describe_target(code) == " ".join(words)


@given(st.integers(0, MAX_TARGET))
def test_a_code_is_the_sum_of_its_places(code: int) -> None:
    one = split_target(code)
    assert code == one.tag + 256 * one.role + 65_536 * one.input_type + 4_194_304 * one.landmark


def test_a_word_outside_its_vocabulary_is_none() -> None:
    assert pack_target(tag="x-payslip", role="secret", input_type="iban", landmark="vault") == 0
    assert describe_target(0) == "element"


@pytest.mark.parametrize(
    "target", [Target(255, 0, 0, 0), Target(0, 255, 0, 0), Target(0, 0, 63, 0), Target(0, 0, 0, 31)]
)
def test_a_number_past_its_vocabulary_is_no_target(target: Target) -> None:
    code = target.tag + 256 * target.role + 65_536 * target.input_type + 4_194_304 * target.landmark
    assert not is_target(code)


def test_only_buttons_and_links_have_cells() -> None:
    assert may_have_cell(pack_target(tag="a"))
    assert may_have_cell(pack_target(tag="div", role="link"))
    assert may_have_cell(pack_target(tag="input", input_type="submit"))
    assert not may_have_cell(pack_target(tag="input", input_type="text"))
    assert not may_have_cell(pack_target(tag="div", landmark="main"))


def test_no_vocabulary_outgrows_its_place() -> None:
    assert len(VOCABULARY.tags) <= 255
    assert len(VOCABULARY.roles) <= 255
    assert len(VOCABULARY.input_types) <= 63
    assert len(VOCABULARY.landmarks) <= 31
    for words in (VOCABULARY.tags, VOCABULARY.roles, VOCABULARY.input_types, VOCABULARY.landmarks):
        assert len(set(words)) == len(words)
