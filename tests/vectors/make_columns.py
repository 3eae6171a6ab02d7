"""Vectors of columns: what a batch may hold, and one broken rule a file (section 11)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors.craft import Json, Vector, packed, vector

_BUTTON = 13
_DIV = 28
_T0 = 179_560_000_000
_SIGNALS = 8

POINTER = ((0, 1, 2), (400, -3, 0), (300, 4, 32_767))
CLICK = ((5,), (0,), (_BUTTON,), (28,))
EVERYTHING: tuple[Json, ...] = (
    POINTER,
    CLICK,
    ((7, 65_535), (0, _DIV), (65_535, 0)),
    ((9,), (65_535,), (0,), (8,)),
    None,
    ((0,), (-1_000_000,), (1_000_000,)),
    ((0, 1, 2, 3, 4, 5), (1, 2, 3, 4, 5, 6)),
    ((0,), (4,), (65_535,), (0,), (0,), (10_000_000,)),
)


def batch(
    *signals: Json, app: int = 1, group: int = 0, declared: int = 3, t0: int = _T0
) -> tuple[Json, ...]:
    """Return the 15 positions of a plaintext; missing signals are nil."""
    missing = (None,) * (_SIGNALS - len(signals))
    return (1, app, group, declared, t0, 0xFFFF_FFFF, 0, *signals, *missing)


_KEYS = (None, None, None, None, ((0, 12), (8, 65_535), (1, 5)))
VALID: dict[str, tuple[str, tuple[Json, ...]]] = {
    "pointer_alone": ("A declared signal may be absent", batch(POINTER)),
    "click_on_a_button": ("A click on a button has a cell", batch(POINTER, CLICK)),
    "every_general_signal": ("Every signal reaches its bounds", batch(*EVERYTHING, declared=239)),
    "key_timing": ("Key timing has a group of its own", batch(*_KEYS, group=1, declared=16)),
    "first_tick_of_1970": ("t0 may be 0", batch(POINTER, t0=0)),
    "as_many_events_as_allowed": (
        "A signal has up to 2 048 events",
        batch(((1,) * 2_048, (-1,) * 2_048, (1,) * 2_048)),
    ),
}


def _pointer(*columns: Json) -> tuple[Json, ...]:
    return batch(columns)


def _with(position: int, value: Json) -> tuple[Json, ...]:
    whole = batch(POINTER, CLICK)
    return (*whole[:position], value, *whole[position + 1 :])


REFUSED: dict[str, tuple[str, str, tuple[Json, ...]]] = {
    "other_format": ("columns_bound", "The format is 1", _with(0, 2)),
    "t0_negative": ("columns_bound", "t0 is not negative", _with(4, -1)),
    "document_of_33_bits": ("columns_bound", "A document number has 32 bits", _with(5, 2**32)),
    "route_not_zero": ("columns_bound", "Routes are reserved", _with(6, 1)),
    "text_in_a_column": (
        "columns_bound",
        "Columns hold integers, never text",
        _pointer((0,), ("a",), (0,)),
    ),
    "binary_in_a_column": (
        "columns_bound",
        "Columns hold integers, never bytes",
        _pointer((0,), (b"a",), (0,)),
    ),
    "text_for_a_signal": (
        "columns_bound",
        "A signal holds columns, never text",
        batch("typed text"),
    ),
    "nil_in_a_column": ("columns_bound", "Columns have no holes", _pointer((0,), (None,), (0,))),
    "list_in_a_column": ("columns_bound", "Columns are flat", _pointer((0,), ((1,),), (0,))),
    "missing_column": ("columns_bound", "A signal has all its columns", _pointer((0,), (0,))),
    "extra_column": (
        "columns_bound",
        "A signal has no more columns",
        _pointer((0,), (0,), (0,), (0,)),
    ),
    "empty_columns": ("columns_bound", "A signal without events is nil", _pointer((), (), ())),
    "too_many_events": (
        "columns_bound",
        "A signal has at most 2 048 events",
        _pointer((0,) * 2_049, (0,) * 2_049, (0,) * 2_049),
    ),
    "dt_negative": ("columns_bound", "Time does not run back", _pointer((-1,), (0,), (0,))),
    "dt_too_long": ("columns_bound", "dt has 16 bits", _pointer((65_536,), (0,), (0,))),
    "position_too_far": (
        "columns_bound",
        "Positions have 16 bits",
        _pointer((0,), (32_768,), (0,)),
    ),
    "button_five": (
        "columns_bound",
        "Buttons are 0 to 4",
        batch(None, ((0,), (5,), (_BUTTON,), (0,))),
    ),
    "cell_65": (
        "columns_bound",
        "There are 64 cells",
        batch(None, ((0,), (0,), (_BUTTON,), (65,))),
    ),
    "target_past_its_places": (
        "columns_bound",
        "A target has 27 bits",
        batch(None, ((0,), (0,), (2**27,), (0,))),
    ),
    "no_keys_in_a_burst": (
        "columns_bound",
        "A burst has a key",
        batch(None, None, None, ((0,), (0,), (0,), (1,)), declared=8),
    ),
    "field_class_nine": (
        "columns_bound",
        "There are eight field classes",
        batch(None, None, None, ((0,), (1,), (0,), (9,)), declared=8),
    ),
    "key_class_six": (
        "columns_bound",
        "There are five key classes",
        batch(None, None, None, None, ((0,), (0,), (6,)), group=1, declared=16),
    ),
    "scrolled_too_far": (
        "columns_bound",
        "Scrolling is at most 1 000 000 px",
        batch(*(None,) * 5, ((0,), (1_000_001,), (0,)), declared=32),
    ),
    "attention_state_zero": (
        "columns_bound",
        "Attention states begin at 1",
        batch(*(None,) * 6, ((0,), (0,)), declared=64),
    ),
    "to_route_not_zero": (
        "columns_bound",
        "Routes are reserved in navigation too",
        batch(*(None,) * 7, ((0,), (1,), (0,), (0,), (7,), (0,)), declared=128),
    ),
    "position_missing": ("columns_bound", "There are 15 positions", batch(POINTER)[:-1]),
    "position_extra": (
        "columns_bound",
        "There are no more than 15 positions",
        (*batch(POINTER), None),
    ),
    "columns_of_unequal_length": (
        "columns_length",
        "Columns of a signal are equally long",
        _pointer((0, 1), (0, 1), (0,)),
    ),
    "signal_not_declared": (
        "columns_signals",
        "What is not declared is not there",
        batch(POINTER, declared=2),
    ),
    "nothing_in_it": ("columns_signals", "A batch holds something", batch()),
    "key_timing_among_the_others": (
        "columns_signals",
        "Key timing does not stand in group 0",
        batch(POINTER, None, None, None, _KEYS[4], declared=17),
    ),
    "pointer_beside_key_timing": (
        "columns_signals",
        "Nothing else stands in group 1",
        batch(POINTER, None, None, None, _KEYS[4], group=1, declared=17),
    ),
    "target_in_no_vocabulary": (
        "columns_target",
        "A target is a word that both sides know",
        batch(None, ((0,), (0,), (255,), (0,))),
    ),
    "cell_outside_a_button": (
        "columns_cell",
        "Only buttons and links have cells",
        batch(None, ((0,), (0,), (_DIV,), (1,))),
    ),
}

_POINTER_ALONE = packed(*batch(POINTER))
MALFORMED: dict[str, tuple[str, bytes]] = {
    "trailing_bytes": ("Nothing follows the array", _POINTER_ALONE + b"hidden"),
    "cut_off": ("The array is whole", _POINTER_ALONE[:-1]),
    "empty": ("A plaintext is not empty", b""),
    "longer_integer_form": (
        "Integers have their shortest form, since lengths could carry content",
        _POINTER_ALONE.replace(packed(0, 1, 2), b"\x93\x00\xcc\x01\x02"),
    ),
}
HEADERS: dict[str, tuple[str, int, int, int]] = {
    "app": ("The app inside is the one outside", 2, 0, 3),
    "group": ("The group inside is the one outside", 1, 1, 3),
    "signals": ("The signals inside are those outside", 1, 0, 1),
}


def make() -> Iterator[tuple[str, Vector]]:
    """Yield name and vector."""
    for name, (claim, positions) in VALID.items():
        yield (
            f"columns_{name}",
            vector(
                "columns",
                claim,
                **_header(positions),
                plaintext=packed(*positions),
                positions=positions,
            ),
        )
    for name, (error, claim, positions) in REFUSED.items():
        yield (
            f"columns_refused_{name}",
            vector(
                "columns_refused",
                claim,
                **_header(positions),
                plaintext=packed(*positions),
                error=error,
            ),
        )
    for name, (claim, plaintext) in MALFORMED.items():
        yield (
            f"columns_refused_{name}",
            vector(
                "columns_refused",
                claim,
                **_header(batch(POINTER)),
                plaintext=plaintext,
                error="columns_malformed",
            ),
        )
    for name, (claim, app, group, signals) in HEADERS.items():
        yield (
            f"columns_refused_other_{name}",
            vector(
                "columns_refused",
                claim,
                app=app,
                group=group,
                signals=signals,
                plaintext=_POINTER_ALONE,
                error="columns_header",
            ),
        )


def _header(positions: tuple[Json, ...]) -> dict[str, int]:
    return {"app": positions[1], "group": positions[2], "signals": positions[3]}
