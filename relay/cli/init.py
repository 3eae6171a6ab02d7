"""`candor init`: a relay's directory with settings, ledger key and a policy draft.

Owns laying files down, overwriting nothing; sees private keys only in a demonstration.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from relay.cli.templates import draft_toml, settings_toml
from relay.consent.document import encode_key
from relay.consent.origins import is_loopback, origin_fault
from relay.errors import InputError
from relay.settings import FILE_NAME
from relay.vault.keys import (
    PRIVATE_DIRECTORY_MODE,
    PublicKeys,
    Role,
    key_json,
    load_public,
    new_keys,
    save_keys,
    write_new,
    write_private,
)

LEDGER_FILE = "ledger.key"
POLICY_FILE = "policy.toml"
DEMO_RELAY = "https://127.0.0.1:8443"
DEMO_APP = "https://crm.corp.example"

_HOLDERS: tuple[Role, ...] = ("controller", "representative", "research")
_PUBLIC = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option("--controller", type=_PUBLIC, help="controller.pub.json")
@click.option("--representative", type=_PUBLIC, help="representative.pub.json")
@click.option("--research", type=_PUBLIC, help="research.pub.json")
@click.option("--relay", help="Origin at which devices reach the relay.")
@click.option("--app", "apps", multiple=True, help="Origin of an approved app; may be repeated.")
@click.option("--demo", is_flag=True, help="Make all keys here; the policy is marked demo.")
def init(
    directory: Path,
    controller: Path | None,
    representative: Path | None,
    research: Path | None,
    relay: str | None,
    apps: tuple[str, ...],
    *,
    demo: bool,
) -> None:
    """Prepare DIR for a relay: candor.toml, ledger.key and policy.toml."""
    given: dict[Role, Path] = {
        role: path
        for role, path in zip(_HOLDERS, (controller, representative, research), strict=True)
        if path is not None
    }
    relay = (relay or (DEMO_RELAY if demo else "")).rstrip("/")
    apps = tuple(app.rstrip("/") for app in apps) or ((DEMO_APP,) if demo else ())
    _check(given, relay, apps, demo=demo)
    held = _load(given)
    directory.mkdir(mode=PRIVATE_DIRECTORY_MODE, parents=True, exist_ok=True)
    for name in (FILE_NAME, LEDGER_FILE, POLICY_FILE):
        if (directory / name).exists():
            raise InputError(
                f"{directory} already holds {name}, which is not overwritten. Choose another "
                "directory."
            )
    public = _demo_keys(directory / "keys") if demo else held
    ledger = new_keys("ledger")
    write_private(directory / LEDGER_FILE, key_json(ledger))
    keys = {
        name: encode_key(part.key(name))
        for part in (*public, ledger.public())
        for name in part.keys
    }
    write_new(directory / FILE_NAME, settings_toml(relay, keys).encode(), 0o644)
    today = dt.datetime.now(dt.UTC).date()
    draft = draft_toml(relay, apps, keys, demo_from=today if demo else None)
    write_new(directory / POLICY_FILE, draft.encode(), 0o644)
    _next_steps(directory, demo=demo, loopback=is_loopback(relay))


def _check(given: dict[Role, Path], relay: str, apps: tuple[str, ...], *, demo: bool) -> None:
    missing = [f"--{role}" for role in _HOLDERS if role not in given]
    if demo and given:
        raise InputError("--demo makes all keys itself. Leave out the .pub.json files, or --demo.")
    if not demo and (missing or not relay):
        raise InputError(
            f"Missing: {', '.join([*missing, *([] if relay else ['--relay'])])}. Each holder "
            "makes their file with `candor keys new` on their own machine; --demo makes all here."
        )
    for option, origin in (("--relay", relay), *(("--app", app) for app in apps)):
        fault = origin_fault(origin, demo=demo)
        if fault:
            raise InputError(f"{option} {origin} is no exact origin: {fault}.")


def _load(given: dict[Role, Path]) -> list[PublicKeys]:
    parts = []
    for role, path in given.items():
        part = load_public(path)
        if part.role != role:
            raise InputError(f"{path} is the {part.role}'s, not the {role}'s. Give the right file.")
        parts.append(part)
    return parts


def _demo_keys(directory: Path) -> list[PublicKeys]:
    parts = []
    for role in _HOLDERS:
        keys = new_keys(role, "Demonstration")
        save_keys(keys, directory)
        parts.append(keys.public())
    return parts


def _next_steps(directory: Path, *, demo: bool, loopback: bool) -> None:
    policy = directory / POLICY_FILE
    click.echo(f"Made {directory / FILE_NAME}, {directory / LEDGER_FILE} (secret) and {policy}.")
    if demo:
        click.echo("DEMONSTRATION: this machine holds all keys, so nobody is protected from it.")
    else:
        click.echo(f"Fill in {policy} and hand it to the controller and the representative.")
    where = f"{directory}/keys/" if demo else ""
    signed = " ".join(str(policy.with_suffix(f".{role}.sig")) for role in _HOLDERS[:2])
    for line in (
        f"candor policy check {policy}",
        f"candor policy sign {policy} --key {where}controller.key.json",
        f"candor policy sign {policy} --key {where}representative.key.json",
        f"candor serve {directory}{'' if loopback else ' --tls-cert cert.pem --tls-key key.pem'}",
        f"candor policy publish {policy} {signed}",
        f"candor enrol codes -n 1 --key {where}representative.key.json --policy {policy}",
    ):
        click.echo(f"  {line}")
