# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus lists``: lists of addresses and names that others keep, and the aliases that live of them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import click

from patronus.cli.session import Session, with_session
from patronus.core.errors import Unavailable

LONGEST_S = 1900.0
LOOK_S = 0.5


@click.group(invoke_without_command=True)
@click.pass_context
def lists(context: click.Context) -> None:
    """Show the lists that come from elsewhere: how many entries, how old, and what went wrong.

    Example: patronus lists
    """
    if context.invoked_subcommand is None:
        context.invoke(show)


@lists.command()
@with_session
def show(session: Session) -> None:
    """Show the lists, and the aliases whose addresses lie elsewhere."""
    result = session.call("lists.Status")
    result["sources"] = session.call("firewall.ListSources")["sources"]
    session.show(result, lambda: _render(session, result))


@lists.command()
@click.argument("url", required=False)
@with_session
def refresh(session: Session, url: str | None) -> None:
    """Look at the servers of the lists now, wait for the end, and say what came of it; with URL, at one.

    Exit code 1 where one could not be had. Example: patronus lists refresh
    """
    result = session.call("lists.Refresh", url=url)
    end = time.monotonic() + LONGEST_S
    while result["running"]:
        if time.monotonic() > end:
            raise Unavailable("it takes long; see later: patronus lists")
        time.sleep(LOOK_S)
        result = session.call("lists.Status")
    looked = [item for item in result["lists"] if url in (None, item["url"])]
    result["sources"] = session.call("firewall.ListSources")["sources"]
    session.show(result, lambda: _render(session, result))
    if result["fault"] or any(item["error"] for item in looked):
        raise SystemExit(1)


def _render(session: Session, result: dict[str, Any]) -> None:
    rows = [
        (item["url"], item["used_by"], item["entries"], _moment(item["good"]), item["error"])
        for item in result["lists"]
    ]
    heads = ("list", "used by", "entries", "current at", "what went wrong")
    session.table(heads, rows, "No list comes from elsewhere.")
    if result["sources"]:
        rows = [
            (item["alias"], item["source"], item["ipv4"], item["ipv6"], item["fault"])
            for item in result["sources"]
        ]
        session.table(("alias", "from", "IPv4 ranges", "IPv6 ranges", "what is wrong"), rows, "")
    if result["running"]:
        session.say("Lists are being brought in.")
    if result["fault"]:
        session.say(f"note: {result['fault']}")


def _moment(seconds: float | None) -> str:
    return "never" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


COMMANDS = (lists,)
