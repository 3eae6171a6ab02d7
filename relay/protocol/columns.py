"""The columns inside an opened batch: small integers from closed ranges (protocol.md section 11).

Owns their encoding and every bound; never repairs, guesses or quotes a value: a batch that breaks
one rule is refused whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from relay.errors import ColumnsError
from relay.model import MAX_INT, Signal, group_signals
from relay.protocol.vocabulary import MAX_TARGET, is_target, may_have_cell

COLUMN_NAMES: Final[dict[Signal, tuple[str, ...]]] = {
    Signal.POINTER: ("dt", "dx", "dy"),
    Signal.CLICK: ("dt", "button", "target", "cell"),
    Signal.HOVER: ("dt", "target", "dwell"),
    Signal.TYPING: ("dt", "count", "duration", "field"),
    Signal.KEY_TIMING: ("dt", "dwell", "class"),
    Signal.SCROLL: ("dt", "dx", "dy"),
    Signal.ATTENTION: ("dt", "state"),
    Signal.NAVIGATION: ("dt", "kind", "from_app", "from_route", "to_route", "dwell"),
}
"""Names of each signal's columns, in wire order."""
MAX_EVENTS: Final = 2_048
TICK_MS: Final = 10

_U16: TypeAlias = Annotated[int, Meta(ge=0, le=65_535)]
_Position: TypeAlias = Annotated[int, Meta(ge=-32_768, le=32_767)]
_Button: TypeAlias = Annotated[int, Meta(ge=0, le=4)]
_TargetCode: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_TARGET)]
_Cell: TypeAlias = Annotated[int, Meta(ge=0, le=64)]
_Count: TypeAlias = Annotated[int, Meta(ge=1, le=65_535)]
_FieldClass: TypeAlias = Annotated[int, Meta(ge=1, le=8)]
_KeyClass: TypeAlias = Annotated[int, Meta(ge=1, le=5)]
_Scrolled: TypeAlias = Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]
_State: TypeAlias = Annotated[int, Meta(ge=1, le=6)]
_Kind: TypeAlias = Annotated[int, Meta(ge=1, le=4)]
_Route: TypeAlias = Annotated[int, Meta(ge=0, le=0)]
_Stay: TypeAlias = Annotated[int, Meta(ge=0, le=10_000_000)]

_Length = Meta(min_length=1, max_length=MAX_EVENTS)
_U16s: TypeAlias = Annotated[tuple[_U16, ...], _Length]
_Positions: TypeAlias = Annotated[tuple[_Position, ...], _Length]
_Targets: TypeAlias = Annotated[tuple[_TargetCode, ...], _Length]
_Scrolls: TypeAlias = Annotated[tuple[_Scrolled, ...], _Length]
_Routes: TypeAlias = Annotated[tuple[_Route, ...], _Length]

Click: TypeAlias = tuple[
    _U16s,
    Annotated[tuple[_Button, ...], _Length],
    _Targets,
    Annotated[tuple[_Cell, ...], _Length],
]
Typing: TypeAlias = tuple[
    _U16s,
    Annotated[tuple[_Count, ...], _Length],
    _U16s,
    Annotated[tuple[_FieldClass, ...], _Length],
]
Navigation: TypeAlias = tuple[
    _U16s,
    Annotated[tuple[_Kind, ...], _Length],
    _U16s,
    _Routes,
    _Routes,
    Annotated[tuple[_Stay, ...], _Length],
]


class Columns(
    msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, kw_only=True
):
    """What one batch holds, position by position; build it, then `encode_columns`.

    The fields' order is the wire's. `t0` counts ticks of 10 ms since 1970.
    """

    format: Annotated[int, Meta(ge=1, le=1)] = 1
    app: Annotated[int, Meta(ge=1, le=65_535)]
    group: Annotated[int, Meta(ge=0, le=1)]
    signals: Annotated[int, Meta(ge=1, le=255)]
    t0: Annotated[int, Meta(ge=0, le=MAX_INT)]
    document: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    route: _Route
    pointer: tuple[_U16s, _Positions, _Positions] | None
    click: Click | None
    hover: tuple[_U16s, _Targets, _U16s] | None
    typing: Typing | None
    key_timing: tuple[_U16s, _U16s, Annotated[tuple[_KeyClass, ...], _Length]] | None
    scroll: tuple[_U16s, _Scrolls, _Scrolls] | None
    attention: tuple[_U16s, Annotated[tuple[_State, ...], _Length]] | None
    navigation: Navigation | None

    def __repr__(self) -> str:
        """Say how much it holds, not what."""
        return f"Columns(signals={self.signals}, events={self.events})"

    def present(self) -> Iterator[tuple[Signal, tuple[tuple[int, ...], ...]]]:
        """Yield each signal that has events, with its columns in wire order."""
        for signal in Signal:
            columns = getattr(self, signal.label)
            if columns is not None:
                yield signal, columns

    @property
    def events(self) -> int:
        """How many events all signals hold together."""
        return sum(len(columns[0]) for _, columns in self.present())


_DECODER: Final = msgspec.msgpack.Decoder(Columns)
_ENCODER: Final = msgspec.msgpack.Encoder()
_HEADER: Final = ("format", "app", "group", "signals", "t0", "document", "route")


def encode_columns(columns: Columns) -> bytes:
    """Return the plaintext that is sealed.

    Raises:
        ColumnsError: They break a rule of section 11.
    """
    plaintext = _ENCODER.encode(columns)
    decode_columns(plaintext, columns.app, columns.group, columns.signals)
    return plaintext


def decode_columns(plaintext: bytes, app: int, group: int, signals: int) -> Columns:
    """Read an opened batch strictly; what raises is dropped and counted by the error's code.

    Args:
        plaintext: The opened, unpadded bytes.
        app: App number of its clear header, 1-65535.
        group: Group of its segment, 0-1.
        signals: Declared signal bits of its clear header, 1-255.

    Raises:
        ColumnsError: A type, bound, length or rule of section 11 is broken; `code` names which.
    """
    try:
        columns = _DECODER.decode(plaintext)
    except msgspec.ValidationError as error:
        raise _broken_bound(error) from None
    except (msgspec.DecodeError, RecursionError):
        raise ColumnsError(
            "The opened bytes are not one msgpack array with nothing after it. "
            "The batch is dropped and counted.",
            code="columns_malformed",
        ) from None
    if _ENCODER.encode(columns) != plaintext:
        raise ColumnsError(
            "An integer or array is written longer than it need be, which could carry content. "
            "The batch is dropped and counted.",
            code="columns_malformed",
        )
    if (columns.app, columns.group, columns.signals) != (app, group, signals):
        raise ColumnsError(
            "App, group or signals inside differ from the clear header. "
            "The batch is dropped and counted.",
            code="columns_header",
        )
    check_columns(columns)
    return columns


def check_columns(columns: Columns) -> None:
    """Check the rules that span positions: declared signals, lengths, targets and cells.

    Raises:
        ColumnsError: One of them is broken; `code` names which.
    """
    present = 0
    for signal, signal_columns in columns.present():
        present |= signal
        if len({len(column) for column in signal_columns}) != 1:
            raise ColumnsError(
                f"The columns of {signal.label} differ in length. The batch is dropped.",
                code="columns_length",
            )
    declared = columns.signals
    if not present or present & ~declared or declared & ~group_signals(columns.group):
        raise ColumnsError(
            "The batch holds no signal, one that it does not declare, or declares one that does "
            "not belong to its group. It is dropped.",
            code="columns_signals",
        )
    _check_targets(columns)


def _check_targets(columns: Columns) -> None:
    click, hover = columns.click, columns.hover
    codes = {*(click[2] if click else ()), *(hover[1] if hover else ())}
    if not all(map(is_target, codes)):
        raise ColumnsError(
            "A target is in no vocabulary. The batch is dropped.", code="columns_target"
        )
    if click and any(
        cell and not may_have_cell(code) for code, cell in zip(click[2], click[3], strict=True)
    ):
        raise ColumnsError(
            "A click has a cell, but its target is no button or link. The batch is dropped.",
            code="columns_cell",
        )


def _broken_bound(error: msgspec.ValidationError) -> ColumnsError:
    """Name the place where a typed decode stopped; msgspec's message holds no value but a path."""
    path = [int(index) for index in re.findall(r"\[(\d+)\]", str(error))]
    first_signal = len(_HEADER)
    if not path:
        place = "the array"
    elif path[0] < first_signal:
        place = _HEADER[path[0]]
    else:
        signal = list(Signal)[path[0] - first_signal]
        column = f".{COLUMN_NAMES[signal][path[1]]}" if len(path) > 1 else ""
        place = signal.label + column
    return ColumnsError(
        f"A wrong type, length or bound at {place}. The batch is dropped and counted.",
        code="columns_bound",
    )
