# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus uplinks``: look at the ways to the world and change them."""

from __future__ import annotations

from typing import Any

import click

from patronus.cli.commands.plan import show_commit
from patronus.cli.options import CONFIRM
from patronus.cli.session import Session, with_session
from patronus.core.way_text import CHECK_FORM, parse_check

CHECKS = click.option(
    "--check",
    "checks",
    multiple=True,
    metavar=CHECK_FORM,
    help="How it is seen to be well; again for each. The end may be left out: icmp asks the gateway.",
)


@click.group(invoke_without_command=True)
@click.pass_context
def uplinks(context: click.Context) -> None:
    """Look at the uplinks, how they are, and change them. Without a command: list them."""
    if context.invoked_subcommand is None:
        context.invoke(list_uplinks)


@uplinks.command(name="list")
@with_session
def list_uplinks(session: Session) -> None:
    """List the uplinks: which are well, which are taken, and why others are not.

    Example: patronus uplinks list
    """
    result = session.call("uplinks.List")
    rows = [
        (
            item["id"],
            item["state"],
            item["taken"],
            item["tier"],
            item["weight"],
            item["gateways"],
            f"{item['lost']} of {item['rounds']}",
            item["reason"],
        )
        for item in result["uplinks"]
    ]
    heads = ("id", "state", "taken", "tier", "weight", "gateways", "checks lost", "why")
    none = "There are no uplinks: the default routes of the interfaces are taken."
    session.show(result, lambda: session.table(heads, rows, none))


@uplinks.command(name="add")
@click.argument("interface")
@click.option("--tier", type=int, help="The lowest tier of which an uplink is well is taken; 1.")
@click.option("--weight", type=int, help="Its share of the connections in its tier; 1.")
@CHECKS
@click.option("--needed", type=click.Choice(("any", "all")), help="How many checks must be answered; any.")
@click.option("--interval", help="Time between two rounds of checks; 5s.")
@click.option("--timeout", help="How long an answer may take; 2s.")
@click.option("--down-after", type=int, help="Rounds without an answer until it is down; 3.")
@click.option("--up-after", type=int, help="Rounds with one until it may be up again; 3.")
@click.option("--fail-back", help="How long it must have answered until it is taken again; 30s.")
@CONFIRM
@with_session
def add_uplink(session: Session, /, interface: str, confirm_s: int | None, **fields: Any) -> None:
    """Add an interface that leads out.

    \b
    patronus uplinks add wan
    patronus uplinks add lte --tier 2 --check dns:192.0.2.53::example.com --fail-back 5m
    """  # noqa: D301
    checks = [parse_check(text) for text in fields.pop("checks")]
    given = {key: value for key, value in fields.items() if value is not None}
    uplink = {"id": interface, **given, **({"checks": checks} if checks else {})}
    show_commit(session, session.call("uplinks.Add", uplink=uplink, confirm_s=confirm_s))


@uplinks.command(name="remove")
@click.argument("uplink_id", metavar="ID")
@CONFIRM
@with_session
def remove_uplink(session: Session, uplink_id: str, confirm_s: int | None) -> None:
    """Remove an uplink; its interface stays."""
    show_commit(session, session.call("uplinks.Remove", id=uplink_id, confirm_s=confirm_s))


COMMANDS = (uplinks,)
