# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus dns``: whom the DNS server asks, what it answers, and how to make it forget."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from patronus.cli.commands.dns_policies import policies
from patronus.cli.commands.dns_sources import blocklists, dns64, upstreams
from patronus.cli.commands.plan import show_commit
from patronus.cli.session import Session, with_session


@click.group(name="dns")
def dns_group() -> None:
    """Look at the DNS server."""


dns_group.add_command(upstreams)
dns_group.add_command(blocklists)
dns_group.add_command(dns64)
dns_group.add_command(policies)


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
            f"{item['takes_ms']:.1f} ms" if item["takes_ms"] else None,
            ", ".join([*item["domains"], *item["policies"]]) or "all others",
            item["problem"] or ("well" if item["answered"] else "not asked yet"),
        )
        for item in result["upstreams"]
    ]
    heads = ("upstream", "address", "port", "over", "answered", "takes", "for", "state")
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
    rows = [
        (item["id"], item["name"], item["type"], item["value"], item["source"]) for item in result["records"]
    ]
    heads = ("id", "name", "type", "value", "from")
    session.show(result, lambda: session.table(heads, rows, "The router answers no name itself."))


@dns_group.command()
@click.option("--client", default="", help="The questions of this address alone.")
@click.option("--name", default="", help="Questions for this name and those below it alone.")
@click.option("--policy", default="", help="What this policy judged alone; - for what none did.")
@click.option("--count", default=100, show_default=True, help="How many at most.")
@click.option("--before", type=int, help="Only those before this number, which the list ends with.")
@with_session
def queries(session: Session, *, client: str, name: str, policy: str, count: int, before: int | None) -> None:
    """List what clients asked, the newest first; query_log in network/dns turns the log on.

    \b
    patronus dns queries --client 192.168.1.50
    patronus dns queries --policy kids --name games.example
    """  # noqa: D301
    given = {"client": client, "name": name, "policy": policy, "count": count, "before": before}
    result = session.call("dns.ListQueries", **given)
    session.show(result, lambda: _render_queries(session, result))


def _render_queries(session: Session, result: dict[str, Any]) -> None:
    rows = [
        (
            datetime.fromtimestamp(item["at"]).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            item["client"],
            item["policy"],
            item["name"],
            item["type"],
            item["outcome"],
        )
        for item in result["queries"]
    ]
    empty = "Nothing was asked." if result["on"] else "The query log is off (query_log in network/dns)."
    session.table(("at", "client", "policy", "name", "type", "outcome"), rows, empty)
    if result["before"]:
        session.say(f"older ones: --before {result['before']}")


@dns_group.command()
@with_session
def flush(session: Session) -> None:
    """Forget all answers of upstream servers.

    Example: patronus dns flush
    """
    result = session.call("dns.FlushCache")
    session.show(result, lambda: session.say(f"{result['flushed']} answers forgotten"))


@dns_group.command(name="add")
@click.argument("name")
@click.argument("record_type", metavar="TYPE")
@click.argument("value")
@with_session
def add_record(session: Session, name: str, record_type: str, value: str) -> None:
    """Add a record that the router answers itself.

    Example: patronus dns add nas.home.arpa A 192.168.1.30
    """
    result = session.call("dns.AddRecord", name=name, type=record_type.upper(), value=value)
    show_commit(session, result)


@dns_group.command(name="remove")
@click.argument("record_id", metavar="ID")
@with_session
def remove_record(session: Session, record_id: str) -> None:
    """Remove a record of our own by its id.

    Example: patronus dns remove nas
    """
    show_commit(session, session.call("dns.RemoveRecord", id=record_id))


for_policy = click.option("--policy", help="For the clients of this policy alone; everybody.")


@dns_group.command()
@click.argument("name")
@for_policy
@with_session
def block(session: Session, name: str, policy: str | None) -> None:
    """Block a name and all below it, whatever the blocklists say.

    Example: patronus dns block games.example --policy kids
    """
    show_commit(session, session.call("dns.DecideName", name=name, action="block", policy=policy))


@dns_group.command()
@click.argument("name")
@for_policy
@with_session
def allow(session: Session, name: str, policy: str | None) -> None:
    """Allow a name and all below it, whatever the blocklists say.

    Example: patronus dns allow shop.example
    """
    show_commit(session, session.call("dns.DecideName", name=name, action="allow", policy=policy))


@dns_group.command()
@click.argument("name")
@for_policy
@with_session
def forget(session: Session, name: str, policy: str | None) -> None:
    """Leave a name to the blocklists again, after block or allow.

    Example: patronus dns forget shop.example
    """
    show_commit(session, session.call("dns.ForgetName", name=name, policy=policy))


@dns_group.command()
@with_session
def names(session: Session) -> None:
    """List the names that were blocked or allowed.

    Example: patronus dns names
    """
    result = session.call("dns.ListNames")
    rows = [(item["name"], item["action"], item["policy"] or "everybody") for item in result["names"]]
    heads = ("name", "action", "for")
    session.show(result, lambda: session.table(heads, rows, "No name was blocked or allowed."))


COMMANDS = (dns_group,)
