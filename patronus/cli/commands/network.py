# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus interfaces``, ``leases`` and ``reserve``: what the networks are doing."""

from __future__ import annotations

from datetime import datetime

import click

from patronus.cli.commands.plan import describe_commit
from patronus.cli.session import Session, with_session


@click.command()
@click.option("--nics", is_flag=True, help="List the network cards of the machine instead.")
@click.option("--announced", is_flag=True, help="Show what the hosts of each network are told about IPv6.")
@with_session
def interfaces(session: Session, nics: bool, announced: bool) -> None:  # noqa: FBT001
    """List the interfaces by role: device, link, addresses.

    Example: patronus interfaces --announced
    """
    if nics or announced:
        (_show_nics if nics else _show_announced)(session)
        return
    result = session.call("interfaces.List")
    rows = [
        (
            item["id"],
            item["zone"],
            item["device"],
            item["mac"],
            "up" if item["carrier"] else "down",
            item["addresses"],
        )
        for item in result["interfaces"]
    ]
    columns = ("interface", "zone", "device", "mac", "link", "addresses")
    session.show(result, lambda: session.table(columns, rows, "No interfaces are configured."))


def _show_nics(session: Session) -> None:
    found = session.call("interfaces.Inventory")
    heads = ("device", "mac", "path", "driver", "link")
    cards = [
        (nic["device"], nic["mac"], nic["path"], nic["driver"], "up" if nic["carrier"] else "down")
        for nic in found["nics"]
    ]
    session.show(found, lambda: session.table(heads, cards, "This machine has no network card."))


def _show_announced(session: Session) -> None:
    found = session.call("advertising.List")
    rows = [
        (
            item["interface"],
            [one["prefix"] for one in item["prefixes"] if one["preferred_s"]],
            [one["prefix"] for one in item["prefixes"] if not one["preferred_s"]],
            "yes" if item["default_router"] else "no",
            item["dns_servers"],
            item["failure"],
        )
        for item in found["networks"]
    ]
    heads = ("interface", "prefixes", "taken back", "way out", "dns", "failure")
    session.show(found, lambda: session.table(heads, rows, "No network announces this router."))


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also leases that have ended.")
@with_session
def leases(session: Session, everything: bool) -> None:  # noqa: FBT001
    """List the addresses that DHCP has given out."""
    result = session.call("dhcp.ListLeases", all=everything)
    rows = [
        (
            item["address"],
            item["mac"],
            item["hostname"],
            item["interface"],
            item["state"],
            datetime.fromtimestamp(item["end"]).astimezone().strftime("%Y-%m-%d %H:%M"),
        )
        for item in result["leases"]
    ]
    heads = ("address", "mac", "host", "interface", "state", "until")
    session.show(result, lambda: session.table(heads, rows, "No leases."))


@click.command()
@click.argument("mac")
@click.argument("address")
@click.option("--pool", required=True, help="The pool's id.")
@click.option("--hostname", help="A name for the host.")
@with_session
def reserve(session: Session, mac: str, address: str, pool: str, hostname: str | None) -> None:
    """Keep an address for one host.

    Example: patronus reserve 00:11:22:33:44:55 192.168.1.20 --pool lan --hostname printer
    """
    result = session.call("dhcp.AddReservation", pool=pool, mac=mac, address=address, hostname=hostname)
    session.show(result, lambda: describe_commit(session, result))


COMMANDS = (interfaces, leases, reserve)
