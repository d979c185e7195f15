# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus mdns``: between which networks hosts find each other's printers and screens."""

from __future__ import annotations

import click

from patronus.cli.commands.plan import show_commit
from patronus.cli.options import CONFIRM
from patronus.cli.session import Session, with_session


@click.group(invoke_without_command=True)
@click.pass_context
def mdns(context: click.Context) -> None:
    """Let hosts of several networks find each other (multicast DNS). Without a command: how it does."""
    if context.invoked_subcommand is None:
        context.invoke(status)


@mdns.command()
@with_session
def status(session: Session) -> None:
    """Say between which networks hosts find each other.

    Example: patronus mdns status
    """
    result = session.call("mdns.Status")

    def render() -> None:
        if not result["between"]:
            session.say("Each network finds its own hosts alone.")
            return
        kinds = ", ".join(result["only"]) or "everything"
        session.say(f"{', '.join(result['between'])} find each other: {kinds}")
        if not result["running"]:
            session.say(f"not now: {result['reason']}")

    session.show(result, render)


@mdns.command()
@click.argument("between", metavar="INTERFACE...", nargs=-1, required=True)
@click.option("--only", multiple=True, metavar="KIND", help="A kind of service; as it is unless given.")
@click.option("--all", "everything", is_flag=True, help="Services of all kinds again.")
@CONFIRM
@with_session
def repeat(
    session: Session,
    *,
    between: tuple[str, ...],
    only: tuple[str, ...],
    everything: bool,
    confirm_s: int | None,
) -> None:
    """Say which networks find each other, in place of those before.

    \b
    patronus mdns repeat lan iot
    patronus mdns repeat lan iot --only _ipp._tcp --only _airplay._tcp
    """  # noqa: D301
    if only and everything:
        raise click.UsageError("--only and --all exclude each other")
    kinds = {"only": list(only)} if only or everything else {}
    given = {"between": list(between), **kinds, "confirm_s": confirm_s}
    show_commit(session, session.call("mdns.Repeat", **given))


@mdns.command()
@CONFIRM
@with_session
def off(session: Session, *, confirm_s: int | None) -> None:
    """Let each network find its own hosts alone.

    Example: patronus mdns off
    """
    show_commit(session, session.call("mdns.Repeat", between=[], confirm_s=confirm_s))


COMMANDS = (mdns,)
