"""`candor keys`: make a role's keys on its holder's machine, and show a public key as words.

Owns the conversation with the holder; the files are the vault's.
"""

from __future__ import annotations

from pathlib import Path

import click

from relay.vault.keys import PublicKeys, load_public, new_keys, save_keys
from relay.vault.words import key_words

WHAT_TO_DO = {
    "controller": "Give the public file to whoever runs `candor init`.",
    "representative": (
        "Give the public file to whoever runs `candor init`, and publish the words of "
        "`representative` yourself (on paper, or on a page of your own): people compare them."
    ),
    "research": "Give the public file to whoever runs `candor init`.",
}


@click.group()
def keys() -> None:
    """Make and show keys."""


@keys.command()
@click.option("--role", type=click.Choice(sorted(WHAT_TO_DO)), required=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Directory for ROLE.key.json and ROLE.pub.json; only you may be able to read it.",
)
@click.option("--name", default="", help="Shown beside the keys, such as your name.")
def new(role: str, out: Path, name: str) -> None:
    """Make the keys of a role. Run this on the machine of the one who holds it."""
    match role:
        case "controller" | "representative" | "research":
            made = new_keys(role, name)
        case _:  # pragma: no cover - click.Choice allows no other
            raise click.UsageError(role)
    private, public = save_keys(made, out)
    click.echo(f"Private keys: {private}. Never copy this file to another person or to the relay.")
    click.echo(f"Public keys:  {public}. {WHAT_TO_DO[role]}")
    _show(load_public(public))
    click.echo(public.read_text())


@keys.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def words(file: Path) -> None:
    """Show the words of each key in a ROLE.pub.json FILE, to compare aloud."""
    _show(load_public(file))


def _show(public: PublicKeys) -> None:
    for name in sorted(public.keys):
        click.echo(f"  {name}: {' '.join(key_words(public.key(name)))}")
