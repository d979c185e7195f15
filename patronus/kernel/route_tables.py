# SPDX-License-Identifier: GPL-2.0-or-later
"""Routes with several hops or in tables of their own, and the rules that choose a table, over rtnetlink(7).

Ours carry our protocol number and lie in our tables and priorities (``core.route_table``); others are never
returned and never touched. Needs CAP_NET_ADMIN to change anything, nothing to read.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass
from typing import Any

from patronus.core.route_table import (
    LAST,
    MAIN_TABLE,
    MARKED,
    MOST_POLICIES,
    POLICY_TABLES,
    PROTOCOL,
    UPLINK_TABLES,
    Family,
    NextHop,
    RouteRule,
    Selector,
    TableRoute,
)
from patronus.core.values import Mark, PortRange
from patronus.kernel.rtnetlink import asking, dump, harmless, index_of

_UNICAST = 1
_FAMILIES: dict[int, Family] = {socket.AF_INET: 4, socket.AF_INET6: 6}
_NUMBERS = {family: number for number, family in _FAMILIES.items()}
_ALL_BITS = 0xFFFFFFFF


@dataclass(frozen=True)
class TablesSeen:
    """Our routes and rules, as the kernel had them at one moment."""

    routes: tuple[TableRoute, ...]
    rules: tuple[RouteRule, ...]


class RouteTables:
    """The tables of the network namespace of the calling thread. All methods raise KernelError."""

    def snapshot(self) -> TablesSeen:
        """Return our routes and rules of both families."""
        with asking("read the routing tables") as route:
            names = {item["index"]: item.get_attr("IFLA_IFNAME") for item in dump(route, "get_links")}
            routes = [item for item in dump(route, "get_routes") if _is_our_route(item)]
            rules = [
                item
                for family in _FAMILIES
                for item in dump(route, "get_rules", family=family)
                if _is_our_rule(item)
            ]
        return TablesSeen(tuple(_route(item, names) for item in routes), tuple(map(_rule, rules)))

    def set_route(self, before: TableRoute | None, after: TableRoute) -> None:
        """Add a route, or put it in the place of one to the same destination, between two packets."""
        with asking(f"{'add' if before is None else 'change'} the route {after}") as route:
            hops = [_hop(route, hop) for hop in after.hops]
            way = hops[0] if len(hops) == 1 else {"multipath": hops}
            if len(hops) == 1:
                way.pop("hops")
            verb = "add" if before is None else "replace"
            route.route(verb, **_named(after), **way)

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


def _is_our_table(table: int) -> bool:
    return table == MAIN_TABLE or UPLINK_TABLES <= table < POLICY_TABLES + MOST_POLICIES


def _is_our_route(message: Any) -> bool:
    ours = message["proto"] == PROTOCOL and message["type"] == _UNICAST
    return ours and _is_our_table(message.get_attr("RTA_TABLE"))


def _is_our_rule(message: Any) -> bool:
    priority = message.get_attr("FRA_PRIORITY") or 0
    return message.get_attr("FRA_PROTOCOL") == PROTOCOL and MARKED <= priority <= LAST


def _key(message: Any) -> tuple[int, str, int]:
    zero = "0.0.0.0" if message["family"] == socket.AF_INET else "::"  # noqa: S104  # the default route
    destination = f"{message.get_attr('RTA_DST') or zero}/{message['dst_len']}"
    return message.get_attr("RTA_TABLE"), destination, message.get_attr("RTA_PRIORITY") or 0


def _named(route: TableRoute) -> dict[str, Any]:
    """Return what names a route. One whose ways are links all has that scope, and no gateway may be in it."""
    gateways = [hop.gateway for hop in route.hops if hop.gateway is not None]
    return {
        "family": _NUMBERS[4 if route.destination.version == 4 else 6],
        "dst": str(route.destination),
        "table": route.table,
        "priority": route.metric,
        "proto": PROTOCOL,
        **({"scope": "link"} if route.destination.version == 4 and not gateways else {}),
    }


def _hop(route: Any, hop: NextHop) -> dict[str, Any]:
    way = {"oif": index_of(route, hop.device), "hops": hop.weight - 1}
    return {**way, "gateway": str(hop.gateway)} if hop.gateway else way


def _route(message: Any, names: dict[int, str]) -> TableRoute:
    table, destination, metric = _key(message)
    several = message.get_attr("RTA_MULTIPATH")
    hops = [_next_hop(one, one["oif"], names, one["hops"] + 1) for one in several or ()]
    hops = hops or [_next_hop(message, message.get_attr("RTA_OIF"), names, 1)]
    return TableRoute(table, ipaddress.ip_network(destination), tuple(hops), metric)


def _next_hop(message: Any, index: int, names: dict[int, str], weight: int) -> NextHop:
    gateway = message.get_attr("RTA_GATEWAY")
    device = names.get(index, f"link {index}, which is gone")
    return NextHop(device, ipaddress.ip_address(gateway) if gateway else None, weight)


def _rule(message: Any) -> RouteRule:
    mark, mask = message.get_attr("FRA_FWMARK"), message.get_attr("FRA_FWMASK")
    first, _, last = (message.get_attr("FRA_DPORT_RANGE") or "").partition(":")
    return RouteRule(
        family=_FAMILIES[message["family"]],
        priority=message.get_attr("FRA_PRIORITY"),
        table=message.get_attr("FRA_TABLE"),
        selector=Selector(
            source=_prefix(message.get_attr("FRA_SRC"), message["src_len"]),
            destination=_prefix(message.get_attr("FRA_DST"), message["dst_len"]),
            device=message.get_attr("FRA_IIFNAME"),
            mark=Mark(mark, _ALL_BITS if mask is None else mask) if mark is not None else None,
            protocol=message.get_attr("FRA_IP_PROTO"),
            ports=PortRange(int(first), int(last)) if first else None,
        ),
        exact_only=message.get_attr("FRA_SUPPRESS_PREFIXLEN") == 0,
    )


def _prefix(address: str | None, length: int) -> Any:
    return ipaddress.ip_network(f"{address}/{length}") if address else None


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
        "family": _NUMBERS[rule.family],
        "priority": rule.priority,
        "table": rule.table,
        "protocol": PROTOCOL,
        **given,
    }
