# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on rules: each is an edit of the file, taken through the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from patronus.core.control import CommitReport, Control
from patronus.core.items import Added, ItemList, place_of
from patronus.core.model import as_data
from patronus.core.verb import Caller, Nothing, Verb
from patronus.firewall.counted import UNSEEN, Seen
from patronus.firewall.model import Rules
from patronus.firewall.verbs.edit import Editing, changing
from patronus.firewall.verbs.forms import (
    AddRule,
    MoveRule,
    RemoveRule,
    ReplaceRule,
    RuleInfo,
    RuleList,
    SwitchRule,
)

RULES = ("firewall/rules", ("rules",))


Counters = Callable[[], Mapping[str, Seen]]


class RuleVerbs(Editing):
    """Reads and edits the rules of ``firewall/rules``."""

    def __init__(self, control: Control, counters: Counters) -> None:
        super().__init__(control)
        self._counters = counters
        self._list = ItemList(
            control, ("firewall/rules", "rules"), "rule", lambda: control.config.get(Rules).rules
        )

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the declarations."""
        yield Verb("firewall.ListRules", Nothing, RuleList, self.list_rules, route="GET /firewall/rules")
        yield changing("AddRule", AddRule, Added, self.add_rule, "POST /firewall/rules")
        yield changing(
            "ReplaceRule", ReplaceRule, CommitReport, self.replace_rule, "PUT /firewall/rules/{id}"
        )
        yield changing(
            "RemoveRule", RemoveRule, CommitReport, self.remove_rule, "DELETE /firewall/rules/{id}"
        )
        yield changing("MoveRule", MoveRule, CommitReport, self.move_rule, "POST /firewall/rules/{id}/move")
        yield changing(
            "SwitchRule", SwitchRule, CommitReport, self.switch_rule, "POST /firewall/rules/{id}/switch"
        )

    def list_rules(self, _: Caller, __: Nothing) -> RuleList:
        """List the rules in the order in which they are tried, with what they have counted."""
        rules = self._control.config.get(Rules)
        seen = self._counters()
        return RuleList(
            aliases=[as_data(alias) for alias in rules.aliases],
            rules=[
                RuleInfo(id=rule.id, rule=as_data(rule), **asdict(seen.get(f"rule/{rule.id}", UNSEEN)))
                for rule in rules.rules
            ],
        )

    def add_rule(self, caller: Caller, given: AddRule) -> Added:
        """Add a rule; the first rule that fits a packet decides, so its place matters."""
        order = [rule.id for rule in self._control.config.get(Rules).rules]
        return self._list.add(caller, given, given.rule, place_of(order, given, "rule"))

    def replace_rule(self, caller: Caller, given: ReplaceRule) -> CommitReport:
        """Put another rule in a rule's place, or at another; its id and its counter stay."""
        return self._list.put(caller, given, given.id, given.rule, "change")

    def remove_rule(self, caller: Caller, given: RemoveRule) -> CommitReport:
        """Remove a rule; connections that only it allowed end."""
        return self._list.remove(caller, given, given.id)

    def move_rule(self, caller: Caller, given: MoveRule) -> CommitReport:
        """Move a rule to another place in the order; the order is what decides."""
        return self._list.move(caller, given, as_data(self._list.find(given.id)))

    def switch_rule(self, caller: Caller, given: SwitchRule) -> CommitReport:
        """Switch a rule on or off; what else it says stays, and so do its place and its counter."""
        return self._list.switch(caller, given, given.id, enabled=given.enabled)
