# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus qos``: how fast the uplinks are, and what their queues do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from patronus.cli.commands.plan import show_commit
from patronus.cli.options import CONFIRM
from patronus.cli.session import Session, with_session

LINKS = (
    "ethernet", "docsis", "pppoe-ptm", "bridged-ptm", "pppoe-llcsnap", "pppoe-vcmux", "bridged-llcsnap",
    "bridged-vcmux", "pppoa-llc", "pppoa-vcmux", "conservative", "none",
)  # fmt: skip
DIRECTIONS = ("download", "upload")
HEADS = ("interface", "direction", "part", "rate", "sent", "dropped", "marked", "waiting", "delay", "state")


@click.group(invoke_without_command=True)
@click.pass_context
def qos(context: click.Context) -> None:
    """Look at the shapers and change them. Without a command: what their queues do."""
    if context.invoked_subcommand is None:
        context.invoke(status)


@qos.command()
@with_session
def status(session: Session) -> None:
    """Show what each queue has sent, dropped and marked, and how long packets wait in it.

    Example: patronus qos status
    """
    result = session.call("qos.Status")

    def render() -> None:
        rows = [row for shaper in result["shapers"] for row in _rows(shaper)]
        session.table(HEADS, rows, "No uplink is shaped.")
        for shaper in result["shapers"]:
            if shaper["reason"]:
                session.say(f"{shaper['id']}: {shaper['reason']}")

    session.show(result, render)


def _rows(shaper: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for direction in DIRECTIONS:
        lane = shaper[direction]
        if lane is None:
            continue
        state = f"{lane['state']}, {lane['method']}"
        yield (shaper["id"], direction, "all", _rate(lane["rate_bps"]), *_counted(lane["counted"]), state)
        for part in lane["parts"]:
            yield ("", "", part["name"], _rate(part["guaranteed_bps"]), *_counted(part["counted"]), "")
    if shaper["state"] == "off":
        yield (shaper["id"], *[None] * (len(HEADS) - 2), "off")


def _counted(counted: Mapping[str, Any] | None) -> tuple[Any, ...]:
    if counted is None:
        return (None,) * 5
    delay = counted["delay_us"]
    return (
        f"{counted['bytes']:,} B",
        counted["dropped"],
        counted["marked"],
        f"{counted['waiting_bytes']:,} B",
        None if delay is None else f"{delay / 1000:.1f} ms",
    )


def _rate(bits_per_s: int | None) -> str | None:
    return None if bits_per_s is None else f"{bits_per_s / 1_000_000:g} Mbit/s"


@qos.command(name="set")
@click.argument("interface")
@click.option("--download", help="What arrives at most, such as 95mbit; a little below what was bought.")
@click.option("--upload", help="What leaves at most, such as 38mbit.")
@click.option("--link", type=click.Choice(LINKS), help="What carries it; ethernet unless given.")
@click.option("--overhead", type=int, help="Bytes that it adds to each packet, in the place of the link's.")
@click.option("--fairness", type=click.Choice(("hosts", "flows")), help="Who shares evenly; hosts.")
@click.option("--diffserv", type=click.Choice(("diffserv4", "diffserv3", "besteffort")), help="Urgency.")
@click.option("--ack-filter/--no-ack-filter", default=None, help="Leave out needless acknowledgements.")
@click.option("--enabled/--disabled", default=None, help="Shape, or keep the numbers for later.")
@CONFIRM
@with_session
def set_shaper(session: Session, /, interface: str, confirm_s: int | None, **fields: Any) -> None:
    """Say how fast an uplink is. What is not given stays as it is; classes are written in the file.

    \b
    patronus qos set wan --download 95mbit --upload 38mbit
    patronus qos set wan --link docsis --ack-filter
    """  # noqa: D301
    base = None if session.draft else session.call("system.Status")["generation"]
    standing = {item["id"]: item["configuration"] for item in session.call("qos.Status")["shapers"]}
    changed = {key: value for key, value in fields.items() if value is not None}
    shaper = {**standing.get(interface, {"id": interface}), **changed}
    given = {"id": interface, "shaper": shaper, "base": base, "confirm_s": confirm_s}
    show_commit(session, session.call("qos.Set", **given))


@qos.command(name="remove")
@click.argument("interface")
@CONFIRM
@with_session
def remove_shaper(session: Session, interface: str, confirm_s: int | None) -> None:
    """Shape an uplink no longer.

    Example: patronus qos remove wan
    """
    show_commit(session, session.call("qos.Remove", id=interface, confirm_s=confirm_s))


COMMANDS = (qos,)
