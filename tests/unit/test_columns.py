"""Columns: what keeps every rule reads back; what breaks one is refused whole, unquoted."""

from __future__ import annotations

import contextlib

import msgpack  # type: ignore[import-untyped]  # it ships no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import ColumnsError
from relay.model import Signal, group_signals
from relay.protocol.columns import COLUMN_NAMES, Columns, decode_columns, encode_columns
from relay.protocol.vocabulary import pack_target

BUTTON = pack_target(tag="button")
DIV = pack_target(tag="div")
_U16 = st.integers(0, 65_535)
_POSITION = st.integers(-32_768, 32_767)
_TARGET = st.sampled_from([0, DIV, pack_target(tag="input", input_type="text", landmark="form")])
_SCROLLED = st.integers(-1_000_000, 1_000_000)
VALUES: dict[Signal, tuple[st.SearchStrategy[int], ...]] = {
    Signal.POINTER: (_U16, _POSITION, _POSITION),
    Signal.CLICK: (_U16, st.integers(0, 4), st.just(BUTTON), st.integers(0, 64)),
    Signal.HOVER: (_U16, _TARGET, _U16),
    Signal.TYPING: (_U16, st.integers(1, 65_535), _U16, st.integers(1, 8)),
    Signal.KEY_TIMING: (_U16, _U16, st.integers(1, 5)),
    Signal.SCROLL: (_U16, _SCROLLED, _SCROLLED),
    Signal.ATTENTION: (_U16, st.integers(1, 6)),
    Signal.NAVIGATION: (
        _U16,
        st.integers(1, 4),
        _U16,
        st.just(0),
        st.just(0),
        st.integers(0, 10_000_000),
    ),
}


def packed(positions: list[object]) -> bytes:
    return bytes(msgpack.packb(positions))


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[object], int, int]:
    """Draw the positions of a batch that keeps every rule, its group and its declared signals."""
    group = draw(st.integers(0, 1))
    allowed = [signal for signal in Signal if signal & group_signals(group)]
    present = draw(st.lists(st.sampled_from(allowed), min_size=1, unique=True))
    declared = sum(present) | draw(st.sampled_from([0, *allowed]))
    head: list[object] = [1, 3, group, declared, draw(st.integers(0, 2**53 - 1)), 7, 0]
    for signal in Signal:
        if signal not in present:
            head.append(None)
            continue
        events = draw(st.lists(st.tuples(*VALUES[signal]), min_size=1, max_size=20))
        head.append([list(column) for column in zip(*events, strict=True)])
    return head, group, declared


@given(batches())
def test_what_keeps_every_rule_reads_back(drawn: tuple[list[object], int, int]) -> None:
    positions, group, declared = drawn
    plaintext = packed(positions)
    columns = decode_columns(plaintext, 3, group, declared)
    assert encode_columns(columns) == plaintext
    found = {signal: [list(column) for column in lists] for signal, lists in columns.present()}
    expected = dict(zip(Signal, positions[7:], strict=True))
    assert found == {signal: lists for signal, lists in expected.items() if lists is not None}
    assert columns.events == sum(len(lists[0]) for lists in found.values())


_ANYTHING: st.SearchStrategy[object] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(batches(), st.integers(0, 14), _ANYTHING)
def test_one_position_of_anything_is_refused_or_kept_exactly(
    drawn: tuple[list[object], int, int], place: int, value: object
) -> None:
    positions, group, declared = drawn
    positions[place] = value
    plaintext = packed(positions)
    with contextlib.suppress(ColumnsError):
        assert encode_columns(decode_columns(plaintext, 3, group, declared)) == plaintext


@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1))
def test_an_error_never_quotes_what_stood_there(secret: str) -> None:
    positions: list[object] = [1, 3, 0, 1, 5, 7, 0, [[0], [secret], [0]], *[None] * 7]
    with pytest.raises(ColumnsError) as raised:
        decode_columns(packed(positions), 3, 0, 1)
    assert secret not in str(raised.value)
    assert raised.value.__cause__ is None
    assert "pointer.dx" in str(raised.value)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({7: [[0], [1, 2], [3, 4]]}, "columns_length"),
        ({7: [[0], [1], [32_768]]}, "columns_bound"),
        ({7: None}, "columns_signals"),
        ({8: [[0], [0], [BUTTON], [1]]}, "columns_signals"),
        ({7: None, 8: [[0], [0], [DIV], [1]], 3: 2}, "columns_cell"),
        ({7: None, 8: [[0], [0], [255], [0]], 3: 2}, "columns_target"),
        ({7: None, 9: [[0], [255], [0]], 3: 4}, "columns_target"),
        ({3: 17}, "columns_signals"),
        ({1: 4}, "columns_header"),
    ],
)
def test_a_broken_rule_has_its_code(change: dict[int, object], code: str) -> None:
    positions: list[object] = [1, 3, 0, 1, 5, 7, 0, [[0], [1], [2]], *[None] * 7]
    for place, value in change.items():
        positions[place] = value
    declared = positions[3]
    assert isinstance(declared, int)
    with pytest.raises(ColumnsError) as raised:
        decode_columns(packed(positions), 3, 0, declared)
    assert raised.value.code == code


def test_encoding_checks_what_types_cannot() -> None:
    columns = Columns(
        app=1,
        group=0,
        signals=1,
        t0=0,
        document=0,
        route=0,
        pointer=((0,), (40_000,), (0,)),
        click=None,
        hover=None,
        typing=None,
        key_timing=None,
        scroll=None,
        attention=None,
        navigation=None,
    )
    with pytest.raises(ColumnsError):
        encode_columns(columns)
    assert repr(columns) == "Columns(signals=1, events=1)"


def test_a_longer_form_of_the_same_integers_is_refused() -> None:
    plaintext = packed([1, 3, 0, 1, 5, 7, 0, [[0], [1], [2]], *[None] * 7])
    longer = plaintext.replace(b"\x91\x02", b"\x91\xd0\x02")
    assert msgpack.unpackb(longer) == msgpack.unpackb(plaintext)
    with pytest.raises(ColumnsError) as raised:
        decode_columns(longer, 3, 0, 1)
    assert raised.value.code == "columns_malformed"


def test_every_signal_has_names_for_its_columns() -> None:
    assert {signal: len(names) for signal, names in COLUMN_NAMES.items()} == {
        signal: len(values) for signal, values in VALUES.items()
    }


@pytest.mark.parametrize(
    ("plaintext", "code"),
    [(b"", "columns_malformed"), (b"\x9f", "columns_malformed"), (b"\xc0", "columns_bound")],
)
def test_what_is_no_array_is_refused(plaintext: bytes, code: str) -> None:
    with pytest.raises(ColumnsError) as raised:
        decode_columns(plaintext, 3, 0, 1)
    assert raised.value.code == code
