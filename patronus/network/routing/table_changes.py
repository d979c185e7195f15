# SPDX-License-Identifier: GPL-2.0-or-later
"""What must change so that tables and rules are as planned: values that know their inverse. Pure.

Routes come before the rules that lead to them, and go after them. One that changes is replaced in one
request, so that no packet meets a moment without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from patronus.core.link import IpNetwork
from patronus.core.route_table import RouteRule, TableRoute

Key = tuple[int, IpNetwork, int]


class TableKernel(Protocol):
    """What can be done to tables and rules. Every method raises KernelError."""

    def set_route(self, before: TableRoute | None, after: TableRoute) -> None:
        """Add a route, or put it in the place of another."""

    def delete_route(self, wanted: TableRoute) -> None:
        """Delete a route."""

    def add_rule(self, wanted: RouteRule) -> None:
        """Add a rule."""

    def delete_rule(self, rule: RouteRule) -> None:
        """Delete a rule."""


@dataclass(frozen=True)
class SetTableRoute:
    """Put a route from ``before`` to ``after``; None is none."""

    before: TableRoute | None
    after: TableRoute | None

    def apply(self, kernel: TableKernel) -> None:
        """Do it. Raises KernelError."""
        if self.after is not None:
            kernel.set_route(self.before, self.after)
        elif self.before is not None:
            kernel.delete_route(self.before)

    def inverse(self) -> SetTableRoute:
        """Return the change that takes this one back."""
        return SetTableRoute(self.after, self.before)

    def __str__(self) -> str:
        verb = "delete" if self.after is None else "add" if self.before is None else "change"
        return f"{verb} route {self.after or self.before}"


@dataclass(frozen=True)
class SetRule:
    """Add a rule, or, with ``gone``, delete it."""

    rule: RouteRule
    gone: bool = False

    def apply(self, kernel: TableKernel) -> None:
        """Do it. Raises KernelError."""
        if self.gone:
            kernel.delete_rule(self.rule)
        else:
            kernel.add_rule(self.rule)

    def inverse(self) -> SetRule:
        """Return the change that takes this one back."""
        return SetRule(self.rule, not self.gone)

    def __str__(self) -> str:
        return f"{'delete' if self.gone else 'add'} rule {self.rule}"


TableChange = SetTableRoute | SetRule


def changes(
    wanted_routes: Iterable[TableRoute],
    wanted_rules: Iterable[RouteRule],
    seen_routes: Iterable[TableRoute],
    seen_rules: Iterable[RouteRule],
) -> list[TableChange]:
    """Return what leads from what was seen to what is wanted, in an order in which each can be done."""
    wanted, seen = _by_key(wanted_routes), _by_key(seen_routes)
    rules, present = dict.fromkeys(wanted_rules), dict.fromkeys(seen_rules)
    return [
        *(SetTableRoute(seen.get(key), one) for key, one in wanted.items() if seen.get(key) != one),
        *(SetRule(rule) for rule in rules if rule not in present),
        *(SetRule(rule, gone=True) for rule in present if rule not in rules),
        *(SetTableRoute(one, None) for key, one in seen.items() if key not in wanted),
    ]


def _by_key(routes: Iterable[TableRoute]) -> Mapping[Key, TableRoute]:
    return {(one.table, one.destination, one.metric): one for one in routes}
