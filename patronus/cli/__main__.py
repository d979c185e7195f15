# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus``: the command itself.

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 no daemon, 4 not allowed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TextIO

import click

from patronus.cli.catalogue import Commands
from patronus.cli.session import Session, print_json
from patronus.client import SOCKET, Client
from patronus.core.errors import NotAuthenticated, NotPermitted, PatronusError, Unavailable

REFUSED, NO_DAEMON, NOT_ALLOWED = 1, 3, 4


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--json", "as_json", is_flag=True, help="Print results as JSON.")
@click.option("--draft", is_flag=True, help="Work in your draft: nothing is committed before you say so.")
@click.option(
    "--socket",
    type=click.Path(path_type=Path),
    default=SOCKET,
    show_default=True,
    help="The daemon's socket.",
)
@click.option(
    "--token-file",
    type=click.File(),
    envvar="PATRONUS_TOKEN_FILE",
    help="Act by the API token in this file, instead of as the user that you are on this machine.",
)
@click.pass_context
def cli(
    context: click.Context,
    as_json: bool,  # noqa: FBT001
    draft: bool,  # noqa: FBT001
    socket: Path,
    token_file: TextIO | None,
) -> None:
    """Look after this router.

    \b
    patronus status                     what runs, and whether it is as planned
    patronus rules add --from lan --to wan --protocol tcp --port 25 --action drop
    patronus block 203.0.113.0/24 --for 1h
    patronus update check               whether there is a new version
    patronus config check               what would be wrong with the files as they are
    patronus --draft rules remove r-7f3a, then patronus config draft plan, commit or discard
    """  # noqa: D301
    token = _token(token_file) if token_file else None
    context.obj = Session(Client(socket, session=token), as_json, draft)


def _token(file: TextIO) -> str:
    try:
        return file.readline().strip()
    except UnicodeDecodeError as error:
        raise click.BadParameter(f"{file.name} is not text", param_hint="--token-file") from error


def exit_code(error: PatronusError) -> int:
    """Return the exit code that a script sees for an error."""
    if isinstance(error, Unavailable):
        return NO_DAEMON
    if isinstance(error, NotAuthenticated | NotPermitted):
        return NOT_ALLOWED
    return REFUSED


def report(error: PatronusError, *, as_json: bool) -> None:
    """Print an error for a person to stderr, or as JSON to stdout."""
    if as_json:
        print_json({"error": error.code, **error.parameters()})
    else:
        click.echo(str(error), err=True)


def _stop_output() -> None:
    """Let what could not be written go: Python would try once more at its end, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def main() -> None:
    """Run the command line."""
    as_json = "--json" in sys.argv
    if sys.stdout is None:  # whoever started us has closed it
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    try:
        code = cli.main(prog_name="patronus", standalone_mode=False)
        sys.stdout.flush()
    except PatronusError as error:
        report(error, as_json=as_json)
        sys.exit(exit_code(error))
    except OSError as error:
        _stop_output()
        click.echo(f"{error.filename or 'the output'}: {error.strerror or error}", err=True)
        sys.exit(REFUSED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    sys.exit(code)  # what a command ended with by click.exceptions.Exit; else None


if __name__ == "__main__":
    main()
