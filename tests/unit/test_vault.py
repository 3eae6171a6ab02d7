"""Signing, sealing and padding do what protocol.md sections 1 and 10 say, and fail by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import SignatureError
from relay.vault import seal, sign

KEY = seal.OpeningKey(b"\x01" * 32)
FRAME_KEY = seal.frame_key(b"\x02" * 32, b"\x03" * 32)
NONCE = b"\x04" * 12


def test_a_signature_is_bound_to_key_label_and_parts() -> None:
    key = sign.SigningKey(b"\x05" * 32)
    signature = key.sign("candor/v1/test", b"a", 1, "b", None)
    sign.verify(key.public, signature, "candor/v1/test", b"a", 1, "b", None)
    for label, parts in (
        ("candor/v1/tests", (b"a", 1, "b", None)),
        ("candor/v1/test", (b"a", 1, "b")),
        ("candor/v1/test", (b"", b"a", 1, "b", None)),
        ("candor/v1/test", (b"a", 2, "b", None)),
    ):
        assert not sign.is_valid(key.public, signature, label, *parts)
    with pytest.raises(SignatureError, match="candor/v1/other"):
        sign.verify(key.public, signature, "candor/v1/other")


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_malformed_keys_and_signatures_are_not_valid(key: bytes, signature: bytes) -> None:
    assert not sign.is_valid(key, signature, "candor/v1/test")


def test_secrets_do_not_show() -> None:
    key = sign.SigningKey.generate()
    assert key.seed.hex() not in repr(key)
    assert sign.SigningKey(key.seed).public == key.public
    opening = seal.OpeningKey.generate()
    assert opening.seed.hex() not in repr(opening)


def test_only_the_recipient_opens_and_only_under_the_same_info() -> None:
    sealed = seal.seal(KEY.public, b"info", b"root")
    assert len(sealed) == 1120 + 4 + 16
    assert KEY.open(sealed, b"info") == b"root"
    for key, blob, info in (
        (seal.OpeningKey.generate(), sealed, b"info"),
        (KEY, sealed, b"other"),
        (KEY, sealed[:-1] + bytes([sealed[-1] ^ 1]), b"info"),
        (KEY, sealed[:100], b"info"),
        (KEY, b"", b"info"),
    ):
        with pytest.raises(SignatureError, match="stays sealed") as caught:
            key.open(blob, info)
        assert caught.value.code == "unopenable"


def test_neither_of_two_keys_opens_a_nested_seal_alone() -> None:
    outer = seal.OpeningKey(b"\x09" * 32)
    nested = seal.seal(outer.public, b"o", seal.seal(KEY.public, b"i", b"\x00" * 32))
    assert len(nested) == 2304
    with pytest.raises(SignatureError):
        KEY.open(nested, b"i")
    assert outer.open(nested, b"o") != b"\x00" * 32
    assert KEY.open(outer.open(nested, b"o"), b"i") == b"\x00" * 32


@pytest.mark.parametrize("key", [b"", bytes(1215), bytes(1217), b"\xff" * 1216])
def test_what_is_no_sealing_key_is_refused(key: bytes) -> None:
    assert not seal.is_public_key(key)
    with pytest.raises(SignatureError, match="no X-Wing public key"):
        seal.seal(key, b"", b"")


def test_a_seed_has_thirty_two_bytes() -> None:
    assert seal.is_public_key(KEY.public)
    with pytest.raises(SignatureError, match="32 bytes"):
        seal.OpeningKey(b"short")


@given(st.binary(max_size=5_000))
def test_padding_is_undone_and_grows_little(plaintext: bytes) -> None:
    padded = seal.pad(plaintext)
    assert seal.unpad(padded) == plaintext
    assert len(padded) == seal.padded_length(len(plaintext) + 4)
    assert len(padded) <= max(256, (len(plaintext) + 4) * 1.12)


@pytest.mark.parametrize(
    "padded",
    [
        b"",
        b"\x00\x00\x00",
        bytes(255),
        bytes(257),
        b"\x00\x00\x01\x00" + bytes(252),
        bytes(255) + b"\x01",
        seal.pad(bytes(300)) + bytes(16),
    ],
)
def test_other_padding_is_refused(padded: bytes) -> None:
    with pytest.raises(SignatureError) as caught:
        seal.unpad(padded)
    assert caught.value.code == "padding_malformed"


def test_a_batch_opens_only_under_its_own_key_nonce_and_header() -> None:
    sealed = seal.seal_batch(FRAME_KEY, NONCE, b"header", b"columns")
    assert len(sealed) == 256 + 16
    assert seal.open_batch(FRAME_KEY, NONCE, b"header", sealed) == b"columns"
    other = seal.frame_key(b"\x02" * 32, b"\x33" * 32)
    for key, nonce, header, blob in (
        (other, NONCE, b"header", sealed),
        (FRAME_KEY, b"\x05" * 12, b"header", sealed),
        (FRAME_KEY, NONCE, b"Header", sealed),
        (FRAME_KEY, NONCE, b"header", sealed[1:]),
        (FRAME_KEY, b"", b"header", sealed),
    ):
        with pytest.raises(SignatureError, match="does not open"):
            seal.open_batch(key, nonce, header, blob)
