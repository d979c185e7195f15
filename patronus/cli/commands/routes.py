# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus routes``: look at the static routes and change them."""

from __future__ import annotations

from typing import Any

import click

from patronus.cli.commands.plan import describe_commit
from patronus.cli.options import CONFIRM
from patronus.cli.session import Session, with_session

TYPES = ("unicast", "blackhole", "unreachable", "prohibit")


@click.group(invoke_without_command=True)
@click.pass_context
def routes(context: click.Context) -> None:
    """Look at the static routes and change them. Without a command: list them."""
    if context.invoked_subcommand is None:
        context.invoke(list_routes)


@routes.command(name="list")
@with_session
def list_routes(session: Session) -> None:
    """List the static routes: whether each stands, and why it waits.

    Example: patronus routes list
    """
    result = session.call("routing.List")
    rows = [
        (
            item["id"],
            item["destination"],
            item["gateway"] or (item["type"] if item["type"] != "unicast" else None),
            item["device"] or item["interface"],
            item["metric"],
            f"{item['state']}: {item['reason']}" if item["reason"] else item["state"],
        )
        for item in result["routes"]
    ]
    heads = ("id", "destination", "gateway", "through", "metric", "state")
    session.show(result, lambda: session.table(heads, rows, "There are no static routes."))


@routes.command(name="add")
@click.argument("destination")
@click.option("--gateway", help="The next router, a neighbour of this one.")
@click.option("--interface", help="Interface behind which it lies, where the gateway does not say it.")
@click.option("--type", type=click.Choice(TYPES), help="Refuse the packets in place of forwarding them.")
@click.option("--metric", type=int, help="Of several routes to a destination the smallest is taken; 20.")
@click.option("--description", help="Why it is there.")
@CONFIRM
@with_session
def add_route(session: Session, /, **fields: Any) -> None:
    """Add a static route.

    \b
    patronus routes add 10.20.0.0/16 --gateway 192.168.1.254
    patronus routes add 2001:db8:20::/48 --gateway fe80::1 --interface lan
    patronus routes add 10.0.0.0/8 --type unreachable
    """  # noqa: D301
    _commit(session, "routing.Add", **fields)


@routes.command(name="remove")
@click.argument("route_id", metavar="ID")
@CONFIRM
@with_session
def remove_route(session: Session, route_id: str, confirm_s: int | None) -> None:
    """Remove a static route by its id."""
    _commit(session, "routing.Remove", id=route_id, confirm_s=confirm_s)


def _commit(session: Session, verb: str, **parameters: Any) -> None:
    result = session.call(verb, **parameters)
    session.show(result, lambda: describe_commit(session, result))


COMMANDS = (routes,)
