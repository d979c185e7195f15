# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus dns policies``: what some clients are told in place of what all others are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from patronus.cli.commands.plan import show_commit
from patronus.cli.options import CONFIRM
from patronus.cli.session import Session, with_session

ASKED = (
    click.option(
        "--server", "servers", multiple=True, metavar="ADDRESS", help="Server that is asked for them."
    ),
    click.option("--uplink", "uplinks", multiple=True, help="Uplink whose servers are asked for them."),
    click.option(
        "--over", type=click.Choice(("udp", "tcp", "tls", "https")), help="How these are asked; udp."
    ),
    click.option("--server-name", metavar="NAME", help="Name in their certificate; their address."),
    click.option("--path", help="Where they are asked, over https; /dns-query."),
)
"""Who is asked for a policy's clients, and how."""


def asked_for_them(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of ASKED."""
    for option in reversed(ASKED):
        command = option(command)
    return command


@click.group(invoke_without_command=True)
@click.pass_context
def policies(context: click.Context) -> None:
    """Tell some clients something else than all others. Without a command: list it."""
    if context.invoked_subcommand is None:
        context.invoke(list_policies)


@policies.command(name="list")
@with_session
def list_policies(session: Session) -> None:
    """List the policies; the first that fits a client counts.

    Example: patronus dns policies list
    """
    result = session.call("dns.ListPolicies")
    rows = [
        (
            item["id"],
            ", ".join(item["interfaces"]) or "any",
            ", ".join(item["clients"]) or "any",
            "all but what is allowed" if item["only_allowed"] else ", ".join(item["blocklists"]) or "none",
            "; ".join(item["records"]) or None,
            "; ".join(item["upstreams"]) or "everybody's",
            "yes" if item["dns64"] else "no",
        )
        for item in result["policies"]
    ]
    heads = ("id", "on", "clients", "blocklists", "records", "servers", "dns64")
    session.show(result, lambda: session.table(heads, rows, "All clients are told the same."))


@policies.command(name="add")
@click.argument("policy_id", metavar="ID")
@click.option("--interface", "interfaces", multiple=True, help="Interface on which they ask; any.")
@click.option("--client", "clients", multiple=True, help="Address or prefix of theirs; any.")
@click.option(
    "--blocklist", "blocklists", multiple=True, help="List that holds for them; those for everyone."
)
@click.option("--no-blocklists", is_flag=True, help="No list holds for them.")
@click.option(
    "--record", "records", nargs=3, multiple=True, metavar="NAME TYPE VALUE", help="A record of theirs."
)
@click.option("--block", "blocked", multiple=True, metavar="NAME", help="Block a name and all below it.")
@click.option("--allow", "allowed", multiple=True, metavar="NAME", help="Allow a name and all below it.")
@click.option(
    "--dns64/--no-dns64",
    default=None,
    help="Names without IPv6 have addresses of the translator; as everyone's.",
)
@click.option("--only-allowed", is_flag=True, help="No name exists for them but those allowed.")
@asked_for_them
@with_session
def add_policy(
    session: Session,
    /,
    *,
    policy_id: str,
    interfaces: tuple[str, ...],
    clients: tuple[str, ...],
    blocklists: tuple[str, ...],
    no_blocklists: bool,
    records: tuple[tuple[str, str, str], ...],
    blocked: tuple[str, ...],
    allowed: tuple[str, ...],
    only_allowed: bool,
    dns64: bool | None,
    **asked: Any,
) -> None:
    """Add a policy after those that there are.

    \b
    patronus dns policies add kids --client 192.168.1.64/26 --blocklist ads --blocklist games
    patronus dns policies add guests --interface guest --record nas.home.arpa A 10.10.0.5
    patronus dns policies add tablets --client 192.168.1.80/28 --only-allowed --allow school.example
    patronus dns policies add small --client 192.168.1.96/28 --server 198.51.100.3 --over tls
    """  # noqa: D301
    if blocklists and no_blocklists:
        raise click.UsageError("--blocklist and --no-blocklists exclude each other")
    given = {
        "interfaces": interfaces or None,
        "clients": clients or None,
        "blocklists": blocklists or (() if no_blocklists else None),
        "records": [{"name": name, "type": rtype.upper(), "value": value} for name, rtype, value in records]
        or None,
        "names": [
            *({"name": name, "action": "block"} for name in blocked),
            *({"name": name, "action": "allow"} for name in allowed),
        ]
        or None,
        "only_allowed": only_allowed or None,
        "dns64": dns64,
        "upstreams": _upstreams(**asked) or None,
    }
    told = {key: value for key, value in given.items() if value is not None}
    show_commit(session, session.call("dns.AddPolicy", id=policy_id, **told))


def _upstreams(
    servers: tuple[str, ...],
    uplinks: tuple[str, ...],
    over: str | None,
    server_name: str | None,
    path: str | None,
) -> list[dict[str, str]]:
    """Return the servers of a policy. Raises click.UsageError where it is only said how they are asked."""
    how = {"protocol": over, "name": server_name, "path": path}
    said = {key: text for key, text in how.items() if text is not None}
    if said and not (servers or uplinks):
        raise click.UsageError("say with --server or --uplink who is asked so")
    named = [("address", text) for text in servers] + [("from", text) for text in uplinks]
    return [{key: text, **said} for key, text in named]


@policies.command(name="servers")
@click.argument("policy_id", metavar="ID")
@asked_for_them
@click.option("--everybodys", is_flag=True, help="Those of everybody again.")
@CONFIRM
@with_session
def set_servers(
    session: Session, /, *, policy_id: str, everybodys: bool, confirm_s: int | None, **asked: Any
) -> None:
    """Say which servers are asked for a policy's clients, in place of those before.

    \b
    patronus dns policies servers kids --server 198.51.100.3 --over tls --server-name family.example
    patronus dns policies servers kids --everybodys
    """  # noqa: D301
    upstreams = _upstreams(**asked)
    if bool(upstreams) == everybodys:
        raise click.UsageError("say who is asked with --server or --uplink, or --everybodys")
    given = {"id": policy_id, "upstreams": upstreams, "confirm_s": confirm_s}
    show_commit(session, session.call("dns.SetPolicyUpstreams", **given))


@policies.command(name="remove")
@click.argument("policy_id", metavar="ID")
@with_session
def remove_policy(session: Session, policy_id: str) -> None:
    """Remove a policy: its clients have the next that fits, or are as all others.

    Example: patronus dns policies remove kids
    """
    show_commit(session, session.call("dns.RemovePolicy", id=policy_id))
