# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus connections``: what is open through this router, and how to end it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from patronus.cli.commands.plan import show_commit
from patronus.cli.options import CONFIRM
from patronus.cli.session import Session, with_session
from patronus.core.typed import number_or_text

F = TypeVar("F", bound=Callable[..., Any])
FILTERS = (
    click.option("--id", help="This one."),
    click.option("--address", help="Either end is in this prefix, before or after translation."),
    click.option("--source", help="It comes from this prefix."),
    click.option("--destination", help="It goes to this prefix."),
    click.option("--protocol", help="Name or number."),
    click.option("--port", type=int, help="Either end has this port."),
    click.option("--source-port", type=int, help="It comes from this port."),
    click.option("--destination-port", type=int, help="It goes to this port."),
    click.option("--state", help="State of TCP, such as established or time-wait."),
    click.option("--translated", type=click.Choice(["source", "destination", "no"]), help="Which end is."),
    click.option("--mark", type=int, help="Its mark."),
    click.option("--zone", help="Zone that it comes from."),
)


def filtered(command: F) -> F:
    """Give a command the options of a filter."""
    for option in reversed(FILTERS):
        command = option(command)
    return command


@click.group()
def connections() -> None:
    """Look at open connections and end them."""


@connections.command(name="list")
@filtered
@click.option(
    "--most", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many are shown."
)
@with_session
def list_connections(session: Session, /, **fields: Any) -> None:
    """List open connections.

    Example: patronus connections list --zone guest --protocol tcp --destination-port 443
    """
    result = session.call("connections.List", **fields)
    session.show(result, lambda: _say(session, result))


def _say(session: Session, result: dict[str, Any]) -> None:
    rows = [
        (one["id"], one["protocol"], one["source"], one["destination"], one["seen_as"], one["goes_to"],
         one["state"], "offloaded" if one["offloaded"] else f"{one['remaining_s']} s")
        for one in result["connections"]
    ]  # fmt: skip
    heads = ("id", "protocol", "from", "to", "seen as", "goes to", "state", "ends in")
    session.table(heads, rows, "No connection fits.")
    shown = len(result["connections"])
    session.say(
        f"{shown} of {result['matching']} shown; {result['tracked']} of {result['limit']} are tracked."
    )


@connections.command(name="kill")
@filtered
@click.option("--all", "all_", is_flag=True, help="Every connection.")
@with_session
def kill(session: Session, /, all_: bool, **fields: Any) -> None:  # noqa: FBT001
    """End connections; their next packets are judged anew, by the rules that run.

    Example: patronus connections kill --address 192.168.1.77
    """
    result = session.call("connections.End", **fields, all=all_)
    session.show(result, lambda: _say_ended(session, result))


def _say_ended(session: Session, result: dict[str, Any]) -> None:
    session.say(f"{result['ended']} ended.")
    if result["spared"]:
        session.say(f"{result['spared']} left alone: you speak through them.")


@connections.command(name="timeouts")
@with_session
def timeouts(session: Session) -> None:
    """Show how many connections are remembered, and how long without a packet.

    Example: patronus connections timeouts
    """
    result = session.call("firewall.ShowTracking")
    session.show(result, lambda: _say_timeouts(session, result))


def _say_timeouts(session: Session, result: dict[str, Any]) -> None:
    rows = [(one["id"], one["value"], one["default"], one["about"]) for one in result["timeouts"]]
    session.table(("timeout", "now", "default", "of connections"), rows, "")
    said = result["settings"].get("table_size", "auto")
    session.say(f"table_size {said}; {result['tracked']} of {result['limit']} are tracked.")
    session.say(f"offload {'on' if result['settings'].get('offload') else 'off'}: {result['offload']}.")
    by_xdp = result["settings"].get("xdp_forwarding")
    session.say(f"xdp_forwarding {'on' if by_xdp else 'off'}: {result['xdp_forwarding']}.")


@connections.command(name="set")
@click.argument("settings", nargs=-1, required=True, metavar="KEY=VALUE...")
@CONFIRM
@with_session
def set_timeouts(session: Session, settings: tuple[str, ...], confirm_s: int | None) -> None:
    """Set timeouts, table_size, offload=on or xdp_forwarding=on; default takes a setting away.

    Example: patronus connections set tcp_established=2h udp=45s table_size=100000
    """
    pairs = [text.partition("=") for text in settings]
    if any(not key or not value for key, _, value in pairs):
        raise click.UsageError("a setting is written KEY=VALUE, such as udp=45s")
    base = None if session.draft else session.call("system.Status")["generation"]
    before = session.call("firewall.ShowTracking")["settings"]
    own = {key: before.get(key) for key in ("table_size", "offload", "xdp_forwarding")}
    times = dict(before.get("timeouts", {}))
    for key, _, value in pairs:
        target = own if key in own else times
        target[key] = _setting(value)
    kept = {key: value for key, value in times.items() if value is not None}
    given = {"settings": {**own, "timeouts": kept}, "base": base, "confirm_s": confirm_s}
    show_commit(session, session.call("firewall.SetTracking", **given))


def _setting(value: str) -> Any:
    """Return a setting as the file has it; None takes it away."""
    words = {"default": None, "on": True, "off": False}
    return words[value] if value in words else number_or_text(value)


COMMANDS = (connections,)
