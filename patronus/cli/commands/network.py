# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus interfaces``, ``leases`` and ``reserve``: what the networks are doing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click

from patronus.cli.commands.plan import show_commit
from patronus.cli.session import Session, with_session


@click.command()
@click.option("--nics", is_flag=True, help="List the network cards of the machine instead.")
@click.option("--announced", is_flag=True, help="Show what the hosts of each network are told about IPv6.")
@click.option("--dialled", is_flag=True, help="Show the sessions with providers (PPPoE).")
@click.option("--vlans", is_flag=True, help="Show which VLANs the ports of bridges carry.")
@click.option("--cards", is_flag=True, help="Show what the network cards offer and how they are set.")
@with_session
def interfaces(session: Session, /, **asked: bool) -> None:
    """List the interfaces by role: device, link, addresses.

    Example: patronus interfaces --announced
    """
    elsewhere = {"nics": _show_nics, "announced": _show_announced, "cards": _show_cards}
    for name, show in elsewhere.items():
        if asked[name]:
            show(session)
            return
    result = session.call("interfaces.List")
    if asked["dialled"] or asked["vlans"]:
        (_show_dialled if asked["dialled"] else _show_vlans)(session, result)
        return
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


def _show_vlans(session: Session, result: Any) -> None:
    rows = [(item["id"], item["device"], item["vlans"]) for item in result["interfaces"] if item["vlans"]]
    session.show(
        result,
        lambda: session.table(("port", "device", "vlans"), rows, "No bridge keeps VLANs apart."),
    )


def _show_dialled(session: Session, result: Any) -> None:
    rows = [
        (
            item["id"],
            f"up for {timedelta(seconds=found['up_s'])}" if found["up"] else "down",
            found["address"],
            found["peer"],
            found["concentrator"],
            found["error"],
        )
        for item in result["interfaces"]
        if (found := item["session"]) is not None
    ]
    heads = ("interface", "session", "address", "peer", "concentrator", "reason")
    session.show(result, lambda: session.table(heads, rows, "No interface dials in."))


def _show_nics(session: Session) -> None:
    found = session.call("interfaces.Inventory")
    heads = ("device", "mac", "path", "driver", "link")
    cards = [
        (nic["device"], nic["mac"], nic["path"], nic["driver"], "up" if nic["carrier"] else "down")
        for nic in found["nics"]
    ]
    session.show(found, lambda: session.table(heads, cards, "This machine has no network card."))


def _show_cards(session: Session) -> None:
    found = session.call("cards.List")
    rows = [
        (
            card["device"],
            card["interface"],
            [one["name"] for one in card["offloads"] if one["on"]],
            [one["name"] for one in card["offloads"] if not one["on"]],
            [_amount(one) for one in card["rings"]],
            [_amount(one) for one in card["queues"]],
            card["warnings"],
        )
        for card in found["cards"]
    ]
    heads = ("device", "interface", "offloads on", "off", "rings", "queues", "in vain")
    session.show(found, lambda: session.table(heads, rows, "This machine has no network card."))


def _amount(found: Any) -> str:
    return f"{found['name']} {found['now']} of {found['most']}"


def _show_announced(session: Session) -> None:
    found = session.call("advertising.List")
    rows = [
        (
            item["interface"],
            [one["prefix"] for one in item["prefixes"] if one["preferred_s"]],
            [one["prefix"] for one in item["prefixes"] if not one["preferred_s"]],
            "yes" if item["default_router"] else "no",
            item["dns_servers"],
            item["translators"],
            item["failure"],
        )
        for item in found["networks"]
    ]
    heads = ("interface", "prefixes", "taken back", "way out", "dns", "to IPv4 by", "failure")
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
            item["hostname"] or (f"router {item['via']}" if item["via"] else ""),
            item["interface"],
            item["state"],
            datetime.fromtimestamp(item["end"]).astimezone().strftime("%Y-%m-%d %H:%M"),
        )
        for item in result["leases"]
    ]
    heads = ("address", "mac", "host", "interface", "state", "until")
    session.show(result, lambda: session.table(heads, rows, "No leases."))


@click.command()
@click.argument("host")
@click.argument("address")
@click.option("--pool", required=True, help="The pool's id.")
@click.option("--hostname", help="A name for the host.")
@with_session
def reserve(session: Session, host: str, address: str, pool: str, hostname: str | None) -> None:
    """Keep an address for one host: by its MAC or, in a pool of IPv6, by its DUID in hexadecimal.

    A number in place of the address keeps a prefix for a router: that of its first /64.

    \b
    patronus reserve 00:11:22:33:44:55 192.168.1.20 --pool lan --hostname printer
    patronus reserve 00:11:22:33:44:66 32 --pool lan6
    """  # noqa: D301
    named = {"mac": host} if ":" in host or "-" in host else {"duid": host}
    what: dict[str, Any] = {"subnet": int(address)} if address.isdecimal() else {"address": address}
    given = {"pool": pool, "hostname": hostname, **what, **named}
    show_commit(session, session.call("dhcp.AddReservation", **given))


COMMANDS = (interfaces, leases, reserve)
