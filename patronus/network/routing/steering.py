# SPDX-License-Identifier: GPL-2.0-or-later
"""What chose a packet's way beside its destination: the policy or the uplink by whose rule it goes. Pure.

The kernel says which table has the route, and not by which rule it was asked: that is found here, as the
first of our rules that fits the packet and leads to that table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from patronus.core.link import Hop, RouteQuery
from patronus.core.route_table import MAIN_TABLE, RouteRule, TableRoute

KERNELS_OWN = (253, MAIN_TABLE, 255)
"""The tables default, main and local, which everybody asks."""


@dataclass(frozen=True)
class Steering:
    """Our rules, ``names``: priority of a rule → what it is of, ``policy/guests``, and our routes.

    ``vrfs``: table → the VRF whose it is.
    """

    rules: tuple[RouteRule, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    routes: tuple[TableRoute, ...] = ()
    vrfs: Mapping[int, str] = field(default_factory=dict)

    def chosen_by(self, query: RouteQuery, hop: Hop) -> str | None:
        """Return what chose a way's table, ``table/77`` where it is not ours, None for the main one."""
        if hop.table is None or hop.table in KERNELS_OWN:
            return None
        if hop.table in self.vrfs:
            return f"vrf/{self.vrfs[hop.table]}"
        found = (
            rule for rule in self.rules
            if rule.family == query.destination.version and rule.table == hop.table
            and rule.selector.fits(query)
        )  # fmt: skip
        first = min(found, key=lambda rule: rule.priority, default=None)
        return self.names.get(first.priority) if first is not None else f"table/{hop.table}"

    def ways(self, query: RouteQuery, hop: Hop) -> int:
        """Return over how many ways the connections of a way's route are spread: 1 for most."""
        mine = [
            route for route in self.routes
            if route.table == hop.table and query.destination in route.destination
            and any((one.device, one.gateway) == (hop.device, hop.gateway) for one in route.hops)
        ]  # fmt: skip
        return len(max(mine, key=lambda route: route.destination.prefixlen).hops) if mine else 1
