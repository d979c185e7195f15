# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus rules``: look at the firewall's rules, add, change, move, switch and remove them."""

from __future__ import annotations

from typing import Any

import click

from patronus.cli.commands.plan import show_commit
from patronus.cli.options import CONFIRM, placed
from patronus.cli.rule_options import rule_of, rule_options
from patronus.cli.session import Session, with_session
from patronus.core.errors import NotFound

ID = click.argument("rule_id", metavar="ID")


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
        _origin(rule),
        rule.get("to"),
        rule.get("source"),
        rule.get("destination"),
        rule.get("protocol"),
        rule.get("destination_port"),
        rule["action"] if enabled else f"({rule['action']}, off)",
        item.get("packets"),
    )


def _origin(rule: dict[str, Any]) -> Any:
    """Return where the rule's packets come from, in a cell: zone, sources, MAC."""
    origin = rule.get("from") or rule.get("interface")
    return list(map(str, origin.values())) if isinstance(origin, dict) else origin


@rules.command(name="add")
@rule_options
@placed
@CONFIRM
@with_session
def add_rule(
    session: Session,
    /,
    index: int | None,
    before: str | None,
    after: str | None,
    confirm_s: int | None,
    **fields: Any,
) -> None:
    """Add a rule, at the end unless a place is given.

    Example: patronus rules add --from guest --to lan --protocol tcp --port 22 --action drop --before r-7f3a
    """
    rule = rule_of(fields)
    if "action" not in rule:
        raise click.UsageError("Missing option '--action'.")
    place = {"index": index, "before": before, "after": after}
    show_commit(session, session.call("firewall.AddRule", rule=rule, confirm_s=confirm_s, **place))


@rules.command(name="replace")
@ID
@rule_options
@CONFIRM
@with_session
def replace_rule(session: Session, /, rule_id: str, confirm_s: int | None, **fields: Any) -> None:
    """Put another rule in a rule's place: what the options do not say, the new one does not have.

    Example: patronus rules replace r-7f3a --from guest --to lan --action reject
    """
    rule = rule_of(fields)
    show_commit(session, session.call("firewall.ReplaceRule", id=rule_id, rule=rule, confirm_s=confirm_s))


@rules.command(name="change")
@ID
@rule_options
@CONFIRM
@with_session
def change_rule(session: Session, /, rule_id: str, confirm_s: int | None, **fields: Any) -> None:
    """Change some of what a rule says; the rest stays.

    \b
    patronus rules change r-7f3a --port 22,8022 --days mon-fri --time 08:00-18:00
    patronus rules change r-7f3a --set limit=null
    """  # noqa: D301
    base = None if session.draft else session.call("system.Status")["generation"]
    found = [one for one in session.call("firewall.ListRules")["rules"] if one["id"] == rule_id]
    if not found:
        raise NotFound(f"no rule is called {rule_id}")
    rule = rule_of(fields, found[0]["rule"])
    given = {"id": rule_id, "rule": rule, "base": base, "confirm_s": confirm_s}
    show_commit(session, session.call("firewall.ReplaceRule", **given))


@rules.command(name="move")
@ID
@placed
@CONFIRM
@with_session
def move_rule(
    session: Session,
    rule_id: str,
    index: int | None,
    before: str | None,
    after: str | None,
    confirm_s: int | None,
) -> None:
    """Move a rule to another place in the order; the first rule that fits decides.

    Example: patronus rules move r-7f3a --before r-90ab
    """
    place = {"index": index, "before": before, "after": after}
    show_commit(session, session.call("firewall.MoveRule", id=rule_id, confirm_s=confirm_s, **place))


@rules.command(name="enable")
@ID
@CONFIRM
@with_session
def enable_rule(session: Session, rule_id: str, confirm_s: int | None) -> None:
    """Switch a rule on."""
    given = {"id": rule_id, "enabled": True, "confirm_s": confirm_s}
    show_commit(session, session.call("firewall.SwitchRule", **given))


@rules.command(name="disable")
@ID
@CONFIRM
@with_session
def disable_rule(session: Session, rule_id: str, confirm_s: int | None) -> None:
    """Switch a rule off; it keeps its place and its counter."""
    given = {"id": rule_id, "enabled": False, "confirm_s": confirm_s}
    show_commit(session, session.call("firewall.SwitchRule", **given))


@rules.command(name="remove")
@ID
@CONFIRM
@with_session
def remove_rule(session: Session, rule_id: str, confirm_s: int | None) -> None:
    """Remove a rule by its id."""
    show_commit(session, session.call("firewall.RemoveRule", id=rule_id, confirm_s=confirm_s))


COMMANDS = (rules,)
