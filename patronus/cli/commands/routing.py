# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus routing``: the routers that BGP and OSPF are spoken with, and the routes that they tell."""

from __future__ import annotations

from typing import Any

import click

from patronus.cli.session import Session, with_session

HEADS = ("protocol", "neighbour", "address", "AS", "state", "up for", "taken", "told", "reason")


@click.group(invoke_without_command=True)
@click.pass_context
def routing(context: click.Context) -> None:
    """Look at the routers that BGP and OSPF are spoken with. Without a command: list them all."""
    if context.invoked_subcommand is None:
        context.invoke(list_all)


@routing.command(name="neighbors")
@with_session
def list_all(session: Session) -> None:
    """List the neighbours of BGP and OSPF: whether each is up, and why not.

    Example: patronus routing neighbors
    """
    _show(session, ("bgp", "ospf", "ospf3"))


@routing.command(name="bgp")
@with_session
def list_bgp(session: Session) -> None:
    """List the neighbours of BGP.

    Example: patronus routing bgp
    """
    _show(session, ("bgp",))


@routing.command(name="ospf")
@with_session
def list_ospf(session: Session) -> None:
    """List the neighbours that OSPF and OSPFv3 hear.

    Example: patronus routing ospf
    """
    _show(session, ("ospf", "ospf3"))


@routing.command(name="table")
@with_session
def list_routes(session: Session) -> None:
    """List the routes that other routers told, and whether the kernel has each.

    Example: patronus routing table
    """
    result = session.call("routing.Table")
    rows = [
        (
            item["destination"],
            item["protocol"],
            "\n".join(item["gateways"]),
            "\n".join(item["devices"]),
            f"{item['distance']}/{item['metric']}",
            item["taken"],
        )
        for item in result["routes"]
    ]
    heads = ("destination", "protocol", "gateway", "through", "distance/metric", "taken")
    session.show(result, lambda: session.table(heads, rows, "No other router has told a route."))


def _show(session: Session, protocols: tuple[str, ...]) -> None:
    """Print the neighbours of some protocols, and the daemons that do not answer."""
    said = session.call("routing.Neighbors")
    result: dict[str, Any] = {
        "neighbors": [item for item in said["neighbors"] if item["protocol"] in protocols],
        "silent": said["silent"],
    }
    rows = [
        (
            item["protocol"],
            item["id"],
            item["address"],
            item["remote_as"],
            item["state"],
            "" if item["since_s"] is None else f"{item['since_s']:.0f}s",
            item["received"],
            item["sent"],
            item["reason"],
        )
        for item in result["neighbors"]
    ]

    def render() -> None:
        for line in result["silent"]:
            session.say(line)
        if rows or not result["silent"]:
            session.table(HEADS, rows, "No other router is spoken with.")

    session.show(result, render)


COMMANDS = (routing,)
