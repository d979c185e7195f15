# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus mappings``: the ports that hosts asked for, and who may ask."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from patronus.cli.commands.plan import show_commit
from patronus.cli.options import CONFIRM
from patronus.cli.session import Session, with_session


@click.group(invoke_without_command=True)
@click.pass_context
def mappings(context: click.Context) -> None:
    """Look at port mappings that hosts asked for (UPnP, PCP). Without a command: list them."""
    if context.invoked_subcommand is None:
        context.invoke(list_mappings)


@mappings.command(name="list")
@with_session
def list_mappings(session: Session) -> None:
    """List the ports that hosts asked for.

    Example: patronus mappings list
    """
    result = session.call("mappings.List")

    def render() -> None:
        rows = [_row(item) for item in result["mappings"]]
        heads = ("protocol", "port", "goes to", "until", "for")
        asked = "No host has asked for a port." if result["running"] else "Hosts cannot ask for ports."
        session.table(heads, rows, asked)
        if result["reason"]:
            session.say(result["reason"])

    session.show(result, render)


def _row(item: dict[str, Any]) -> tuple[Any, ...]:
    until = item["until"]
    ends = None if until is None else datetime.fromtimestamp(until).astimezone().strftime("%Y-%m-%d %H:%M")
    return item["protocol"], item["port"], f"{item['host']}:{item['to_port']}", ends, item["description"]


@mappings.command(name="end")
@click.argument("protocol", type=click.Choice(("tcp", "udp")))
@click.argument("port", type=click.IntRange(1, 65535))
@with_session
def end(session: Session, protocol: str, port: int) -> None:
    """End a mapping and its connections; the host may ask again.

    Example: patronus mappings end tcp 6000
    """
    result = session.call("mappings.End", protocol=protocol, port=port)
    session.show(result, lambda: session.say(f"Ended, with {result['connections']} connections."))


@mappings.command(name="serve")
@click.argument("inside", nargs=-1)
@click.option("--outside", metavar="INTERFACE", help="The uplink whose ports are given.")
@CONFIRM
@with_session
def serve(session: Session, inside: tuple[str, ...], outside: str | None, confirm_s: int | None) -> None:
    """Say whose hosts may ask, by interface; without any it is off.

    Example: patronus mappings serve lan --outside wan
    """
    given = {"inside": list(inside), "outside": outside, "confirm_s": confirm_s}
    show_commit(session, session.call("mappings.Serve", **given))


@mappings.command(name="allow")
@click.argument("permission_id", metavar="ID")
@click.option("--host", "hosts", multiple=True, help="IPv4 address or prefix; all hosts inside unless given.")
@click.option("--port", "ports", multiple=True, help="Port or range; 1024-65535 unless given.")
@CONFIRM
@with_session
def allow(
    session: Session,
    permission_id: str,
    hosts: tuple[str, ...],
    ports: tuple[str, ...],
    confirm_s: int | None,
) -> None:
    """Allow hosts to ask for ports. The first permission takes the place of that for all hosts.

    Example: patronus mappings allow console --host 192.168.1.40 --port 3074
    """
    permission: dict[str, Any] = {"id": permission_id}
    if hosts:
        permission["hosts"] = list(hosts)
    if ports:
        permission["ports"] = list(ports)
    given = {"id": permission_id, "permission": permission, "confirm_s": confirm_s}
    show_commit(session, session.call("mappings.Allow", **given))


@mappings.command(name="revoke")
@click.argument("permission_id", metavar="ID")
@CONFIRM
@with_session
def revoke(session: Session, permission_id: str, confirm_s: int | None) -> None:
    """Take a permission back; without any nobody may ask.

    Example: patronus mappings revoke console
    """
    show_commit(session, session.call("mappings.Revoke", id=permission_id, confirm_s=confirm_s))


COMMANDS = (mappings,)
