"""`candor settings`: the effective settings of a relay, redacted.

Owns their presentation only; `relay.settings` owns names and ranges.
"""

from __future__ import annotations

import os
from pathlib import Path

import click
import msgspec

from relay.settings import Settings, has_relay, load_settings, no_relay, shown


@click.command()
@click.argument(
    "directory", type=click.Path(path_type=Path, file_okay=False), required=False, metavar="[DIR]"
)
@click.option("--help-all", is_flag=True, help="Print every setting with unit, range and default.")
def settings(directory: Path | None, *, help_all: bool) -> None:
    """Print the effective settings of the relay in DIR as JSON; paths show as set or not."""
    if help_all:
        click.echo(describe_settings(), nl=False)
        return
    if directory is not None and not has_relay(directory):
        raise no_relay(directory)
    values = shown(load_settings(directory or Path(), os.environ))
    click.echo(msgspec.json.format(msgspec.json.encode(values), indent=2).decode())


def describe_settings() -> str:
    """Return the documentation of every setting as Markdown."""
    lines = [
        "# Settings",
        "",
        "Each is read from its default, then from `candor.toml` in the relay's directory, then",
        "from the environment (`CANDOR_` and the name in capitals; lists are comma-separated).",
        "`candor settings DIR` prints the effective values. This page is written by",
        "`candor settings --help-all`; a test keeps it current.",
        "",
        "| setting | default | range | meaning |",
        "| --- | --- | --- | --- |",
    ]
    return "\n".join([*lines, *map(_row, msgspec.structs.fields(Settings))]) + "\n"


def _row(field: msgspec.structs.FieldInfo) -> str:
    kind = msgspec.inspect.type_info(field.type)
    meaning = ""
    if isinstance(kind, msgspec.inspect.Metadata):
        meaning = (kind.extra_json_schema or {}).get("description", "")
        kind = kind.type
    return f"| `{field.name}` | {_default(field.default)} | {_range(kind)} | {meaning} |"


def _default(value: object) -> str:
    match value:
        case "":
            return "(none)"
        case bool():
            return f"`{str(value).lower()}`"
        case tuple():
            return ", ".join(f"`{item}`" for item in value)
        case _:
            return f"`{value}`"


def _range(kind: msgspec.inspect.Type) -> str:
    match kind:
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            return f"from {kind.ge}" if kind.le is None else f"{kind.ge} to {kind.le}"
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.LiteralType():
            return ", ".join(str(value) for value in kind.values)
        case msgspec.inspect.VarTupleType():
            return "list"
        case _:
            return "text"
