# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus time``: the clock, the servers that set it, and who may ask this router."""

from __future__ import annotations

from typing import Any

import click

from patronus.cli.commands.plan import show_commit
from patronus.cli.options import CONFIRM
from patronus.cli.session import Session, with_session

HEADS = ("server", "state", "stratum", "answered", "last", "offset", "error")


@click.group(name="time", invoke_without_command=True)
@click.pass_context
def clock(context: click.Context) -> None:
    """Look at the clock and who sets it. Without a command: how it is."""
    if context.invoked_subcommand is None:
        context.invoke(status)


@clock.command()
@with_session
def status(session: Session) -> None:
    """Show whom the clock follows, how far it is off, and how the servers answer.

    Example: patronus time status
    """
    result = session.call("time.Status")

    def render() -> None:
        sure = "set by a server" if result["synchronised"] else "not set by any server since the start"
        session.say(f"{result['now']}, {result['timezone']}; {sure}")
        tracking = result["tracking"]
        if tracking and tracking["source"]:
            off = _seconds(tracking["offset_s"])
            session.say(f"follows {tracking['source']}, stratum {tracking['stratum']}, off by {off}")
        session.table(HEADS, [_row(item) for item in result["sources"]], "No server is asked.")
        if result["reason"]:
            session.say(result["reason"])

    session.show(result, render)


def _row(item: dict[str, Any]) -> tuple[Any, ...]:
    last = None if item["last_s"] is None else f"{item['last_s']} s"
    heard = bool(item["stratum"])
    return (
        item["name"], item["state"], item["stratum"] or None, f"{item['reached']} of 8", last,
        _seconds(item["offset_s"]) if heard else None, _seconds(item["error_s"]) if heard else None,
    )  # fmt: skip


def _seconds(value: float) -> str:
    if abs(value) >= 1:
        return f"{value:.1f} s"
    return f"{value * 1e3:.2f} ms" if abs(value) >= 1e-3 else f"{value * 1e6:.0f} µs"


@clock.command(name="set")
@click.option("--server", "servers", multiple=True, help="Server to ask, the preferred one first; repeat it.")
@click.option(
    "--serve", multiple=True, metavar="INTERFACE", help="Whose hosts may ask this router; repeat it."
)
@click.option("--nts/--no-nts", default=None, help="Believe only servers that prove themselves.")
@click.option("--timezone", help="Time zone of schedules, such as Europe/Berlin.")
@CONFIRM
@with_session
def set_clock(
    session: Session,
    servers: tuple[str, ...],
    serve: tuple[str, ...],
    nts: bool | None,
    timezone: str | None,
    confirm_s: int | None,
) -> None:
    """Say who sets the clock. What is not given stays as it is.

    \b
    patronus time set --server time.example --server 192.0.2.1 --nts
    patronus time set --serve lan --timezone Europe/Berlin
    """  # noqa: D301
    base = None if session.draft else session.call("system.Status")["generation"]
    given: dict[str, Any] = {"timezone": timezone, "base": base, "confirm_s": confirm_s}
    changed = {"servers": list(servers) or None, "serve": list(serve) or None, "nts": nts}
    found = {key: value for key, value in changed.items() if value is not None}
    if found:
        given["time"] = {**session.call("time.Status")["configuration"], **found}
    show_commit(session, session.call("time.Set", **given))


COMMANDS = (clock,)
