"""Canonical JSON has one form per document, and nothing else is read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.consent.canonical import canonical, read_canonical
from relay.errors import InputError
from relay.model import MAX_INT

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
DOCUMENTS = st.recursive(
    st.booleans() | st.integers(-MAX_INT, MAX_INT) | TEXT,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="ascii"), max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(DOCUMENTS)
def test_reading_returns_what_was_written(document: object) -> None:
    assert read_canonical(canonical(document), max_bytes=1_000_000) == document


@given(DOCUMENTS)
def test_a_spaced_copy_is_refused_unless_it_is_the_same_bytes(document: object) -> None:
    spaced = json.dumps(document, ensure_ascii=False).encode()
    if spaced == canonical(document):
        assert read_canonical(spaced, max_bytes=1_000_000) == document
    else:
        with pytest.raises(InputError, match="canonical form"):
            read_canonical(spaced, max_bytes=1_000_000)


def test_the_form_is_sorted_unspaced_and_escapes_only_what_it_must() -> None:
    assert canonical({"b": [1, True], "a": 'é"\\\n\x01\x7f'}) == (
        '{"a":"é\\"\\\\\\n\\u0001\x7f","b":[1,true]}'.encode()
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b"[1.0]",
        b"[1e2]",
        b"[-0]",
        b"[null]",
        b"[9007199254740992]",
        b"[123456789012345678901234567890]",
        b'["\\u0041"]',
        b'["\\/"]',
        b'{"\xc3\xa9":1}',
        b"[1",
        b'["\xff"]',
        b"\xef\xbb\xbf[1]",
        b"[" * 60_000,
    ],
)
def test_any_other_form_is_refused(body: bytes) -> None:
    with pytest.raises(InputError):
        read_canonical(body, max_bytes=65_536)


@pytest.mark.parametrize(
    "value", [1.5, None, b"bytes", MAX_INT + 1, -MAX_INT - 1, "\ud800", {1: 2}]
)
def test_what_has_no_form_is_refused_with_its_place(value: object) -> None:
    with pytest.raises(InputError, match=r"\$\.a\[0\]"):
        canonical({"a": [value]})


def test_a_long_body_is_not_looked_at() -> None:
    with pytest.raises(InputError, match="longer than 3 bytes"):
        read_canonical(b"[12]", max_bytes=3)


@pytest.mark.parametrize("depth", [17, 300, 480, 700, 990, 10_000])
def test_what_is_nested_too_deeply_is_refused(depth: int) -> None:
    assert read_canonical(b"[" * 16 + b"]" * 16, max_bytes=100)
    for body in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth):
        with pytest.raises(InputError):
            read_canonical(body, max_bytes=100_000)


def test_a_refusal_does_not_quote_the_keys_on_the_way() -> None:
    with pytest.raises(InputError) as raised:
        read_canonical(b'{"a":{"secret":null}}', max_bytes=100)
    assert "secret" not in str(raised.value)
