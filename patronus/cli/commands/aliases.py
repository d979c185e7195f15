# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus aliases``: names for addresses and ports: look at them, add, change and remove them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click

from patronus.cli.commands.plan import show_commit
from patronus.cli.options import CONFIRM, SOURCE, text_of
from patronus.cli.session import Session, with_session
from patronus.core.errors import InvalidRequest, NotFound
from patronus.core.typed import number_or_text

F = TypeVar("F", bound=Callable[..., Any])
LISTED = ("addresses", "ports", "names", "countries")
"""Kinds whose entries stand in the file, one by one."""
SHOWN = 4
"""Entries that the list shows of an alias."""
ID = click.argument("alias_id", metavar="NAME")


@click.group(invoke_without_command=True)
@click.pass_context
def aliases(context: click.Context) -> None:
    """Name addresses and ports for the rules, which say @NAME. Without a command: list the names."""
    if context.invoked_subcommand is None:
        context.invoke(list_aliases)


@aliases.command(name="list")
@with_session
def list_aliases(session: Session) -> None:
    """List the aliases: what each holds, and which rules and translations name it.

    Example: patronus aliases list
    """
    result = session.call("firewall.ListAliases")
    rows = [
        (item["id"], item["kind"], _held(item), _state(item), [one["name"] for one in item["used_by"]])
        for item in result["aliases"]
    ]
    heads = ("name", "kind", "holds", "state", "used by")
    session.show(result, lambda: session.table(heads, rows, "There are no aliases."))


@aliases.command()
@ID
@with_session
def show(session: Session, alias_id: str) -> None:
    """Show one alias: every entry, a line each, and who names it.

    Example: patronus aliases show admins
    """
    item = _find(session, alias_id)
    session.show(item, lambda: _say(session, item))


def _say(session: Session, item: Mapping[str, Any]) -> None:
    for entry in _entries(item["alias"]) or [item["found"]["source"]]:
        session.say(str(entry))
    if state := _state(item):
        session.say(f"({state})")
    for use in item["used_by"]:
        session.say(f"used by {use['section']} {use['id']} ({use['name']}): {use['key']}")


def _content(command: F) -> F:
    """Give a command the options that say what an alias holds."""
    for option in reversed(
        (
            click.option(
                "--address", "addresses", multiple=True, help="A prefix, address or range; again for more."
            ),
            click.option("--port", "ports", multiple=True, help="A port or range; again for more."),
            click.option("--url", help="A list of addresses that others keep."),
            click.option("--file", help="A list of addresses in /etc/patronus/lists."),
            click.option("--refresh", help="How often the URL is looked at, e.g. 6h; 24h unless given."),
            click.option(
                "--ca",
                type=SOURCE,
                help="Certificates (PEM) that the URL's server must come from.",
            ),
            click.option("--host", "names", multiple=True, help="A host by name; again for more."),
            click.option(
                "--country", "countries", multiple=True, help="A country by its two letters; again for more."
            ),
            click.option("--description", help="What it is for."),
        )
    ):
        command = option(command)
    return command


@aliases.command()
@ID
@_content
@CONFIRM
@with_session
def add(session: Session, /, alias_id: str, confirm_s: int | None, **fields: Any) -> None:
    """Add an alias.

    \b
    patronus aliases add admins --address 192.168.1.10 --address 192.168.1.16/28
    patronus aliases add web --port 80 --port 443 --port 8000-8100
    patronus aliases add scanners --url https://lists.example/bad.txt --refresh 6h
    """  # noqa: D301
    alias = {"id": alias_id, **_alias_of(fields)}
    show_commit(session, session.call("firewall.AddAlias", alias=alias, confirm_s=confirm_s))


@aliases.command()
@ID
@_content
@CONFIRM
@with_session
def replace(session: Session, /, alias_id: str, confirm_s: int | None, **fields: Any) -> None:
    """Put other content into an alias: what the options do not say, it does not have.

    Example: patronus aliases replace web --port 443
    """
    given = {"id": alias_id, "alias": _alias_of(fields), "confirm_s": confirm_s}
    show_commit(session, session.call("firewall.ReplaceAlias", **given))


@aliases.command()
@ID
@click.argument("entries", nargs=-1, required=True, metavar="ENTRY…")
@CONFIRM
@with_session
def include(session: Session, alias_id: str, entries: tuple[str, ...], confirm_s: int | None) -> None:
    """Put more entries into an alias; those that it has stay.

    Example: patronus aliases include admins 192.168.1.44 192.168.1.45
    """
    _change(
        session,
        alias_id,
        confirm_s,
        lambda old: [*old, *(one for one in entries if one not in map(str, old))],
    )


@aliases.command()
@ID
@click.argument("entries", nargs=-1, required=True, metavar="ENTRY…")
@CONFIRM
@with_session
def exclude(session: Session, alias_id: str, entries: tuple[str, ...], confirm_s: int | None) -> None:
    """Take entries out of an alias, each as `patronus aliases show` writes it.

    Example: patronus aliases exclude admins 192.168.1.44
    """

    def left(old: list[Any]) -> list[Any]:
        strangers = [one for one in entries if one not in map(str, old)]
        if strangers:
            raise NotFound(f"{', '.join(strangers)} is not in the alias {alias_id}")
        return [one for one in old if str(one) not in entries]

    _change(session, alias_id, confirm_s, left)


@aliases.command()
@ID
@CONFIRM
@with_session
def remove(session: Session, alias_id: str, confirm_s: int | None) -> None:
    """Remove an alias; one that rules or translations name stays, and they are named."""
    show_commit(session, session.call("firewall.RemoveAlias", id=alias_id, confirm_s=confirm_s))


def _change(
    session: Session, alias_id: str, confirm_s: int | None, change: Callable[[list[Any]], list[Any]]
) -> None:
    """Change the entries of an alias, as it stands now."""
    base = None if session.draft else session.call("system.Status")["generation"]
    item = _find(session, alias_id)
    kind = item["kind"]
    if kind not in LISTED:
        raise InvalidRequest(f"the entries of {alias_id} are kept elsewhere: {item['found']['source']}")
    alias = {**item["alias"], kind: [number_or_text(str(one)) for one in change(_entries(item["alias"]))]}
    given = {"id": alias_id, "alias": alias, "base": base, "confirm_s": confirm_s}
    show_commit(session, session.call("firewall.ReplaceAlias", **given))


def _find(session: Session, alias_id: str) -> dict[str, Any]:
    for item in session.call("firewall.ListAliases")["aliases"]:
        if item["id"] == alias_id:
            return dict(item)
    raise NotFound(f"no alias is called {alias_id}")


def _entries(alias: Mapping[str, Any]) -> list[Any]:
    """Return the entries of an alias that stand in the file; one alone may be written without a list."""
    found: Any = next((alias[kind] for kind in LISTED if kind in alias), [])
    return found if isinstance(found, list) else [found]


def _held(item: Mapping[str, Any]) -> Any:
    entries = _entries(item["alias"])
    if not entries:
        return item["found"]["source"] if item["found"] else "nothing"
    more = len(entries) - SHOWN
    return [*entries[:SHOWN], f"and {more} more"] if more > 1 else entries


def _state(item: Mapping[str, Any]) -> str | None:
    """Return what was found for an alias whose addresses lie elsewhere."""
    found = item["found"]
    return found and (found["fault"] or f"{found['ipv4']} IPv4 and {found['ipv6']} IPv6 ranges")


def _alias_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the alias that the options say, as in the file."""
    alias: dict[str, Any] = {key: _parts(fields[key]) for key in LISTED if fields[key]}
    found: dict[str, Any] = {
        key: fields[key] for key in ("url", "file", "refresh") if fields[key] is not None
    }
    if fields["ca"] is not None:
        found["ca"] = text_of(fields["ca"])
    if found:
        alias["list"] = found
    if fields["description"] is not None:
        alias["description"] = fields["description"]
    return alias


def _parts(given: Iterable[str]) -> list[int | str]:
    """Return entries given one by one or parted by commas; digits are numbers."""
    return [number_or_text(part.strip()) for text in given for part in text.split(",") if part.strip()]


COMMANDS = (aliases,)
