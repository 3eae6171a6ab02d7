"""The command `candor`: joins the subcommands; turns errors into one line and an exit code.

Owns exit codes; never does a subcommand's work. Each subcommand lives in a module of its own.
"""

from __future__ import annotations

import sys
from typing import Any

import click

import relay.cli.early  # noqa: F401 - first, for its effect
from relay import __version__
from relay.cli.enrol import enrol
from relay.cli.init import init
from relay.cli.keys import keys
from relay.cli.policy import policy
from relay.cli.read import open_, request, unlock
from relay.cli.serve import serve
from relay.cli.settings import settings
from relay.errors import AccessError, CandorError, InputError, SignatureError, StoreError

EXIT_CODES: dict[type[CandorError], int] = {
    InputError: 2,
    SignatureError: 3,
    AccessError: 4,
    StoreError: 5,
    CandorError: 1,
}
"""Exit code by the nearest class; what may work later unchanged ends with `EXIT_RETRY` instead."""

EXIT_RETRY = 75


def exit_code(error: CandorError) -> int:
    """Return the exit code of an error."""
    if error.retryable:
        return EXIT_RETRY
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)


class CandorGroup(click.Group):
    """A group whose commands end in one line on standard error instead of a traceback."""

    def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as click declares it
        """Run a command line."""
        try:
            return super().main(*args, **kwargs)
        except CandorError as error:
            click.echo(f"candor: {error} [{error.code}]", err=True)
            sys.exit(exit_code(error))
        except OSError as error:
            what = error.strerror or type(error).__name__
            where = f"{error.filename}: " if error.filename else ""
            click.echo(f"candor: {where}{what}. Mend that and run this again. [os]", err=True)
            sys.exit(1)


@click.group(cls=CandorGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="candor")
def main() -> None:
    """Consent-first interaction capture: relay and key holders' tools."""


main.add_command(init)
main.add_command(keys)
main.add_command(policy)
main.add_command(enrol)
main.add_command(serve)
main.add_command(settings)
main.add_command(request)
main.add_command(unlock)
main.add_command(open_)
