"""`candor enrol`: the representative issues enrolment strings on their own machine.

Owns the conversation; nothing about who gets a string is asked or kept.
"""

from __future__ import annotations

from pathlib import Path

import click

from relay.cli.drafts import load_draft
from relay.vault.codes import enrolment_string, new_code
from relay.vault.keys import load_keys
from relay.vault.signatures import check_own_keys

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def enrol() -> None:
    """Issue enrolment strings."""


@enrol.command()
@click.option("-n", "count", type=click.IntRange(1, 100_000), default=1, help="How many.")
@click.option("--key", "key_file", type=_FILE, required=True, help="representative.key.json.")
@click.option("--policy", "policy_file", type=_FILE, required=True, help="The published policy.")
def codes(count: int, key_file: Path, policy_file: Path) -> None:
    """Print single-use enrolment strings, one a line; each enrols one device."""
    keys = load_keys(key_file)
    signer = keys.signing("codes")
    policy = load_draft(policy_file).policy
    check_own_keys(policy, keys)
    for _ in range(count):
        click.echo(
            enrolment_string(
                new_code(),
                programme=policy.programme,
                relay=policy.relay,
                controller_key=policy.key("controller"),
                representative_key=policy.key("representative"),
                signer=signer,
            )
        )
