"""`candor request`, `unlock` and `open`: the readers' three steps, each on its holder's machine.

Owns the conversation and the files; checks and keys are `dataset`'s and the vault's. Neither key
holder's command can do the other's part.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click
import msgspec

from relay.client.web import Web, tls_context
from relay.dataset.checking import Evidence, PinnedKeys, trust_own_policy
from relay.dataset.events import Event, Pseudonyms, events_of, table_lines
from relay.dataset.opening import Tally, open_everything, validate
from relay.dataset.reading import Reader
from relay.dataset.request import check_request, make_request, read_request
from relay.dataset.unlock import peel, prepare, read_unlocked
from relay.errors import AccessError, InputError
from relay.vault.keys import PRIVATE_MODE, KeyFile, Role, load_keys, load_public, write_private

_FILE = click.Path(path_type=Path, dir_okay=False)
_relay = click.option("--relay", required=True, help="The relay's origin, https://…")
_cafile = click.option(
    "--cafile", type=_FILE, help="PEM file of the authority of the relay's certificate."
)
_MAX_UNLOCKED_BYTES = 1 << 30


@click.command()
@click.option("--key", "key_file", type=_FILE, required=True, help="Your research.key.json.")
@_relay
@_cafile
@click.option("--app", "apps", multiple=True, required=True, help="App id; repeat for more.")
@click.option("--first-day", required=True, help="First day of arrival, YYYY-MM-DD, UTC.")
@click.option("--last-day", required=True, help="Last day of arrival, inclusive.")
@click.option("--purpose", required=True, help="What for; the representative reads this.")
@click.option("--out", type=_FILE, required=True, help="Request file to write.")
def request(
    key_file: Path,
    relay: str,
    cafile: Path | None,
    apps: tuple[str, ...],
    first_day: str,
    last_day: str,
    purpose: str,
    out: Path,
) -> None:
    """Ask for data, as the researcher. Send the file to the representative."""
    keys = _keys(key_file, "research")
    reader = Reader(Web(relay, tls_context(cafile)), "research", keys.signing("requests"))
    policy, _ = trust_own_policy(
        reader, keys.opening("inner").public, keys.signing("requests").public
    )
    signed = make_request(
        keys, policy, apps=apps, first_day=first_day, last_day=last_day, purpose=purpose
    )
    write_private(out, msgspec.json.encode(signed) + b"\n")
    click.echo(f"Request: {out}. Send it to the representative, who runs `candor unlock` on it.")


@click.command()
@click.argument("request_file", type=_FILE, metavar="REQUEST")
@click.option("--key", "key_file", type=_FILE, required=True, help="Your representative.key.json.")
@click.option(
    "--controller-key", type=_FILE, required=True, help="The controller.pub.json you trust."
)
@_relay
@_cafile
@click.option("--out", type=_FILE, required=True, help="Unlocked file to write.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def unlock(
    request_file: Path,
    key_file: Path,
    controller_key: Path,
    relay: str,
    cafile: Path | None,
    out: Path,
    *,
    yes: bool,
) -> None:
    """Take the representative's layer off exactly what REQUEST asks for."""
    keys = _keys(key_file, "representative")
    signing = keys.signing("representative")
    pinned = PinnedKeys(load_public(controller_key).key("controller"), signing.public)
    reader = Reader(Web(relay, tls_context(cafile)), "representative", signing)
    plan = prepare(reader, Evidence(reader, pinned), read_request(request_file))
    for sentence in plan.sentences():
        click.echo(sentence)
    if not yes and not click.confirm("Unlock this for the researcher?"):
        raise InputError("Nothing was unlocked.", code="declined")
    unlocked = peel(plan, keys.opening("outer"), signing)
    write_private(out, unlocked)
    click.echo(f"Unlocked: {out}. It opens only with the research key; send it to the researcher.")
    header = msgspec.json.decode(unlocked.split(b"\n", 1)[0])
    click.echo(f"{header['segments']} segments{_counts(header['skipped'])}", err=True)


@click.command("open")
@click.argument("unlocked_file", type=_FILE, metavar="UNLOCKED")
@click.option("--key", "key_file", type=_FILE, required=True, help="Your research.key.json.")
@click.option("--request", "request_file", type=_FILE, required=True, help="Your request file.")
@_relay
@_cafile
@click.option("--format", "form", type=click.Choice(["jsonl", "table"]), default="jsonl")
@click.option("--out", default="-", help="File to write, or - for standard output.")
@click.option("--summary", type=_FILE, help="JSON counts; OUT.summary.json by default.")
def open_(
    unlocked_file: Path,
    key_file: Path,
    request_file: Path,
    relay: str,
    cafile: Path | None,
    form: str,
    out: str,
    summary: Path | None,
) -> None:
    """Open UNLOCKED into events, as the researcher, dropping and counting what breaks a rule."""
    keys = _keys(key_file, "research")
    inner, requests = keys.opening("inner"), keys.signing("requests")
    signed = read_request(request_file)
    with unlocked_file.open("rb") as file:
        data = file.read(_MAX_UNLOCKED_BYTES)
    reader = Reader(Web(relay, tls_context(cafile)), "research", requests)
    policy, pinned = trust_own_policy(reader, inner.public, requests.public)
    asked = check_request(signed, policy)
    unlocked = read_unlocked(data, signed, pinned.representative)
    tally, names = Tally(), Pseudonyms()

    def events() -> Iterator[Event]:
        evidence = Evidence(reader, pinned)
        for opened in open_everything(reader, evidence, asked, unlocked, inner, tally):
            validated = validate(opened, tally)
            if validated is not None:
                yield from events_of(validated, names)

    with _writing(out) as target:
        if form == "table":
            target.writelines(f"{line}\n" for line in table_lines(events()))
        else:
            target.writelines(msgspec.json.encode(event).decode() + "\n" for event in events())
    _report(tally, out, summary)


def _keys(path: Path, role: Role) -> KeyFile:
    keys = load_keys(path)
    if keys.role != role:
        raise AccessError(
            f"This step takes the {role}'s key, and {path.name} holds the {keys.role}'s. Opening "
            "takes both key holders: the representative unlocks, then the researcher opens.",
            code="other_role",
        )
    return keys


@contextlib.contextmanager
def _writing(out: str) -> Iterator[TextIO]:
    """Give the output; a file is private, overwrites nothing, and is gone if writing fails."""
    if out == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    path = Path(out)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    except FileExistsError:
        raise InputError(
            f"{path} is already there and is not overwritten. Choose another name."
        ) from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _report(tally: Tally, out: str, summary: Path | None) -> None:
    """Say on standard error, and in the summary file, what became of everything asked for.

    Raises:
        AccessError: There was something to open, and none of it opened.
    """
    click.echo(
        f"{tally.validated} of {tally.batches} batches in {tally.segments} segments, "
        f"{tally.events.total()} events{_counts(tally.events)}",
        err=True,
    )
    click.echo(f"segments dropped{_counts(tally.dropped_segments)}", err=True)
    click.echo(f"batches dropped{_counts(tally.dropped_batches)}", err=True)
    target = summary or (None if out == "-" else Path(f"{out}.summary.json"))
    if target is not None:
        target.write_bytes(msgspec.json.encode(tally) + b"\n")
    if tally.segments and not tally.validated:
        raise AccessError(
            "Nothing opened. Each segment needs the representative's unlocking first, and then "
            "the research key that the policy names; the counts above say what was missing.",
            code="nothing_opened",
        )


def _counts(counts: dict[str, int]) -> str:
    said = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()) if count)
    return f": {said or 'none'}"
