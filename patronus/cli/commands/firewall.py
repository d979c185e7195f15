# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus rules``, ``block``, ``unblock``, ``blocks`` and ``firewall test``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from patronus.cli.commands.plan import describe_commit, describe_warnings
from patronus.cli.options import CONFIRM, DurationType
from patronus.cli.session import Session, with_session


@click.group()
def rules() -> None:
    """Look at the firewall's rules and change them."""


@rules.command(name="list")
@click.option("--group", help="Only rules under this heading.")
@click.option("--tag", help="Only rules with this tag.")
@with_session
def list_rules(session: Session, group: str | None, tag: str | None) -> None:
    """List the rules in the order in which they are tried; the first match decides.

    Example: patronus rules list --tag voip
    """
    result = session.call("firewall.ListRules")
    result["rules"] = [item for item in result["rules"] if _is_wanted(item["rule"], group, tag)]
    rows = [_rule_row(item) for item in result["rules"]]
    heads = ("id", "name", "from", "to", "source", "destination", "protocol", "port", "action", "packets")
    session.show(result, lambda: session.table(heads, rows, "There are no rules; the zones decide."))


def _is_wanted(rule: dict[str, Any], group: str | None, tag: str | None) -> bool:
    return group in (None, rule.get("group")) and (tag is None or tag in rule.get("tags", ()))


def _rule_row(item: dict[str, Any]) -> tuple[Any, ...]:
    rule = item["rule"]
    enabled = rule.get("enabled", True)
    return (
        item["id"],
        rule.get("name"),
        rule.get("from") or rule.get("interface"),
        rule.get("to"),
        rule.get("source"),
        rule.get("destination"),
        rule.get("protocol"),
        rule.get("destination_port"),
        rule["action"] if enabled else f"({rule['action']}, off)",
        item.get("packets"),
    )


@rules.command(name="add")
@click.option("--name", help="What the rule is for.")
@click.option("--from", "from_zone", help="Zone that the connection comes from.")
@click.option("--to", help="Zone that it goes to; self is the router.")
@click.option("--source", help="Prefix, range or @alias.")
@click.option("--destination", help="Prefix, range or @alias.")
@click.option("--protocol", help="Name or number.")
@click.option("--port", help="Destination port, range or @alias.")
@click.option("--action", required=True, type=click.Choice(["allow", "drop", "reject", "log", "count"]))
@click.option("--description", help="Why it is there.")
@click.option("--group", help="Heading under which it is shown.")
@click.option("--at", type=int, help="Position in the list, 0 is first; the end unless given.")
@CONFIRM
@with_session
def add_rule(session: Session, /, at: int | None, confirm_s: int | None, **fields: str | None) -> None:
    """Add a rule.

    Example: patronus rules add --from guest --to lan --protocol tcp --port 22 --action drop
    """
    fields["from"], fields["destination_port"] = fields.pop("from_zone"), fields.pop("port")
    rule = {key: value for key, value in fields.items() if value is not None}
    _commit(session, "firewall.AddRule", rule=rule, index=at, confirm_s=confirm_s)


@rules.command(name="remove")
@click.argument("rule_id", metavar="ID")
@CONFIRM
@with_session
def remove_rule(session: Session, rule_id: str, confirm_s: int | None) -> None:
    """Remove a rule by its id."""
    _commit(session, "firewall.RemoveRule", id=rule_id, confirm_s=confirm_s)


@click.command()
@click.argument("prefix")
@click.option("--for", "for_s", type=DurationType(), help="Only for this time, e.g. 1h; it ends by itself.")
@click.option("--reason", help="Why; kept beside the block.")
@with_session
def block(session: Session, prefix: str, for_s: int | None, reason: str | None) -> None:
    """Block an address or prefix in every zone, both ways.

    Example: patronus block 203.0.113.0/24 --for 1h --reason scans
    """
    result = session.call("firewall.Block", prefix=prefix, for_s=for_s, reason=reason)
    session.show(result, lambda: _say_with_warnings(session, result, f"{prefix} is blocked."))


@click.command()
@click.argument("prefix")
@with_session
def unblock(session: Session, prefix: str) -> None:
    """End a block, timed or not."""
    result = session.call("firewall.Unblock", prefix=prefix)
    session.show(result, lambda: _say_with_warnings(session, result, f"{prefix} is no longer blocked."))


@click.command()
@with_session
def blocks(session: Session) -> None:
    """List what is blocked, and until when."""
    result = session.call("firewall.ListBlocks")
    rows = [(item["prefix"], item["reason"], _left(item.get("remaining_s"))) for item in result["blocks"]]
    session.show(result, lambda: session.table(("prefix", "reason", "ends in"), rows, "Nothing is blocked."))


def _say_with_warnings(session: Session, result: dict[str, Any], text: str) -> None:
    describe_warnings(session, result)
    session.say(text)


def _left(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds / 60:.0f} min"


def _commit(session: Session, verb: str, **parameters: Any) -> None:
    result = session.call(verb, **parameters)
    session.show(result, lambda: describe_commit(session, result))


@click.group()
def firewall() -> None:
    """Try the firewall's rules."""


@firewall.command(name="test")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_session
def try_expectations(session: Session, file: Path | None) -> None:
    """Say whether the rules that run come to what a file expects; without FILE, to what firewall/tests does.

    Exit code 1 where they do not. Example: patronus firewall test expectations.yaml
    """
    text = {} if file is None else {"text": file.read_text(), "suffix": file.suffix.removeprefix(".")}
    result = session.call("firewall.Test", **text)
    session.show(result, lambda: _say_tried(session, result))
    if result["failed"]:
        raise SystemExit(1)


def _say_tried(session: Session, result: dict[str, Any]) -> None:
    for one in result["results"]:
        session.say(one["text"])
    session.say(f"{len(result['results'])} tried, {result['failed']} failed")


COMMANDS = (rules, block, unblock, blocks, firewall)
