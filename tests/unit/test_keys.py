"""Key files are made once, for their owner only, and say what is wrong with them."""

import json
import os
import stat
from pathlib import Path

import pytest

from relay.consent.document import encode_key
from relay.errors import InputError
from relay.vault.keys import (
    ROLE_KEYS,
    Role,
    check_private,
    load_keys,
    load_public,
    make_private_directory,
    new_keys,
    save_keys,
    write_new,
)
from relay.vault.words import key_words

ROLES: list[Role] = list(ROLE_KEYS)


@pytest.mark.parametrize("role", ROLES)
def test_keys_come_back_from_their_files(role: Role, tmp_path: Path) -> None:
    keys = new_keys(role, "Ada")
    private, public = save_keys(keys, tmp_path / "new" / "place")
    assert load_keys(private) == keys
    assert load_public(public) == keys.public()
    assert (private.name, public.name) == (f"{role}.key.json", f"{role}.pub.json")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(private.parent.stat().st_mode) == 0o700
    for seed in keys.seeds.values():
        assert seed not in public.read_text()
        assert seed not in repr(keys)


def test_each_key_is_its_own_and_of_its_kind() -> None:
    representative, research = new_keys("representative"), new_keys("research")
    assert len(set(representative.seeds.values())) == 4
    public = representative.public()
    assert public.key("outer") == representative.opening("outer").public
    assert public.key("codes") == representative.signing("codes").public
    assert research.opening("inner").public == research.public().key("inner")
    for wrong in ("inner", "ledger"):
        with pytest.raises(InputError, match=f"no key named {wrong}"):
            representative.opening(wrong)
        with pytest.raises(InputError, match=f"no key named {wrong}"):
            public.key(wrong)
    with pytest.raises(InputError):
        representative.signing("outer")
    with pytest.raises(InputError):
        representative.opening("codes")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    private, public = save_keys(new_keys("controller"), directory)
    before = private.read_bytes()
    with pytest.raises(InputError, match="not overwritten"):
        save_keys(new_keys("controller"), directory)
    private.unlink()
    with pytest.raises(InputError, match=r"controller\.pub\.json is already there"):
        save_keys(new_keys("controller"), directory)
    assert public.exists()
    with pytest.raises(InputError, match="already there"):
        write_new(public, before, 0o600)


def test_a_directory_that_others_see_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    for mode in (0o750, 0o705, 0o720):
        shared.chmod(mode)
        with pytest.raises(InputError, match="chmod 700"):
            save_keys(new_keys("controller"), shared)
    assert list(shared.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be used"):
        make_private_directory(tmp_path / "file")


def test_a_key_that_others_read_is_refused(tmp_path: Path) -> None:
    private, _ = save_keys(new_keys("research"), tmp_path / "keys")
    for mode in (0o640, 0o604, 0o620):
        private.chmod(mode)
        with pytest.raises(InputError, match="chmod 600"):
            load_keys(private)


def test_what_is_no_key_file_is_named(tmp_path: Path) -> None:
    private, public = save_keys(new_keys("controller"), tmp_path / "keys")
    with pytest.raises(InputError, match="holds private keys, which stay with their holder"):
        load_public(private)
    for mode in (0o644, 0o600):
        public.chmod(mode)
        with pytest.raises(InputError, match="holds public keys, and this step takes the private"):
            load_keys(public)
    other = tmp_path / "other.json"
    other.write_text("{}")
    other.chmod(0o600)
    with pytest.raises(InputError, match="no public key file"):
        load_public(other)
    with pytest.raises(InputError, match="no private key file"):
        load_keys(other)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is no file"):
        load_keys(tmp_path / "pipe")
    with pytest.raises(InputError, match="cannot be read"):
        load_keys(tmp_path / "absent")
    with pytest.raises(InputError, match="cannot be read"):
        load_public(tmp_path / "absent")
    with pytest.raises(InputError, match="is no file"):
        check_private(tmp_path)
    with pytest.raises(InputError, match="cannot be written"):
        write_new(tmp_path / "absent" / "file", b"", 0o600)


def test_a_damaged_key_file_is_refused(tmp_path: Path) -> None:
    private, public = save_keys(new_keys("controller"), tmp_path / "keys")
    for path, field, keys in (
        (private, "seeds", {"controller": encode_key(bytes(31))}),
        (private, "seeds", {}),
        (private, "seeds", {"controller": encode_key(bytes(32)), "more": encode_key(bytes(32))}),
        (private, "seeds", {"controller": "not base64"}),
        (public, "keys", {"ledger": encode_key(bytes(32))}),
    ):
        document = json.loads(path.read_text())
        path.write_text(json.dumps(document | {field: keys}))
        with pytest.raises(InputError):
            load_keys(path) if path == private else load_public(path)


def test_words_are_eight_proquints_of_the_hash() -> None:
    words = key_words(b"\x01" * 32)
    assert words == key_words(b"\x01" * 32)
    assert words != key_words(b"\x02" * 32)
    assert len(words) == 8
    for word in words:
        assert len(word) == 5
        assert set(word[::2]) <= set("bdfghjklmnprstvz")
        assert set(word[1::2]) <= set("aiou")


def test_a_word_is_spelled_as_the_proposal_spells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    known = bytes([127, 0, 0, 1, 63, 84, 220, 193]) + bytes(8) + b"beyond"
    monkeypatch.setattr("relay.vault.words.labelled_hash", lambda *_: known)
    assert key_words(b"")[:4] == ["lusab", "babad", "gutih", "tugad"]


def test_bytes_that_are_no_text_are_no_key_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b'{"format":"candor-keys-v1","name":"\xff"}')
    path.chmod(0o600)
    for load in (load_keys, load_public):
        with pytest.raises(InputError, match="key file"):
            load(path)
