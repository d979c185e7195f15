# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus dns upstreams``, ``dns64`` and ``blocklists``: whom the DNS server asks, and what it hides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from patronus.cli.commands.plan import show_commit
from patronus.cli.options import CONFIRM, SOURCE, text_of
from patronus.cli.session import Session, with_session

PROTOCOLS = ("udp", "tcp", "tls", "https")
CA = click.option(
    "--ca",
    type=SOURCE,
    help="Certificates (PEM) that the server's must come from; else a well-known authority's.",
)


@click.group(invoke_without_command=True)
@click.pass_context
def upstreams(context: click.Context) -> None:
    """Say which servers are asked what the router does not know. Without a command: list them."""
    if context.invoked_subcommand is None:
        context.invoke(list_upstreams)


@upstreams.command(name="list")
@with_session
def list_upstreams(session: Session) -> None:
    """List the servers as they are configured; `patronus dns status` says how they do.

    Example: patronus dns upstreams
    """
    result = session.call("dns.ListUpstreams")
    rows = [
        (
            item["id"],
            item["upstream"].get("address") or f"those of {item['upstream'].get('from')}",
            item["upstream"].get("port"),
            item["upstream"].get("protocol", "udp"),
            item["upstream"].get("name"),
            item["upstream"].get("domains"),
        )
        for item in result["upstreams"]
    ]
    heads = ("id", "server", "port", "over", "name in its certificate", "only for")
    session.show(result, lambda: session.table(heads, rows, "Nobody is asked: only local names resolve."))
    if len(rows) > 1:
        session.say(
            f"asked first: {'the fastest' if result['ask'] == 'fastest' else 'the first that is well'}"
        )
    if (told := result["dns64"]) is not None:
        whose = "everybody" if told.get("everyone", True) else "the policies that say so"
        session.say(f"names without IPv6 lead to {told.get('prefix', '64:ff9b::/96')} for {whose}")


@upstreams.command(name="add")
@click.argument("server", metavar="ADDRESS|INTERFACE")
@click.option("--id", "upstream_id", help="A name for it; one is made up unless given.")
@click.option("--over", "protocol", type=click.Choice(PROTOCOLS), help="How it is asked; udp unless given.")
@click.option("--port", type=int, help="53 unless given; over tls 853, over https 443.")
@click.option("--name", help="Name in its certificate; its address unless given.")
@click.option("--for", "domains", multiple=True, metavar="DOMAIN", help="It alone is asked for this domain.")
@click.option("--path", help="Where it is asked over https; /dns-query unless given.")
@CA
@click.option("--at", "index", type=click.IntRange(min=0), help="Position, 0 is first; the end unless given.")
@CONFIRM
@with_session
def add_upstream(
    session: Session,
    /,
    server: str,
    upstream_id: str | None,
    ca: Path | None,
    index: int | None,
    confirm_s: int | None,
    **how: Any,
) -> None:
    """Add a server: by its address, or those that the provider of an uplink gives, by the interface.

    \b
    patronus dns upstreams add wan
    patronus dns upstreams add 192.0.2.53 --over tls --name dns.example
    patronus dns upstreams add 10.9.0.53 --for corp.example --for 9.10.in-addr.arpa
    """  # noqa: D301
    by = "address" if set(server) & set(".:") else "from"
    found = {"id": upstream_id, by: server, **how, "ca": text_of(ca) if ca else None}
    upstream = {key: value for key, value in found.items() if value not in {None, ()}}
    given = {"upstream": upstream, "index": index, "confirm_s": confirm_s}
    show_commit(session, session.call("dns.AddUpstream", **given))


@upstreams.command(name="remove")
@click.argument("upstream_id", metavar="ID")
@CONFIRM
@with_session
def remove_upstream(session: Session, upstream_id: str, confirm_s: int | None) -> None:
    """Ask a server no more."""
    show_commit(session, session.call("dns.RemoveUpstream", id=upstream_id, confirm_s=confirm_s))


@upstreams.command(name="first")
@click.argument("which", type=click.Choice(("in-order", "fastest")))
@CONFIRM
@with_session
def ask_first(session: Session, which: str, confirm_s: int | None) -> None:
    """Say which server is asked first: the first of the list, or the fastest."""
    ask = which.replace("-", "_")
    show_commit(session, session.call("dns.SetAsk", ask=ask, confirm_s=confirm_s))


@click.group(invoke_without_command=True)
@click.pass_context
def blocklists(context: click.Context) -> None:
    """Say which lists of names do not exist for clients. Without a command: list them."""
    if context.invoked_subcommand is None:
        context.invoke(list_blocklists)


@blocklists.command(name="list")
@with_session
def list_blocklists(session: Session) -> None:
    """List the blocklists; `patronus lists` says how those from elsewhere stand.

    Example: patronus dns blocklists
    """
    result = session.call("dns.ListBlocklists")
    rows = [
        (
            item["id"],
            item["blocklist"].get("url") or item["blocklist"].get("file"),
            item["blocklist"].get("refresh"),
            ["everybody", *item["policies"]] if item["everyone"] else item["policies"] or "nobody",
        )
        for item in result["blocklists"]
    ]
    heads = ("id", "list", "refresh", "for")
    session.show(result, lambda: session.table(heads, rows, "There are no blocklists."))


@blocklists.command(name="add")
@click.argument("place", metavar="URL|FILE")
@click.option("--id", "blocklist_id", help="A name for it; one is made up unless given.")
@click.option("--refresh", help="How often the URL is looked at, e.g. 12h; daily unless given.")
@click.option("--policies-only", is_flag=True, help="It is for the policies that name it alone.")
@CA
@CONFIRM
@with_session
def add_blocklist(
    session: Session,
    /,
    place: str,
    blocklist_id: str | None,
    refresh: str | None,
    policies_only: bool,  # noqa: FBT001
    ca: Path | None,
    confirm_s: int | None,
) -> None:
    """Add a list of names: an https URL, or a file of this router.

    Example: patronus dns blocklists add https://lists.example/ads.txt --id ads
    """
    found = {
        "id": blocklist_id,
        "url" if "://" in place else "file": place,
        "refresh": refresh,
        "everyone": False if policies_only else None,
        "ca": text_of(ca) if ca else None,
    }
    blocklist = {key: value for key, value in found.items() if value is not None}
    show_commit(session, session.call("dns.AddBlocklist", blocklist=blocklist, confirm_s=confirm_s))


@blocklists.command(name="remove")
@click.argument("blocklist_id", metavar="ID")
@CONFIRM
@with_session
def remove_blocklist(session: Session, blocklist_id: str, confirm_s: int | None) -> None:
    """Remove a blocklist; one that a policy names stays, and the policy is named."""
    show_commit(session, session.call("dns.RemoveBlocklist", id=blocklist_id, confirm_s=confirm_s))


@click.command()
@click.argument("state", type=click.Choice(("on", "off")))
@click.option("--prefix", help="Prefix of the translator, which addresses of IPv4 follow; 64:ff9b::/96.")
@click.option("--exclude", multiple=True, help="Prefix of IPv6 whose addresses count as none.")
@click.option("--policies-only", is_flag=True, help="For the policies that say so, and no one else.")
@CONFIRM
@with_session
def dns64(
    session: Session,
    /,
    state: str,
    prefix: str | None,
    exclude: tuple[str, ...],
    policies_only: bool,  # noqa: FBT001
    confirm_s: int | None,
) -> None:
    """Give names that have no IPv6 addresses of a translator, or leave them as they are.

    \b
    patronus dns dns64 on
    patronus dns dns64 on --prefix 2001:db8:64::/96 --policies-only
    patronus dns dns64 off
    """  # noqa: D301
    found = {
        "prefix": prefix,
        "exclude": list(exclude) or None,
        "everyone": False if policies_only else None,
    }
    told = {key: value for key, value in found.items() if value is not None}
    if state == "off" and told:
        raise click.UsageError("off takes no other option")
    wanted = told if state == "on" else None
    show_commit(session, session.call("dns.SetDns64", dns64=wanted, confirm_s=confirm_s))
