# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables and rules of a plan in the words of ip-batch, for a machine that has none of ours yet. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from patronus.core.head_start import Line, Word
from patronus.core.link import Link
from patronus.core.route_table import MAIN_TABLE, PROTOCOL, NextHop, RouteRule, TableRoute
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.routing.reach import reachable
from patronus.network.uplinks.plan import UplinksPlan

_WORDS: dict[int, Word] = {4: "ip4", 6: "ip6"}


def script(plan: UplinksPlan, links: InterfacesPlan, spread: Iterable[str]) -> Iterator[Line]:
    """Yield the lines; ``spread`` are the settings by which connections are spread over several ways."""
    up = [Link(link.name, 0, up=True) for link in links.links if link.kind != "pppoe"]
    tables = plan.routing.tables
    for route in reachable(tables.routes, up, links.wanted_addresses()):
        yield Line(_WORDS[route.destination.version], f"route add {_route(route)}")
    for rule in dict.fromkeys(tables.rules):
        yield Line(_WORDS[rule.family], f"rule add {_rule(rule)}")
    if plan.routing.spreads:
        for name in spread:
            yield Line("sysctl", f"{name.replace('.', '/')} 1")


def _route(route: TableRoute) -> str:
    gateways = [hop.gateway for hop in route.hops if hop.gateway is not None]
    words = f"{route.destination} table {route.table} proto {PROTOCOL} metric {route.metric}"
    if route.destination.version == 4 and not gateways:
        words += " scope link"
    if len(route.hops) == 1:
        return words + _hop(route.hops[0])
    return words + "".join(f" nexthop{_hop(hop)} weight {hop.weight}" for hop in route.hops)


def _hop(hop: NextHop) -> str:
    return f"{f' via {hop.gateway}' if hop.gateway else ''} dev {hop.device}"


def _rule(rule: RouteRule) -> str:
    chosen = rule.selector
    words = [
        f"from {chosen.source}" if chosen.source else "from all",
        f"to {chosen.destination}" if chosen.destination else "",
        f"iif {chosen.device}" if chosen.device else "",
        f"fwmark {chosen.mark.value:#x}/{chosen.mark.mask:#x}" if chosen.mark else "",
        f"ipproto {chosen.protocol}" if chosen.protocol else "",
        f"dport {chosen.ports.first}-{chosen.ports.last}" if chosen.ports else "",
        "suppress_prefixlength 0" if rule.exact_only else "",
    ]
    table = "main" if rule.table == MAIN_TABLE else str(rule.table)
    said = " ".join(word for word in words if word)
    return f"{said} priority {rule.priority} lookup {table} protocol {PROTOCOL}"
