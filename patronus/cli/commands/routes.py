# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus routes``: look at the static routes and the policies, and change them."""

from __future__ import annotations

from typing import Any

import click

from patronus.cli.commands.plan import show_commit
from patronus.cli.options import CONFIRM, placed
from patronus.cli.session import Session, with_session
from patronus.core.typed import number_or_text
from patronus.core.way_text import FORM, parse_way

TYPES = ("unicast", "blackhole", "unreachable", "prohibit")


def _parse_ways(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> list[dict[str, Any]] | None:
    """Return the ways that were given, None for none."""
    return [parse_way(text) for text in given] or None


WAYS = click.option(
    "--way",
    "gateways",
    multiple=True,
    metavar=FORM,
    callback=_parse_ways,
    help="One of several ways, each with its share of the connections; again for each.",
)


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
            item["gateway"] or (item["type"] if item["type"] != "unicast" else "\n".join(item["ways"])),
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
@WAYS
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
    patronus routes add 10.20.0.0/16 --way 192.168.1.254=2 --way 192.168.1.253
    """  # noqa: D301
    show_commit(session, session.call("routing.Add", **fields))


@routes.command(name="remove")
@click.argument("route_id", metavar="ID")
@CONFIRM
@with_session
def remove_route(session: Session, route_id: str, confirm_s: int | None) -> None:
    """Remove a static route by its id."""
    show_commit(session, session.call("routing.Remove", id=route_id, confirm_s=confirm_s))


@routes.group(name="policy", invoke_without_command=True)
@click.pass_context
def policies(context: click.Context) -> None:
    """Choose a way by source, interface, protocol or mark. Without a command: list the policies."""
    if context.invoked_subcommand is None:
        context.invoke(list_policies)


@policies.command(name="list")
@with_session
def list_policies(session: Session) -> None:
    """List the policies in the order in which they are asked.

    Example: patronus routes policy list
    """
    result = session.call("routing.ListPolicies")
    rows = [
        (
            item["id"],
            item["conditions"],
            "\n".join(item["ways"]),
            "all routes" if item["over"] == "all" else "the default route",
            f"{item['state']}: {item['reason']}" if item["reason"] else item["state"],
        )
        for item in result["policies"]
    ]
    heads = ("id", "for", "goes", "in place of", "state")
    session.show(result, lambda: session.table(heads, rows, "There are no policies."))


@policies.command(name="add")
@click.option("--source", help="Where the packets come from, a prefix.")
@click.option("--destination", help="Where they go, a prefix.")
@click.option("--interface", help="Interface where they come in.")
@click.option("--protocol", type=click.Choice(("tcp", "udp")), help="Their protocol.")
@click.option("--port", "ports", multiple=True, help="A destination port or a range of them; again for more.")
@click.option("--mark", help="The mark that they have before routing: 0x10/0xff.")
@WAYS
@click.option("--uplink", help="In place of ways: the uplink by which they go while it is well.")
@click.option("--over", type=click.Choice(("default", "all")), help="What it stands in place of; default.")
@click.option("--description", help="Why it is there.")
@click.option("--position", type=int, help="Its place in the list, from 0; the end unless given.")
@CONFIRM
@with_session
def add_policy(session: Session, /, **fields: Any) -> None:
    """Add a policy.

    \b
    patronus routes policy add --interface guest --way 198.51.100.1
    patronus routes policy add --source 192.168.1.9 --protocol tcp --port 25 --way 203.0.113.1
    """  # noqa: D301
    ports = [number_or_text(one) for one in fields.pop("ports")]
    show_commit(session, session.call("routing.AddPolicy", **fields, ports=ports or None))


@policies.command(name="remove")
@click.argument("policy_id", metavar="ID")
@CONFIRM
@with_session
def remove_policy(session: Session, policy_id: str, confirm_s: int | None) -> None:
    """Remove a policy by its id."""
    show_commit(session, session.call("routing.RemovePolicy", id=policy_id, confirm_s=confirm_s))


@policies.command(name="move")
@click.argument("policy_id", metavar="ID")
@placed
@CONFIRM
@with_session
def move_policy(session: Session, /, policy_id: str, **fields: Any) -> None:
    """Move a policy to another place in the order; the first that fits decides.

    Example: patronus routes policy move mail --before guests
    """
    show_commit(session, session.call("routing.MovePolicy", id=policy_id, **fields))


COMMANDS = (routes,)
