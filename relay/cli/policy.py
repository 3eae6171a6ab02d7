"""`candor policy`: check a policy, sign it on each holder's machine, publish it.

Owns the conversation; rules are `consent`'s, keys the vault's, acceptance the relay's.
"""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from relay.cli.drafts import load_draft, load_faults
from relay.client.web import Web, tls_context
from relay.consent.document import KEY_NAMES
from relay.consent.draft import Draft
from relay.consent.origins import origin_fault
from relay.consent.policy import policy_hash
from relay.consent.sentences import policy_sentences
from relay.errors import InputError, PolicyError
from relay.vault.keys import load_keys
from relay.vault.signatures import check_sealing_keys, join_signatures, read_signature, sign_policy
from relay.vault.words import key_words

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def policy() -> None:
    """Check, sign and publish a policy."""


@policy.command()
@click.argument("file", type=_FILE)
@click.option("--notice", type=_FILE, help="Where to write the notice; FILE.notice.txt by default.")
@click.option("--body", type=_FILE, help="Where to write the canonical body, if anywhere.")
def check(file: Path, notice: Path | None, body: Path | None) -> None:
    """Say what FILE means for a person, or everything that is wrong with it."""
    found = load_faults(file)
    for fault in found:
        click.echo(f"- {fault}", err=True)
    if found:
        raise PolicyError(f"{file} cannot be signed yet: {len(found)} to mend, listed above.")
    draft = load_draft(file)
    check_sealing_keys(draft.policy)
    _say(draft)
    target = notice or file.with_suffix(".notice.txt")
    target.write_bytes(draft.notice.encode())
    click.echo(f"The notice that people will read: {target}")
    if body is not None:
        body.write_bytes(draft.body)


@policy.command()
@click.argument("file", type=_FILE)
@click.option("--key", "key_file", type=_FILE, required=True, help="Your ROLE.key.json.")
@click.option("--out", type=_FILE, help="Where to write the signature; FILE.ROLE.sig by default.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def sign(file: Path, key_file: Path, out: Path | None, *, yes: bool) -> None:
    """Sign FILE with your key; what it means for a person is shown first."""
    keys = load_keys(key_file)
    draft = load_draft(file)
    signature = sign_policy(draft.body, draft.policy, keys)
    _say(draft)
    if not yes and not click.confirm(f"Sign this as the {signature.role}?"):
        raise InputError("Nothing was signed.", code="declined")
    target = out or file.with_suffix(f".{signature.role}.sig")
    target.write_bytes(msgspec.json.encode(signature) + b"\n")
    click.echo(f"Signature of the {signature.role}: {target}")


@policy.command()
@click.argument("file", type=_FILE)
@click.argument("signatures", type=_FILE, nargs=2, metavar="SIG SIG")
@click.option("--relay", help="Where to publish; the policy's own relay by default.")
@click.option("--cafile", type=_FILE, help="PEM file of the authority of the relay's certificate.")
def publish(
    file: Path, signatures: tuple[Path, Path], relay: str | None, cafile: Path | None
) -> None:
    """Send FILE with both signatures and its notice to the relay."""
    draft = load_draft(file)
    first, second = (read_signature(path) for path in signatures)
    controller, representative = join_signatures(draft.body, draft.policy, (first, second))
    target = (relay or draft.policy.relay).rstrip("/")
    fault = origin_fault(target, demo=draft.policy.is_demo)
    if fault:
        raise InputError(f"--relay {target} is no exact origin: {fault}.")
    message = msgspec.msgpack.encode(
        [draft.body, controller, representative, draft.notice.encode()]
    )
    Web(target, tls_context(cafile)).post("/v1/policy", message, {})
    click.echo(
        f"Published: policy {draft.policy.number} of {draft.policy.programme}, "
        f"{policy_hash(draft.body).hex()}"
    )


def _say(draft: Draft) -> None:
    """Print what a policy means, its hash, and the words of every key it names."""
    for sentence in policy_sentences(draft.policy):
        click.echo(f"  {sentence}")
    click.echo("  Its keys, in words; compare yours with `candor keys words`:")
    for name in KEY_NAMES:
        click.echo(f"    {name:15}{' '.join(key_words(draft.policy.key(name)))}")
    click.echo(f"Policy {policy_hash(draft.body).hex()}")
