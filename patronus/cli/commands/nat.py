# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus nat``: look at the translations of addresses and change them."""

from __future__ import annotations

from typing import Any

import click

from patronus.cli.commands.plan import show_commit
from patronus.cli.options import CONFIRM
from patronus.cli.rule_options import HELPERS
from patronus.cli.session import Session, with_session

TYPES = ("dnat", "masquerade", "snat", "one-to-one", "nptv6", "exempt")


@click.group(invoke_without_command=True)
@click.pass_context
def nat(context: click.Context) -> None:
    """Look at address translation and change it. Without a command: list it."""
    if context.invoked_subcommand is None:
        context.invoke(list_nat)


@nat.command(name="list")
@click.option("--tag", help="Only entries with this tag.")
@with_session
def list_nat(session: Session, tag: str | None) -> None:
    """List the translations in the order in which they are tried; the first match decides.

    Example: patronus nat list --tag voip
    """
    result = session.call("firewall.ListNat")
    result["nat"] = [item for item in result["nat"] if tag is None or tag in item["entry"].get("tags", ())]
    rows = [_row(item) for item in result["nat"]]
    heads = ("id", "type", "zone", "source", "destination", "protocol", "port", "to", "packets")
    session.show(result, lambda: session.table(heads, rows, "No address is translated."))


def _row(item: dict[str, Any]) -> tuple[Any, ...]:
    entry = item["entry"]
    enabled = entry.get("enabled", True)
    return (
        item["id"],
        entry["type"] if enabled else f"({entry['type']}, off)",
        entry.get("in") or entry.get("out") or entry.get("zone"),
        entry.get("source") or entry.get("inside"),
        entry.get("destination"),
        entry.get("protocol"),
        entry.get("destination_port"),
        entry.get("to") or entry.get("outside"),
        item.get("packets"),
    )


@nat.command(name="add")
@click.argument("type", type=click.Choice(TYPES))
@click.option("--in", "in_", metavar="ZONE", help="Zone in which the connections arrive (dnat, exempt).")
@click.option("--out", metavar="ZONE", help="Zone through which they leave (masquerade, snat, exempt).")
@click.option("--zone", help="Zone outside (one-to-one, nptv6).")
@click.option("--source", help="Prefix, range or @alias.")
@click.option("--destination", help="Prefix, range or @alias.")
@click.option("--protocol", help="Name or number.")
@click.option("--port", help="Destination port or range.")
@click.option("--to", help="Target: address:port of a dnat, address or range of a snat.")
@click.option("--inside", help="Prefix that the hosts have (one-to-one, nptv6).")
@click.option("--outside", help="Prefix as which they are seen.")
@click.option("--hairpin", is_flag=True, help="Reachable from inside by the outer address too.")
@click.option("--rule/--no-rule", default=None, help="Let what arrives through the filter.")
@click.option("--helper", type=click.Choice(HELPERS), help="Reads what a dnat forwards: ftp, sip, …")
@click.option("--name", help="What the entry is for.")
@click.option("--description", help="Why it is there.")
@click.option("--at", type=int, help="Position in the list, 0 is first; the end unless given.")
@CONFIRM
@with_session
def add_nat(session: Session, /, at: int | None, confirm_s: int | None, **fields: Any) -> None:
    """Add a translation.

    \b
    patronus nat add dnat --in wan --protocol tcp --port 8443 --to 192.168.1.30:443 --hairpin
    patronus nat add one-to-one --zone wan --inside 192.168.1.16/28 --outside 203.0.113.16/28
    patronus nat add exempt --out wan --destination 10.99.0.0/16 --at 0
    """  # noqa: D301
    fields["in"], fields["destination_port"] = fields.pop("in_"), fields.pop("port")
    entry = {key: value for key, value in fields.items() if value not in (None, False) or key == "rule"}
    if entry.get("rule") is None:
        entry.pop("rule", None)
    show_commit(session, session.call("firewall.AddNat", entry=entry, index=at, confirm_s=confirm_s))


@nat.command(name="remove")
@click.argument("entry_id", metavar="ID")
@CONFIRM
@with_session
def remove_nat(session: Session, entry_id: str, confirm_s: int | None) -> None:
    """Remove a translation by its id."""
    show_commit(session, session.call("firewall.RemoveNat", id=entry_id, confirm_s=confirm_s))


@nat.command(name="enable")
@click.argument("entry_id", metavar="ID")
@CONFIRM
@with_session
def enable(session: Session, entry_id: str, confirm_s: int | None) -> None:
    """Switch a translation on."""
    given = {"id": entry_id, "enabled": True, "confirm_s": confirm_s}
    show_commit(session, session.call("firewall.SwitchNat", **given))


@nat.command(name="disable")
@click.argument("entry_id", metavar="ID")
@CONFIRM
@with_session
def disable(session: Session, entry_id: str, confirm_s: int | None) -> None:
    """Switch a translation off; it stays in the file."""
    given = {"id": entry_id, "enabled": False, "confirm_s": confirm_s}
    show_commit(session, session.call("firewall.SwitchNat", **given))


@nat.command(name="move")
@click.argument("entry_id", metavar="ID")
@click.argument("index", type=click.IntRange(min=0))
@CONFIRM
@with_session
def move(session: Session, entry_id: str, index: int, confirm_s: int | None) -> None:
    """Move a translation to another place in the order; 0 is first."""
    show_commit(session, session.call("firewall.MoveNat", id=entry_id, index=index, confirm_s=confirm_s))


COMMANDS = (nat,)
