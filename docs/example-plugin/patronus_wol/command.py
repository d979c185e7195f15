# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus wol``: list machines and wake them."""

from __future__ import annotations

import click

from patronus.cli.session import Session, with_session


@click.group()
def wol() -> None:
    """Wake machines that sleep.

    Example: patronus wol wake nas
    """


@wol.command("list")
@with_session
def list_targets(session: Session) -> None:
    """List the machines."""
    found = session.call("wol.List")
    rows = [(one["id"], one["name"], one["mac"], one["reachable"]) for one in found["targets"]]
    heads = ("machine", "name", "mac", "reachable")
    session.show(found, lambda: session.table(heads, rows, "No machines are configured."))


@wol.command()
@click.argument("machine")
@with_session
def wake(session: Session, machine: str) -> None:
    """Wake a machine."""
    result = session.call("wol.Wake", id=machine)
    session.show(result, lambda: session.say(f"{machine} was sent its magic packet."))
