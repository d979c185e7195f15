# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus protection``: the guards that stand before the rules."""

from __future__ import annotations

from typing import Any

import click

from patronus.cli.commands.plan import show_commit
from patronus.cli.options import CONFIRM
from patronus.cli.session import Session, with_session

GUARDS = ("anti-spoofing", "bogons", "syn-flood", "udp-flood", "icmp-flood", "port-scan")


@click.group(invoke_without_command=True)
@click.pass_context
def protection(context: click.Context) -> None:
    """Look at the guards before the rules and set them. Without a command: list them."""
    if context.invoked_subcommand is None:
        context.invoke(list_guards)


@protection.command(name="list")
@with_session
def list_guards(session: Session) -> None:
    """List the guards, where they stand, and what they have dropped."""
    result = session.call("firewall.ListGuards")
    rows = [_row(one) for one in result["guards"]]
    rows.append(("invalid", "on", [], "", [], result["invalid"]))
    session.show(result, lambda: session.table(("guard", "", "zones", "figures", "XDP", "dropped"), rows, ""))


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    name, state = one["id"].replace("_", "-"), "on" if one["enabled"] else "off"
    shown = {key: value for key, value in one["figures"].items() if value != [] and key != "early"}
    figures = ", ".join(f"{key} {value}" for key, value in shown.items())
    dropped = f"{one['packets']}, {one['early']} by XDP" if one["early"] else one["packets"]
    return name, state, one["zones"], figures, one["xdp"], dropped


@protection.command(name="set")
@click.argument("guard", type=click.Choice(GUARDS))
@click.argument("state", type=click.Choice(["on", "off"]))
@click.option("--zone", "zones", multiple=True, help="Where it stands; may be given more than once.")
@click.option("--rate", help="Most of one source in a time, such as 50/s.")
@click.option("--burst", type=int, help="How many beyond that at once.")
@click.option("--allow", multiple=True, help="Prefix that is no bogon here; may be given more than once.")
@click.option("--early/--late", default=None, help="Whether XDP holds the limit of a flood too, or not.")
@click.option("--for", "for_", help="How long a scanner is shut out, such as 10m.")
@CONFIRM
@with_session
def set_guard(
    session: Session, /, guard: str, state: str, confirm_s: int | None, for_: str | None, **fields: Any
) -> None:
    """Switch a guard on or off; figures that are not given stay.

    Example: patronus protection set bogons on --allow 100.64.0.0/10
    """
    name = guard.replace("-", "_")
    base = None if session.draft else session.call("system.Status")["generation"]
    listed = session.call("firewall.ListGuards")["guards"]
    before = next(one["settings"] for one in listed if one["id"] == name)
    figures = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in fields.items()
        if value not in (None, ())
    }
    figures |= {"for": for_} if for_ else {}
    settings = {**before, **figures, "enabled": state == "on"}
    given = {"id": name, "settings": settings, "base": base, "confirm_s": confirm_s}
    show_commit(session, session.call("firewall.SetGuard", **given))


COMMANDS = (protection,)
