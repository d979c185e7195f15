# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus dyndns``: names outside that lead to this router, and whether their providers know it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import click

from patronus.cli.commands.plan import show_commit
from patronus.cli.options import CONFIRM
from patronus.cli.session import Session, with_session
from patronus.core.errors import Unavailable

LONGEST_S = 1900.0
LOOK_S = 0.5
WELL = ("current", "off")


@click.group(invoke_without_command=True)
@click.pass_context
def dyndns(context: click.Context) -> None:
    """Outside names that lead to this router (DynDNS). Without a command: how they stand."""
    if context.invoked_subcommand is None:
        context.invoke(list_names)


@dyndns.command(name="list")
@with_session
def list_names(session: Session) -> None:
    """Show the names, the addresses that their providers have, and what went wrong.

    Example: patronus dyndns list
    """
    result = session.call("dyndns.Status")
    session.show(result, lambda: _render(session, result))


@dyndns.command()
@click.argument("entry", required=False)
@with_session
def update(session: Session, entry: str | None) -> None:
    """Tell the providers now, wait for the end, and say what came of it; with ENTRY, one of them.

    One that has refused before is asked again. Exit code 1 where one could not be told.
    Example: patronus dyndns update home
    """
    result = session.call("dyndns.Update", id=entry)
    end = time.monotonic() + LONGEST_S
    while result["running"]:
        if time.monotonic() > end:
            raise Unavailable("it takes long; see later: patronus dyndns")
        time.sleep(LOOK_S)
        result = session.call("dyndns.Status")
    session.show(result, lambda: _render(session, result))
    if any(item["state"] not in WELL for item in result["names"] if entry in (None, item["id"])):
        raise SystemExit(1)


@dyndns.command()
@click.argument("entry")
@click.argument("hostnames", nargs=-1, required=True, metavar="NAME...")
@click.option("--server", help="The provider's server, https://host[/path], asked by dyndns2 (/nic/update).")
@click.option("--url", "page", help="Or a page with {name}, {ipv4}, {ipv6}, {user}, {password} in it.")
@click.option("--expect", help="What a good answer of that page has in it.")
@click.option("--name-server", help="Or a name server that takes signed updates (RFC 2136).")
@click.option("--zone", help="The zone of that name server.")
@click.option("--key", help="The name of the key (TSIG); the key itself is the --password, in base64.")
@click.option("--algorithm", help="What that key signs by; hmac-sha256.")
@click.option("--user", help="The account at the provider.")
@click.option("--password", metavar="SECRET", help="The secret that is shown, by name.")
@click.option("--interface", help="Whose address is told; that of the uplink in use unless given.")
@click.option("--tell", type=click.Choice(["ipv4", "ipv6", "both"]), help="Which addresses; ipv4.")
@click.option("--address-from", help="An https page that says from which address one comes.")
@CONFIRM
@with_session
def add(
    session: Session, /, *, entry: str, hostnames: tuple[str, ...], confirm_s: int | None, **given: Any
) -> None:
    """Have the provider of NAMEs told which address this router has; ENTRY is what we call them.

    The password is stored before, and named here: patronus secret set dyn

    \b
    patronus dyndns add home home.example.net --server https://dyn.example --user anna --password dyn
    patronus dyndns add cabin cabin.example.net --password dyn \\
        --url 'https://dyn.example/set?name={name}&ip={ipv4}&token={password}' --expect OK
    patronus dyndns add hut hut.example.org --name-server ns1.example.org --zone example.org \\
        --key router --password hut-key
    """  # noqa: D301
    if sum(given[one] is not None for one in ("server", "page", "name_server")) != 1:
        raise click.UsageError("say how the provider is told: --server, --url or --name-server")
    told = _told(given)
    rest = {key: given[key] for key in ("interface", "tell", "address_from")}
    value = _said({"id": entry, "hostnames": list(hostnames), **rest, **told})
    show_commit(session, session.call("dyndns.Add", entry=value, confirm_s=confirm_s))


@dyndns.command()
@click.argument("entry")
@CONFIRM
@with_session
def remove(session: Session, entry: str, *, confirm_s: int | None) -> None:
    """Tell a provider no more; it keeps the address that it has.

    Example: patronus dyndns remove home
    """
    show_commit(session, session.call("dyndns.Remove", id=entry, confirm_s=confirm_s))


def _told(given: dict[str, Any]) -> dict[str, Any]:
    """Return how the provider is told, as the file has it."""
    secret = {"secret": given["password"]} if given["password"] is not None else None
    if given["name_server"] is not None:
        key = {name: given[name] for name in ("zone", "key", "algorithm")}
        return {"rfc2136": _said({"server": given["name_server"], **key, "secret": secret})}
    how = {"user": given["user"], "password": secret}
    if given["server"] is not None:
        return {"dyndns2": _said({"server": given["server"], **how})}
    return {"url": _said({"address": given["page"], **how, "expect": given["expect"]})}


def _said(given: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if value is not None}


def _render(session: Session, result: dict[str, Any]) -> None:
    rows = [
        (
            item["id"],
            item["hostnames"],
            item["state"],
            item["told"],
            _moment(item["told_at"]),
            item["provider"],
            item["reason"],
            item["answer"],
        )
        for item in result["names"]
    ]
    heads = ("entry", "names", "state", "leads to", "since", "provider", "why", "its answer")
    session.table(heads, rows, "No name outside leads here.")
    if result["running"]:
        session.say("Providers are being told.")


def _moment(seconds: float | None) -> str:
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


COMMANDS = (dyndns,)
