"""Key files: one private file a role, made on its holder's machine, and its public part.

Owns how keys lie on disk and who may read them; never sends one anywhere.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Literal

import msgspec

from relay.consent.document import SEALING_KEY_NAMES, decode_key, encode_key
from relay.errors import InputError
from relay.vault.seal import KEY_BYTES, OpeningKey
from relay.vault.seal import PUBLIC_KEY_BYTES as SEALING_KEY_BYTES
from relay.vault.sign import SigningKey

Role = Literal["controller", "representative", "research", "ledger"]
ROLE_KEYS: dict[Role, tuple[str, ...]] = {
    "controller": ("controller",),
    "representative": ("representative", "outer", "codes", "cosigning"),
    "research": ("inner", "requests"),
    "ledger": ("ledger",),
}
"""The names of a role's keys, as policies name them."""

PRIVATE_MODE = 0o600
PRIVATE_DIRECTORY_MODE = 0o700
_MAX_FILE_BYTES = 65_536
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The private keys of one role, as base64url seeds by name."""

    format: Literal["candor-keys-v1"]
    role: Role
    name: str
    seeds: dict[str, str]

    def signing(self, name: str) -> SigningKey:
        """Return a signing key by its name in a policy.

        Raises:
            InputError: This role has no such key.
        """
        return SigningKey(self._seed(name, sealing=False))

    def opening(self, name: str) -> OpeningKey:
        """Return an opening key by its name in a policy ("inner" or "outer").

        Raises:
            InputError: This role has no such key.
        """
        return OpeningKey(self._seed(name, sealing=True))

    def public(self) -> PublicKeys:
        """Return the public part."""
        keys = {
            name: self.opening(name).public
            if name in SEALING_KEY_NAMES
            else self.signing(name).public
            for name in ROLE_KEYS[self.role]
        }
        return PublicKeys(
            format="candor-public-keys-v1",
            role=self.role,
            name=self.name,
            keys={name: encode_key(key) for name, key in keys.items()},
        )

    def _seed(self, name: str, *, sealing: bool) -> bytes:
        if name not in self.seeds or (name in SEALING_KEY_NAMES) != sealing:
            raise InputError(
                f"The {self.role}'s key file holds no key named {name}. Use the file of the role "
                "that has it."
            )
        return decode_key(self.seeds[name])

    def __repr__(self) -> str:
        """Name the file without its secrets."""
        return f"KeyFile(role={self.role!r})"


class PublicKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The public keys of one role, as base64url by name."""

    format: Literal["candor-public-keys-v1"]
    role: Role
    name: str
    keys: dict[str, str]

    def key(self, name: str) -> bytes:
        """Return a public key by its name in a policy.

        Raises:
            InputError: This role has no such key.
        """
        if name not in self.keys:
            raise InputError(
                f"The {self.role}'s public file holds no key named {name}. Use the file of the "
                "role that has it."
            )
        return decode_key(self.keys[name])


def new_keys(role: Role, name: str = "") -> KeyFile:
    """Draw the keys of a role from the system's randomness.

    Args:
        role: Who will hold them.
        name: Shown beside them, such as the holder's name.
    """
    seeds = {
        key: OpeningKey.generate().seed if key in SEALING_KEY_NAMES else SigningKey.generate().seed
        for key in ROLE_KEYS[role]
    }
    return KeyFile(
        format="candor-keys-v1",
        role=role,
        name=name,
        seeds={key: encode_key(seed) for key, seed in seeds.items()},
    )


def save_keys(keys: KeyFile, directory: Path) -> tuple[Path, Path]:
    """Write ROLE.key.json (0600) and ROLE.pub.json, overwriting nothing.

    Returns:
        Path of the private file, path of the public file.

    Raises:
        InputError: Others can use the directory, or a file is already there.
    """
    make_private_directory(directory)
    private = directory / f"{keys.role}.key.json"
    public = directory / f"{keys.role}.pub.json"
    for path in (private, public):
        if path.exists():
            raise InputError(
                f"{path.name} is already there and is not overwritten. Choose another directory, "
                "or remove the old keys yourself if nothing was sealed to them."
            )
    write_private(private, key_json(keys))
    write_new(public, key_json(keys.public()), 0o644)
    return private, public


def load_keys(path: Path) -> KeyFile:
    """Read a private key file.

    Raises:
        InputError: It is missing, readable by others, damaged, or a public file.
    """
    if path.is_file() and _is_format(_read(path), PublicKeys):
        raise InputError(
            f"{path} holds public keys, and this step takes the private ones. Give the "
            "ROLE.key.json that lies beside it on its holder's machine."
        )
    check_private(path)
    try:
        keys = msgspec.json.decode(_read(path), type=KeyFile)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InputError(
            f"{path} is no private key file. Give the ROLE.key.json that `candor keys new` wrote."
        ) from None
    _checked_names(path, keys.role, keys.seeds, private=True)
    return keys


def load_public(path: Path) -> PublicKeys:
    """Read a public key file.

    Raises:
        InputError: It is missing, damaged, or a private file.
    """
    data = _read(path)
    if _is_format(data, KeyFile):
        raise InputError(
            f"{path} holds private keys, which stay with their holder. Give the ROLE.pub.json "
            "that lies beside it."
        )
    try:
        keys = msgspec.json.decode(data, type=PublicKeys)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InputError(
            f"{path} is no public key file. Give the ROLE.pub.json that `candor keys new` wrote."
        ) from None
    _checked_names(path, keys.role, keys.keys, private=False)
    return keys


def make_private_directory(directory: Path) -> None:
    """Make a directory for its owner only, or check that it is one.

    Raises:
        InputError: Others can read or write it, or it cannot be made.
    """
    try:
        directory.mkdir(mode=PRIVATE_DIRECTORY_MODE, parents=True, exist_ok=True)
        mode = directory.stat().st_mode
    except OSError as error:
        raise InputError(
            f"The directory {directory} cannot be used: {error.strerror}. Choose another."
        ) from None
    if mode & _OTHERS:
        raise InputError(
            f"Other users can look into {directory}. Run `chmod 700 {directory}` or choose "
            "another directory for private keys."
        )


def check_private(path: Path) -> None:
    """Check that only its owner can read a file.

    Raises:
        InputError: It is missing, no file, or others can read it.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(
            f"The file {path} cannot be read: {error.strerror}. Check the path."
        ) from None
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is no file. Give the path of a ROLE.key.json.")
    if status.st_mode & _OTHERS:
        raise InputError(
            f"Other users can read {path}, so its keys may be known. Run `chmod 600 {path}` if "
            "nobody did; make new keys otherwise."
        )


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner can read.

    Raises:
        InputError: It is already there or cannot be written.
    """
    write_new(path, data, PRIVATE_MODE)


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a new file durably, overwriting nothing.

    Raises:
        InputError: It is already there or cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise InputError(
            f"{path} is already there and is not overwritten. Choose another name."
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}. Choose another.") from None


def _read(path: Path) -> bytes:
    """Return a file's bytes if it can be a key file."""
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE_BYTES)
    except OSError as error:
        raise InputError(
            f"The file {path} cannot be read: {error.strerror}. Check the path."
        ) from None


def _is_format(data: bytes, kind: type[KeyFile | PublicKeys]) -> bool:
    """Tell whether bytes can be read as this kind of key file."""
    try:
        msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def _checked_names(path: Path, role: Role, keys: dict[str, str], *, private: bool) -> None:
    """Check that a key file holds exactly its role's keys, each of the right length."""
    if keys.keys() == set(ROLE_KEYS[role]) and all(
        len(decode_key(text)) == _length(name, private=private) for name, text in keys.items()
    ):
        return
    raise InputError(f"{path} is damaged: its keys are not the {role}'s. Restore it from its copy.")


def _length(name: str, *, private: bool) -> int:
    return SEALING_KEY_BYTES if name in SEALING_KEY_NAMES and not private else KEY_BYTES


def key_json(value: KeyFile | PublicKeys) -> bytes:
    """Return the bytes of a key file."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
