# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus pools``: what DHCP gives to the hosts of each network: look at it, add, change and remove."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click

from patronus.cli.commands.plan import show_commit
from patronus.cli.options import CONFIRM
from patronus.cli.session import Session, with_session
from patronus.core.errors import NotFound

F = TypeVar("F", bound=Callable[..., Any])
ID = click.argument("pool_id", metavar="POOL")
TOLD = ("router", "domain_name", "next_server", "boot_file")
TOLD_LISTS = ("dns_servers", "domain_search", "ntp_servers")
"""Keys of a pool's options: one value, and several."""


@click.group(invoke_without_command=True)
@click.pass_context
def pools(context: click.Context) -> None:
    """Say what DHCP gives to the hosts of each network. Without a command: list the pools."""
    if context.invoked_subcommand is None:
        context.invoke(list_pools)


@pools.command(name="list")
@with_session
def list_pools(session: Session) -> None:
    """List the pools: what each gives out, for how long, and how full it is.

    Example: patronus pools list
    """
    result = session.call("dhcp.ListPools")
    rows = [
        (
            item["id"],
            item["interface"],
            f"IPv{item['family']}",
            item["ranges"],
            f"{item['lease_time_s']} s",
            "–" if item["used"] is None else f"{item['used']} of {item['size']}",
            len(item["reservations"]) or None,
        )
        for item in result["pools"]
    ]
    heads = ("pool", "interface", "family", "ranges", "for", "in use", "reservations")
    session.show(result, lambda: session.table(heads, rows, "DHCP gives nothing to anybody."))


def _content(command: F) -> F:
    """Give a command the options that say what a pool gives."""
    for option in reversed(
        (
            click.option("--range", "ranges", multiple=True, metavar="FIRST-LAST", help="Again for more."),
            click.option("--lease-time", help="How long a host may keep its address, e.g. 12h."),
            click.option("--router", help="Default gateway; this router unless given."),
            click.option("--dns", "dns_servers", multiple=True, help="DNS server; this router unless given."),
            click.option("--domain", "domain_name", help="Domain of the network."),
            click.option("--search", "domain_search", multiple=True, help="Domain tried after a short name."),
            click.option("--ntp", "ntp_servers", multiple=True, help="Time server."),
            click.option("--boot-server", "next_server", help="Server to boot from."),
            click.option("--boot-file", help="File to boot."),
            click.option(
                "--relay", "relays", multiple=True, help="Relay agent that may ask for its network."
            ),
            click.option("--subnet", help="The network behind the relays."),
        )
    ):
        command = option(command)
    return command


@pools.command()
@ID
@click.option("--interface", required=True, help="Interface that it serves.")
@click.option("--ipv6", is_flag=True, help="A pool of IPv6; its ranges have no prefix: ::1000-::1fff.")
@_content
@CONFIRM
@with_session
def add(
    session: Session,
    /,
    pool_id: str,
    ipv6: bool,  # noqa: FBT001
    confirm_s: int | None,
    **fields: Any,
) -> None:
    """Add a pool.

    \b
    patronus pools add guest --interface guest --range 10.10.0.100-10.10.0.199 --lease-time 2h
    patronus pools add lan6 --interface lan --ipv6 --range ::1000-::1fff
    """  # noqa: D301
    given = {"family": 6 if ipv6 else 4, "pool": _pool_of({"id": pool_id}, fields)}
    show_commit(session, session.call("dhcp.AddPool", **given, confirm_s=confirm_s))


@pools.command()
@ID
@click.option("--interface", help="Interface that it serves.")
@_content
@CONFIRM
@with_session
def change(session: Session, /, pool_id: str, confirm_s: int | None, **fields: Any) -> None:
    """Change some of what a pool says; the rest stays, and so do its reservations.

    Example: patronus pools change lan --range 192.168.1.50-192.168.1.199 --lease-time 1d
    """
    base = None if session.draft else session.call("system.Status")["generation"]
    found = [item for item in session.call("dhcp.ListPools")["pools"] if item["id"] == pool_id]
    if not found:
        raise NotFound(f"no pool is called {pool_id}")
    pool = _pool_of(found[0]["configuration"], fields)
    given = {"id": pool_id, "pool": pool, "base": base, "confirm_s": confirm_s}
    show_commit(session, session.call("dhcp.ReplacePool", **given))


@pools.command()
@ID
@CONFIRM
@with_session
def remove(session: Session, pool_id: str, confirm_s: int | None) -> None:
    """Remove a pool with its reservations; hosts keep their addresses until the leases end."""
    show_commit(session, session.call("dhcp.RemovePool", id=pool_id, confirm_s=confirm_s))


def _pool_of(old: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``old`` with what the options say in its place."""
    given = {key: value for key, value in fields.items() if value not in (None, ())}
    options = {key: given.pop(key) for key in TOLD if key in given}
    options |= {key: _parts(given.pop(key)) for key in TOLD_LISTS if key in given}
    lists = {key: _parts(given.pop(key)) for key in ("ranges", "relays") if key in given}
    told = {**old.get("options", {}), **options}
    return {**old, **given, **lists, **({"options": told} if told else {})}


def _parts(given: Iterable[str]) -> list[str]:
    """Return values given one by one or parted by commas."""
    return [part.strip() for text in given for part in text.split(",") if part.strip()]


COMMANDS = (pools,)
