# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus dns``: whom the DNS server asks, what it answers, and how to make it forget."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from patronus.cli.session import Session, with_session


@click.group(name="dns")
def dns_group() -> None:
    """Look at the DNS server."""


@dns_group.command()
@with_session
def status(session: Session) -> None:
    """Say whether it runs, whom it asks and how they do, and what it has counted.

    Example: patronus dns status
    """
    result = session.call("dns.Status")
    session.show(result, lambda: _render(session, result))


def _render(session: Session, result: dict[str, Any]) -> None:
    if not result["running"]:
        session.say("The DNS server does not answer.")
        return
    rows = [
        (
            item["id"],
            item["address"],
            item["port"],
            item["protocol"],
            item["answered"],
            item["problem"] or ("well" if item["answered"] else "not asked yet"),
        )
        for item in result["upstreams"]
    ]
    heads = ("upstream", "address", "port", "over", "answered", "state")
    session.table(heads, rows, "Nobody is asked: only local names resolve.")
    session.say(f"{result['cached']} answers in the cache")
    for name in result["missing_lists"]:
        session.say(f"the blocklist {name} is not there")
    counters = sorted(result["counters"].items())
    session.table(("counted", "times"), counters, "Nothing has been asked yet.")


@dns_group.command()
@click.argument("name")
@click.argument("record_type", metavar="[TYPE]", default="A")
@with_session
def lookup(session: Session, name: str, record_type: str) -> None:
    """Ask this router's own server, as a client would.

    Example: patronus dns lookup www.example AAAA
    """
    result = session.call("dns.Lookup", name=name, type=record_type.upper())
    session.show(result, lambda: session.say("\n".join(result["answers"]) or result["status"]))


@dns_group.command()
@with_session
def records(session: Session) -> None:
    """List the names that the router answers itself.

    Example: patronus dns records
    """
    result = session.call("dns.ListRecords")
    rows = [(item["name"], item["type"], item["value"], item["source"]) for item in result["records"]]
    heads = ("name", "type", "value", "from")
    session.show(result, lambda: session.table(heads, rows, "The router answers no name itself."))


@dns_group.command()
@click.option("--client", default="", help="The questions of this address alone.")
@click.option("--name", default="", help="Questions for this name and those below it alone.")
@click.option("--count", default=100, show_default=True, help="How many at most.")
@with_session
def queries(session: Session, client: str, name: str, count: int) -> None:
    """List what clients asked, the newest first; query_log in network/dns turns the log on.

    Example: patronus dns queries --client 192.168.1.50
    """
    result = session.call("dns.ListQueries", client=client, name=name, count=count)
    rows = [
        (
            datetime.fromtimestamp(item["at"]).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            item["client"],
            item["name"],
            item["type"],
            item["outcome"],
        )
        for item in result["queries"]
    ]
    empty = "Nothing was asked." if result["on"] else "The query log is off (query_log in network/dns)."
    heads = ("at", "client", "name", "type", "outcome")
    session.show(result, lambda: session.table(heads, rows, empty))


@dns_group.command()
@with_session
def flush(session: Session) -> None:
    """Forget all answers of upstream servers.

    Example: patronus dns flush
    """
    result = session.call("dns.FlushCache")
    session.show(result, lambda: session.say(f"{result['flushed']} answers forgotten"))


COMMANDS = (dns_group,)
