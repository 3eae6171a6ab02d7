"""The search for canaries finds every spelling of a leak, and nothing where there is none."""

import base64
import itertools

import pytest

from tests.support.canary import RUN, Canaries, spellings

SEED = 7


@pytest.fixture
def canaries() -> Canaries:
    drawn = Canaries(SEED)
    for number in range(40):
        drawn.text(f"slot-{number}")
    drawn.digits("card")
    return drawn


@pytest.mark.parametrize("name", sorted(spellings("abcdefgh")))
def test_each_spelling_of_a_half_is_found(canaries: Canaries, name: str) -> None:
    half = canaries.text("slot-3")[:8]
    hits = canaries.searcher().in_bytes("here", b"..\0" + spellings(half)[name] + b"\xff..")
    assert "slot-3" in {hit.slot for hit in hits}


@pytest.mark.parametrize("shift", range(6))
def test_base64_is_found_wherever_it_begins(canaries: Canaries, shift: int) -> None:
    blob = base64.b64encode(b"x" * shift + canaries.text("slot-5").encode() + b"tail")
    assert {hit.slot for hit in canaries.searcher().in_bytes("here", blob)} == {"slot-5"}


def test_integers_deltas_and_offsets_are_found(canaries: Canaries) -> None:
    codes = [ord(character) for character in canaries.text("slot-9")]
    deltas = [
        codes[0],
        *(later - earlier for earlier, later in itertools.pairwise(codes)),
    ]
    search = canaries.searcher()
    rows = (codes, deltas, [code - 97 for code in codes], codes[::-1], codes[2 : 2 + RUN])
    for row in rows:
        assert {hit.slot for hit in search.in_value("here", [1, None, [[5, *row, 6]]])} == {
            "slot-9"
        }


def test_digits_are_found_as_values(canaries: Canaries) -> None:
    values = [int(digit) for digit in canaries.digits("card")]
    assert {hit.slot for hit in canaries.searcher().in_value("here", values)} == {"card"}


def test_other_data_has_no_hits(canaries: Canaries) -> None:
    other = Canaries(SEED + 1)
    blob = " ".join(other.text(f"slot-{number}") for number in range(500)).encode()
    search = canaries.searcher()
    assert search.in_bytes("here", blob) == []
    assert search.in_value("here", list(blob)) == []


def test_each_canary_has_sixteen_random_characters(canaries: Canaries) -> None:
    assert all(len(canary) >= 16 for canary in canaries.drawn.values())
    assert len(set(canaries.drawn.values())) == 41
