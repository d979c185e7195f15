# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus zones``: what zones may reach when no rule says otherwise: look at it and change it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from patronus.cli.commands.plan import show_commit
from patronus.cli.options import CONFIRM
from patronus.cli.session import Session, with_session

F = TypeVar("F", bound=Callable[..., Any])
ACTIONS = ("allow", "drop", "reject")
DEFAULT = "default"
ID = click.argument("zone_id", metavar="ZONE")


@click.group(invoke_without_command=True)
@click.pass_context
def zones(context: click.Context) -> None:
    """Say what zones may reach when no rule decides. Without a command: list them."""
    if context.invoked_subcommand is None:
        context.invoke(list_zones)


@zones.command(name="list")
@with_session
def list_zones(session: Session) -> None:
    """List the zones: what is in each, and what each may reach; `self` is the router.

    Example: patronus zones list
    """
    result = session.call("firewall.ListZones")
    session.show(result, lambda: _say(session, result))


def _say(session: Session, result: dict[str, Any]) -> None:
    names = [item["id"] for item in result["zones"]]
    rows = []
    for item in result["zones"]:
        reach = item["zone"].get("to", {})
        cells = [reach.get(other, f"({result['default']})") for other in (*names, "self")]
        rows.append((item["id"], item["interfaces"], *cells, _services(item["zone"])))
    heads = ("from", "interfaces", *(f"to {name}" for name in (*names, "self")), "services of the router")
    session.table(heads, rows, "There are no zones.")


def _services(zone: dict[str, Any]) -> Any:
    limited = zone.get("self_services")
    return "all" if limited is None else limited or "none"


def _content(command: F) -> F:
    """Give a command the options that say what a zone may do."""
    command = click.option("--no-services", is_flag=True, help="None of the router's services.")(command)
    command = click.option(
        "--service",
        "services",
        multiple=True,
        help="Only these of the router's services: dhcp, dns, web, …; again for more.",
    )(command)
    return click.option(
        "--to",
        "reach",
        multiple=True,
        metavar="ZONE=ACTION",
        callback=_pairs,
        help="What happens to what goes there: allow, drop or reject; self is the router. Again for more.",
    )(command)


def _pairs(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    pairs = {zone: action for zone, _, action in (text.partition("=") for text in given)}
    for zone, action in pairs.items():
        if not zone or action not in ACTIONS:
            raise click.BadParameter(f"{zone}={action} is not ZONE=allow|drop|reject", context, parameter)
    return pairs


def _zone_of(reach: dict[str, str], services: tuple[str, ...], *, no_services: bool) -> dict[str, Any]:
    """Return the zone that the options say, as in the file."""
    if services and no_services:
        raise click.UsageError("--service and --no-services say two things")
    limited = {"self_services": list(services)} if services or no_services else {}
    return {**({"to": reach} if reach else {}), **limited}


@zones.command()
@ID
@_content
@CONFIRM
@with_session
def add(
    session: Session,
    zone_id: str,
    reach: dict[str, str],
    services: tuple[str, ...],
    no_services: bool,  # noqa: FBT001
    confirm_s: int | None,
) -> None:
    """Add a zone; an interface is put into it by `patronus interfaces`.

    Example: patronus zones add guest --to wan=allow --service dhcp --service dns
    """
    zone = {"id": zone_id, **_zone_of(reach, services, no_services=no_services)}
    show_commit(session, session.call("firewall.AddZone", zone=zone, confirm_s=confirm_s))


@zones.command()
@ID
@_content
@CONFIRM
@with_session
def replace(
    session: Session,
    zone_id: str,
    reach: dict[str, str],
    services: tuple[str, ...],
    no_services: bool,  # noqa: FBT001
    confirm_s: int | None,
) -> None:
    """Say anew what a zone may do: what the options do not say, it does not have.

    Example: patronus zones replace guest --to wan=allow --no-services
    """
    zone = _zone_of(reach, services, no_services=no_services)
    show_commit(session, session.call("firewall.ReplaceZone", id=zone_id, zone=zone, confirm_s=confirm_s))


@zones.command(name="set")
@ID
@click.argument("to", metavar="ZONE|self")
@click.argument("action", type=click.Choice((*ACTIONS, DEFAULT)))
@CONFIRM
@with_session
def set_pair(session: Session, zone_id: str, to: str, action: str, confirm_s: int | None) -> None:
    """Say what happens to what goes from one zone to another and no rule decides.

    \b
    patronus zones set guest lan reject
    patronus zones set guest lan default
    """  # noqa: D301
    given = {"id": zone_id, "to": to, "action": None if action == DEFAULT else action}
    show_commit(session, session.call("firewall.SetZonePair", **given, confirm_s=confirm_s))


@zones.command(name="default")
@click.argument("action", type=click.Choice(ACTIONS[1:]))
@CONFIRM
@with_session
def set_default(session: Session, action: str, confirm_s: int | None) -> None:
    """Say what happens between zones that say nothing of each other."""
    show_commit(session, session.call("firewall.SetZoneDefault", default=action, confirm_s=confirm_s))


@zones.command()
@ID
@CONFIRM
@with_session
def remove(session: Session, zone_id: str, confirm_s: int | None) -> None:
    """Remove a zone; one that interfaces, rules or others name stays, and they are named."""
    show_commit(session, session.call("firewall.RemoveZone", id=zone_id, confirm_s=confirm_s))


COMMANDS = (zones,)
