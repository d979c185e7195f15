# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus backup``: one encrypted file with configuration, secrets and leases, and back."""

from __future__ import annotations

import base64
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from patronus.cli.commands.config import CONFIRM, describe_commit
from patronus.cli.commands.secret import password
from patronus.cli.options import write_whole
from patronus.cli.session import Session, with_session
from patronus.core.errors import InvalidRequest

FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
WHAT = "Password of the backup"


@click.group()
def backup() -> None:
    """Save this router's configuration, secrets and leases, and restore them here or on another.

    Example: patronus backup restore attic.patronus-backup --map wan=eth1 --confirm 2m
    """


@backup.command()
@FILE
@with_session
def create(session: Session, file: Path) -> None:
    """Write a backup to a new file, encrypted under a password."""
    if file.exists():
        raise InvalidRequest(f"{file} exists already")
    result = session.call("backup.Create", password=password(WHAT, confirm=True))
    write_whole(file, base64.b64decode(result["backup"]), 0o600)
    report = {"file": str(file), "warnings": result["warnings"]}
    session.show(report, lambda: _said(session, file, result["warnings"]))


def _said(session: Session, file: Path, warnings: list[str]) -> None:
    session.say(f"The backup is in {file}. Without its password nobody can open it.")
    for text in warnings:
        session.say(f"note: {text}")


@backup.command()
@FILE
@with_session
def inspect(session: Session, file: Path) -> None:
    """Say what a backup holds, and which of its roles have a network card here."""
    result = session.call("backup.Inspect", backup=_read(file), password=password(WHAT))
    session.show(result, lambda: _describe(session, result))


def _describe(session: Session, result: dict[str, Any]) -> None:
    made = datetime.fromtimestamp(result["time"], UTC)
    session.say(f"{result['hostname']}, {made:%Y-%m-%d %H:%M} UTC, Patronus {result['image_version']}")
    session.say(f"{len(result['files'])} files, {result['leases']} leases, secrets: "
                + (", ".join(result["secrets"]) or "none"))  # fmt: skip
    rows = [(role["id"], role["mac"] or role["path"], role["nic"]) for role in result["roles"]]
    session.table(("role", "was", "card here"), rows, "No role needs a network card.")
    cards = ", ".join(f"{card['name']} ({card['mac']})" for card in result["cards"])
    session.say(f"This router has {cards or 'no network card'}.")


def _pairs(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:  # noqa: ARG001
    pairs = [text.partition("=") for text in given]
    if any(not (role and sign and card) for role, sign, card in pairs):
        raise click.BadParameter("give it as role=card, for example wan=eth1")
    return {role: card for role, _, card in pairs}


@backup.command()
@FILE
@click.option(
    "--map", "roles", multiple=True, callback=_pairs, metavar="ROLE=CARD",
    help="The network card (name or MAC) of a role that has none here; none leaves it down. May be repeated.",
)  # fmt: skip
@CONFIRM
@with_session
def restore(session: Session, file: Path, roles: dict[str, str], confirm_s: int | None) -> None:
    """Run a backup's configuration with its secrets and leases, as one change.

    A role that has no network card here is asked for, or given with --map.

    Example: patronus backup restore attic.patronus-backup --map wan=eth1 --map lan=eth0
    """
    data, given = _read(file), password(WHAT)
    if sys.stdin.isatty():
        roles = _asked(session, session.call("backup.Inspect", backup=data, password=given), roles)
    result = session.call("backup.Restore", backup=data, password=given, roles=roles, confirm_s=confirm_s)
    session.show(result, lambda: _report(session, result))


def _asked(session: Session, found: dict[str, Any], roles: dict[str, str]) -> dict[str, str]:
    """Return the cards of all roles, asking for those that nobody has named."""
    without = [role for role in found["roles"] if role["nic"] is None and role["id"] not in roles]
    if without:
        _describe(session, found)
    choice = click.Choice([*(card["name"] for card in found["cards"]), "none"])
    return roles | {
        role["id"]: click.prompt(f"Network card of {role['id']}", type=choice) for role in without
    }


def _report(session: Session, result: dict[str, Any]) -> None:
    describe_commit(session, {**result, "draft": False})
    session.say(f"{result['secrets']} secrets and {result['leases']} leases were restored.")


def _read(file: Path) -> str:
    try:
        return base64.b64encode(file.read_bytes()).decode()
    except OSError as error:
        raise InvalidRequest(f"{file}: {error.strerror}") from error


COMMANDS = (backup,)
