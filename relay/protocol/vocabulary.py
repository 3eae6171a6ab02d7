"""The closed vocabularies of targets, and what their codes mean in words.

Owns how a target is packed (protocol.md section 11); never holds a word that a page brought along.
"""

from __future__ import annotations

import importlib.resources
from typing import Final

import msgspec

_ROLE_UNIT: Final = 1 << 8
_INPUT_TYPE_UNIT: Final = 1 << 16
_LANDMARK_UNIT: Final = 1 << 22
MAX_TARGET: Final = (1 << 27) - 1

FIELD_CLASSES: Final = (
    "text",
    "multi-line",
    "rich text",
    "search",
    "address-like",
    "number",
    "date or time",
    "other",
)
"""Names of the typing signal's `field` 1-8."""
KEY_CLASSES: Final = ("type", "correct", "submit", "move", "shortcut")
"""Names of the key timing signal's `class` 1-5."""
ATTENTION_STATES: Final = ("visible", "hidden", "focused", "blurred", "idle", "active")
"""Names of the attention signal's `state` 1-6."""
NAVIGATION_KINDS: Final = ("load", "within", "restored", "leave")
"""Names of the navigation signal's `kind` 1-4."""


class Vocabulary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words of vocabulary.json; the n-th word of a list has the number n, from 1."""

    format: str
    tags: tuple[str, ...]
    roles: tuple[str, ...]
    input_types: tuple[str, ...]
    landmarks: tuple[str, ...]


class Target(msgspec.Struct, frozen=True):
    """A target taken apart: four numbers, 0 = none or not in the vocabulary."""

    tag: int
    role: int
    input_type: int
    landmark: int


def _load() -> Vocabulary:
    file = importlib.resources.files("relay.protocol").joinpath("vocabulary.json")
    return msgspec.json.decode(file.read_bytes(), type=Vocabulary)


VOCABULARY: Final = _load()

# Cells say where inside a button or link a click fell; elsewhere they would map the page's layout.
_CELL_TAGS: Final = {VOCABULARY.tags.index(name) + 1 for name in ("a", "button")}
_CELL_ROLES: Final = {VOCABULARY.roles.index(name) + 1 for name in ("button", "link")}
_CELL_INPUT_TYPES: Final = {
    VOCABULARY.input_types.index(name) + 1 for name in ("button", "image", "reset", "submit")
}


def split_target(code: int) -> Target:
    """Take a target code apart.

    Args:
        code: 0 to `MAX_TARGET`.
    """
    return Target(
        tag=code % _ROLE_UNIT,
        role=code // _ROLE_UNIT % (_INPUT_TYPE_UNIT // _ROLE_UNIT),
        input_type=code // _INPUT_TYPE_UNIT % (_LANDMARK_UNIT // _INPUT_TYPE_UNIT),
        landmark=code // _LANDMARK_UNIT,
    )


def pack_target(*, tag: str = "", role: str = "", input_type: str = "", landmark: str = "") -> int:
    """Return the code of these words; a word outside its vocabulary counts as none."""
    return (
        _number(VOCABULARY.tags, tag)
        + _ROLE_UNIT * _number(VOCABULARY.roles, role)
        + _INPUT_TYPE_UNIT * _number(VOCABULARY.input_types, input_type)
        + _LANDMARK_UNIT * _number(VOCABULARY.landmarks, landmark)
    )


def is_target(code: int) -> bool:
    """Tell whether every number in a code (0 to `MAX_TARGET`) is one of its vocabulary."""
    target = split_target(code)
    return (
        target.tag <= len(VOCABULARY.tags)
        and target.role <= len(VOCABULARY.roles)
        and target.input_type <= len(VOCABULARY.input_types)
        and target.landmark <= len(VOCABULARY.landmarks)
    )


def may_have_cell(code: int) -> bool:
    """Tell whether a click on this target may say in which of its 64 cells it fell."""
    target = split_target(code)
    return (
        target.tag in _CELL_TAGS
        or target.role in _CELL_ROLES
        or target.input_type in _CELL_INPUT_TYPES
    )


def describe_target(code: int) -> str:
    """Say in words what a target code means, such as "button role=menuitem in navigation".

    Args:
        code: A code for which `is_target` holds.
    """
    target = split_target(code)
    words = [_word(VOCABULARY.tags, target.tag) or "element"]
    if target.input_type:
        words.append(f"type={_word(VOCABULARY.input_types, target.input_type)}")
    if target.role:
        words.append(f"role={_word(VOCABULARY.roles, target.role)}")
    if target.landmark:
        words.append(f"in {_word(VOCABULARY.landmarks, target.landmark)}")
    return " ".join(words)


def _number(words: tuple[str, ...], word: str) -> int:
    return words.index(word) + 1 if word in words else 0


def _word(words: tuple[str, ...], number: int) -> str:
    return words[number - 1] if number else ""
