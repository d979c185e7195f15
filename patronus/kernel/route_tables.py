# SPDX-License-Identifier: GPL-2.0-or-later
"""Routes with several hops or in tables of their own, and the rules that choose a table, over rtnetlink(7).

Ours carry our protocol number and lie in our tables and priorities (``core.route_table``); others are never
returned and never touched. Needs CAP_NET_ADMIN to change anything, nothing to read.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from patronus.core.fib import Fib
from patronus.core.route_table import PROTOCOL, NextHop, RouteRule, TableRoute
from patronus.kernel.dumps import reading
from patronus.kernel.fib import routes, rules
from patronus.kernel.rtnetlink import asking, harmless, index_of

_FAMILY_NUMBERS = {4: socket.AF_INET, 6: socket.AF_INET6}


@dataclass(frozen=True)
class TablesSeen:
    """Our routes and rules, as the kernel had them at one moment."""

    routes: tuple[TableRoute, ...]
    rules: tuple[RouteRule, ...]


class RouteTables:
    """The tables of the network namespace of the calling thread. All methods raise KernelError."""

    def snapshot(self) -> TablesSeen:
        """Return our routes and rules of both families."""
        with reading("read the routing tables") as link:
            names = dict(socket.if_nameindex())
            fib = Fib(routes(link, names, PROTOCOL), rules(link))
        return TablesSeen(tuple(fib.our_routes()), tuple(fib.our_rules()))

    def set_route(self, before: TableRoute | None, after: TableRoute) -> None:
        """Add a route, or put it in the place of one to the same destination, between two packets."""
        with asking(f"{'add' if before is None else 'change'} the route {after}") as route:
            verb = "add" if before is None else "replace"
            route.route(verb, **_named(after), **_way(route, after.hops))

    def delete_route(self, wanted: TableRoute) -> None:
        """Delete a route. Harmless where it is gone, as with the last of its links."""
        with asking(f"delete the route {wanted}") as route, harmless(errno.ESRCH):
            route.route("del", **_named(wanted))

    def add_rule(self, wanted: RouteRule) -> None:
        """Add a rule."""
        with asking(f"add the rule {wanted}") as route:
            route.rule("add", **_rule_words(wanted))

    def delete_rule(self, rule: RouteRule) -> None:
        """Delete a rule. Harmless where it is gone."""
        with asking(f"delete the rule {rule}") as route, harmless(errno.ENOENT):
            route.rule("del", **_rule_words(rule))


def _named(route: TableRoute) -> dict[str, Any]:
    """Return what names a route. One whose ways are links all has that scope, and no gateway may be in it."""
    direct = bool(route.hops) and all(hop.gateway is None for hop in route.hops)
    return {
        "family": _FAMILY_NUMBERS[route.destination.version],
        "dst": str(route.destination),
        "table": route.table,
        "priority": route.metric,
        "proto": PROTOCOL,
        **({"scope": "link"} if route.destination.version == 4 and direct else {}),
        **({} if route.kind == "unicast" else {"type": route.kind}),
    }


def _way(route: Any, hops: Sequence[NextHop]) -> dict[str, Any]:
    """Return where a route leads: nowhere, one way, or several with their shares."""
    found = [_hop(route, hop) for hop in hops]
    if len(found) > 1:
        return {"multipath": found}
    return {name: value for one in found for name, value in one.items() if name != "hops"}


def _hop(route: Any, hop: NextHop) -> dict[str, Any]:
    way = {"oif": index_of(route, hop.device), "hops": hop.weight - 1}
    return {**way, "gateway": str(hop.gateway)} if hop.gateway else way


def _rule_words(rule: RouteRule) -> dict[str, Any]:
    """Return a rule in the words of the kernel; what is left out is any."""
    chosen = rule.selector
    words: dict[str, Any] = {
        "src": str(chosen.source.network_address) if chosen.source else None,
        "src_len": chosen.source.prefixlen if chosen.source else None,
        "dst": str(chosen.destination.network_address) if chosen.destination else None,
        "dst_len": chosen.destination.prefixlen if chosen.destination else None,
        "iifname": chosen.device,
        "fwmark": chosen.mark.value if chosen.mark else None,
        "fwmask": chosen.mark.mask if chosen.mark else None,
        "ip_proto": chosen.protocol,
        "dport_range": f"{chosen.ports.first}:{chosen.ports.last}" if chosen.ports else None,
        "FRA_SUPPRESS_PREFIXLEN": 0 if rule.exact_only else None,
    }
    given = {name: value for name, value in words.items() if value is not None}
    return {
        "family": _FAMILY_NUMBERS[rule.family],
        "priority": rule.priority,
        "table": rule.table,
        "protocol": PROTOCOL,
        **given,
    }
