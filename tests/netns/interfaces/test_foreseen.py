# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables that are foreseen are those that the kernel has once the change is made, for generated changes.

Each generated configuration is foreseen from the one before and then applied: foreseen and real tables hold
the same, and the way that is foreseen for a packet is the one that ``ip route get`` says afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from random import Random
from typing import Any, cast

import pytest

from patronus.core.errors import InvalidConfiguration
from patronus.core.fib import Fib
from patronus.core.link import IpAddress, RouteQuery
from patronus.kernel.fib import read_fib
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.routing.foreseen import Coming, foreseen
from patronus.network.uplinks.plan import UplinksPlan
from tests.netns.interfaces.asked import foretold, said
from tests.netns.interfaces.router import Router, eventually
from tests.netns.interfaces.test_links import mac
from tests.netns.lab import Namespace

NETWORKS = {
    "eth0": ("192.168.1", "fd00:1"),
    "eth1": ("198.51.100", "fd00:2"),
    "eth2": ("203.0.113", "fd00:3"),
}
ROLES = {"eth0": "lan", "eth1": "wan", "eth2": "dmz"}
FAR = (
    "10.20.0.0/16",
    "10.20.3.0/24",
    "192.168.1.128/25",
    "192.168.1.77/32",
    "0.0.0.0/0",
    "fd00:9::/48",
    "::/0",
)
CHANGES = 6


def told_apart(found: Fib) -> set[tuple[object, ...]]:
    """Return the routes, but for those that each link of IPv6 has by itself in its own time."""
    return {
        (one.table, one.destination, one.kind, frozenset(one.hops), one.metric, one.owner)
        for one in found.routes()
        if one.kind not in ("multicast", "anycast")
        and not one.destination.network_address.is_link_local
        and all(hop.device != "lo" for hop in one.hops)
    }


def rules(found: Fib) -> set[tuple[object, ...]]:
    return {(one.family, one.priority, one.table, one.selector, one.suppress) for one in found.rules}


class Generated:
    """Configurations of three cards by chance; what the checks refuse is generated again."""

    def __init__(self, seed: int, namespace: Namespace) -> None:
        self._random, self._namespace = Random(seed), namespace

    def next(self) -> dict[str, Any]:
        """Return the parameters of ``Router.apply``."""
        chance = self._random
        items = [item for device in NETWORKS for item in self._card(device)]
        roles = [item["id"] for item in items]
        routes = [self._route(number, roles) for number in range(chance.randint(0, 5))]
        policies = [self._policy(number, roles) for number in range(chance.randint(0, 2))]
        uplinks = [{"id": role} for role in roles if role in ("wan", "dmz") and chance.random() < 0.3]
        return {"items": items, "routes": routes, "policies": policies, "uplinks": uplinks}

    def _card(self, device: str) -> Iterator[dict[str, Any]]:
        chance, (four, six), role = self._random, NETWORKS[device], ROLES[device]
        if chance.random() < 0.15:
            return
        addresses = chance.sample([f"{four}.1/24", f"{four}.1/25", f"{four}.129/25", f"{four}.9/24"], 1)
        addresses += [f"10.{len(role)}.7.1/24"] if chance.random() < 0.3 else []
        ipv4 = {"method": "static", "addresses": addresses}
        ipv4 |= {"gateway": f"{four}.100"} if role != "lan" and chance.random() < 0.7 else {}
        ipv6 = {"method": "static", "addresses": [f"{six}::1/64"]} if chance.random() < 0.6 else {}
        given: dict[str, Any] = {"ipv4": ipv4} | ({"ipv6": ipv6} if ipv6 else {})
        card = {"id": role, "match": {"mac": mac(self._namespace, device)}, "zone": role}
        if chance.random() < 0.25:
            yield card | {"ipv4": {"method": "none"}}
            yield {"id": f"br-{role}", "bridge": {"members": [role]}, **given}
        else:
            yield card | given

    def _way(self, roles: list[str]) -> dict[str, Any]:
        chance = self._random
        device = chance.choice(list(NETWORKS))
        role = chance.choice(roles or ["lan"])
        return chance.choice(
            [{"gateway": f"{NETWORKS[device][0]}.{chance.choice((3, 100, 200))}"}, {"interface": role}]
        )

    def _route(self, number: int, roles: list[str]) -> dict[str, Any]:
        chance = self._random
        route: dict[str, Any] = {
            "id": f"r-{number}",
            "destination": chance.choice(FAR),
            "metric": 20 + number,
        }
        kind = chance.random()
        if kind < 0.15:
            return route | {"type": chance.choice(("blackhole", "unreachable", "prohibit"))}
        if kind < 0.4:
            return route | {"gateways": [self._way(roles), self._way(roles)]}
        return route | self._way(roles)

    def _policy(self, number: int, roles: list[str]) -> dict[str, Any]:
        chance = self._random
        meant: dict[str, Any] = chance.choice(
            [{"source": "192.168.1.0/24"}, {"mark": "0x10/0xf0"}, {"protocol": "udp", "ports": [53]},
             {"interface": chance.choice(roles or ["lan"])}]
        )  # fmt: skip
        over = chance.choice(("default", "all"))
        return {"id": f"p-{number}", "over": over, "gateways": [self._way(roles)], **meant}


def questions(chance: Random, coming: Coming) -> list[RouteQuery]:
    """Return packets from everywhere to everywhere."""
    ends: list[IpAddress] = [one.interface.ip for one in coming.addresses]
    ends += [one.interface.network[-3] for one in coming.addresses if one.interface.network.num_addresses > 4]
    ends += [
        ip_network(text)[9] if ip_network(text).num_addresses > 9 else ip_network(text)[0] for text in FAR
    ]
    ends += [ip_address("192.168.1.200"), ip_address("192.0.2.55")]
    found = [one for one in dict.fromkeys(ends) if not one.is_link_local]
    made = [RouteQuery(one) for one in found]
    made += [RouteQuery(one, mark=0x10) for one in chance.sample(found, 3)]
    made += [
        RouteQuery(one, protocol=17, source_port=9, destination_port=53) for one in chance.sample(found, 3)
    ]
    return made


@pytest.mark.parametrize("seed", range(8))
def test_what_is_foreseen_is_what_comes(router: Router, wired: Namespace, seed: int) -> None:
    generated, made = Generated(seed, wired), 0
    wired.sysctl("net.ipv4.ip_forward", "1")
    while made < CHANGES:
        given = generated.next()
        try:
            coming = foresee(router, given)
        except InvalidConfiguration:
            continue
        router.apply(*given.pop("items"), **given)
        made += 1
        wanted = told_apart(coming.fib)
        # IPv6 makes the routes to its own addresses in its own time
        eventually(lambda: told_apart(read_fib()) == wanted, "the tables that were foreseen")  # noqa: B023
        assert rules(coming.fib) == rules(read_fib())
        assert {link.name for link in coming.links.values()} == {
            link.name for link in router.host.netlink.links()
        }
        for query in questions(Random(seed), coming):
            assert said(wired, query) in foretold(coming.fib, query), query


def foresee(router: Router, given: dict[str, Any]) -> Coming:
    """Return what the router would come to. Raises InvalidConfiguration."""
    plans = router.prepared(
        *given["items"], **{name: one for name, one in given.items() if name != "items"}
    ).plans
    links, routing = cast("InterfacesPlan", plans["interfaces"]), cast("UplinksPlan", plans["routing"])
    running = cast("InterfacesPlan", router.engine.running.get("interfaces", InterfacesPlan()))
    seen = router.host.netlink.snapshot()
    return foreseen(read_fib(), (seen.links, seen.addresses, seen.routes), running, links, routing)
