"""Policy files on disk, as `candor policy` and `candor enrol` read them.

Owns which file is TOML and which JSON; the meaning is `consent.draft`'s.
"""

from __future__ import annotations

from pathlib import Path

from relay.consent.draft import Draft, draft_faults, read_draft
from relay.consent.rules import Fault
from relay.errors import InputError

MAX_FILE_BYTES = 1_048_576


def load_draft(path: Path) -> Draft:
    """Read a policy file that must keep every rule.

    Raises:
        InputError: It cannot be read.
        PolicyError: It breaks a rule.
    """
    return read_draft(_read(path), is_json=_is_json(path))


def load_faults(path: Path) -> list[Fault]:
    """Return everything that is wrong with a policy file.

    Raises:
        InputError: It cannot be read.
    """
    return draft_faults(_read(path), is_json=_is_json(path))


def _is_json(path: Path) -> bool:
    return path.suffix == ".json"


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. Check the path.") from None
    if len(text) > MAX_FILE_BYTES:
        raise InputError(f"{path} is too long for a policy. Check the path.")
    return text
