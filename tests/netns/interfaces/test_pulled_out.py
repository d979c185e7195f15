# SPDX-License-Identifier: GPL-2.0-or-later
"""A card is pulled out between the look at it and the change made to it: it alone is without its settings.

The moment is chosen: the link goes right after its number was asked for, before the kernel hears the number.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from patronus.core.errors import KernelError
from patronus.core.feature import refusing
from patronus.kernel import netlink, route_tables, traffic
from patronus.kernel.link_watch import LinkWatch
from tests.netns.interfaces.router import MAILBOX, Router, eventually
from tests.netns.interfaces.test_links import LAN4, WAN4, Refusing, addresses, default_routes, lan, wan
from tests.netns.interfaces.test_ways import BRANCH, FAR, NEAR, TWO, interface, ways
from tests.netns.lab import Namespace, connect

Meanwhile = Callable[[ModuleType, str, str], None]
"""Run ip(8) once, when the adapter has just asked for the number of a link: module, link, command."""


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch, namespace: Namespace) -> Meanwhile:
    """Lend the moment."""

    def arrange(module: ModuleType, device: str, command: str) -> None:
        ask, left = module.index_of, [command]

        def asked(route: Any, name: str) -> int:
            found = int(ask(route, name))
            if name == device and left:
                namespace.ip(left.pop())
            return found

        monkeypatch.setattr(module, "index_of", asked)

    return arrange


def test_a_card_that_goes_while_it_is_set_up_keeps_nothing_else_from_its_address(
    router: Router, wired: Namespace, meanwhile: Meanwhile
) -> None:
    items = (lan(wired), wan(wired))
    meanwhile(netlink, "eth0", "link delete eth0")
    router.apply(*items)
    assert addresses(wired, "eth1") == {WAN4, "2001:db8:1::2/64"}
    assert len(default_routes(wired)) == 2
    assert refusing(router.feature.observe(router.plan)) == []
    eventually(lambda: router.differences() == [], "a plan without the card")


def test_what_still_stands_and_is_not_as_planned_refuses_while_another_card_is_gone(
    router: Router, wired: Namespace, meanwhile: Meanwhile
) -> None:
    router.feature._watch = LinkWatch(MAILBOX, lambda: None)  # nobody plans again
    meanwhile(netlink, "eth0", "link delete eth0")
    router.apply(lan(wired), wan(wired))
    wired.ip(f"address del {WAN4} dev eth1")
    found = {one.what: (one.refuses, one.found) for one in router.feature.observe(router.plan)}
    assert found[f"add address {LAN4} on eth0"] == (False, "eth0 is gone")
    assert found[f"add address {WAN4} on eth1"] == (True, "not done")


@pytest.mark.parametrize(
    "command",
    ["link delete eth0", f"address del {LAN4} dev eth0"],
    ids=["card", "address"],
)
def test_what_goes_by_itself_while_it_is_taken_away_is_taken_away(
    router: Router, wired: Namespace, meanwhile: Meanwhile, command: str
) -> None:
    router.apply(lan(wired), wan(wired))
    meanwhile(netlink, "eth0", command)
    router.apply(wan(wired))
    assert addresses(wired, "eth1") == {WAN4, "2001:db8:1::2/64"}
    assert router.differences() == []


def test_a_route_that_goes_with_its_address_is_taken_away(
    router: Router, wired: Namespace, meanwhile: Meanwhile
) -> None:
    branch = {"id": "branch", "destination": "10.20.0.0/16", "gateway": "192.168.1.254"}
    router.apply(lan(wired), routes=[branch])
    meanwhile(netlink, "eth0", "route del 10.20.0.0/16")
    router.apply(lan(wired))
    assert router.differences() == []


def test_a_made_link_that_somebody_deletes_first_is_deleted(
    router: Router, wired: Namespace, meanwhile: Meanwhile
) -> None:
    router.apply(lan(wired), {"id": "br0", "bridge": {"members": []}})
    meanwhile(netlink, "br0", "link delete br0")
    router.apply(lan(wired))
    assert router.differences() == []


def test_the_way_back_is_clear_where_a_card_has_gone(
    router: Router, wired: Namespace, meanwhile: Meanwhile
) -> None:
    """What fails is another card's address; the one that has gone adds no complaint of its own."""
    router.apply(lan(wired), wan(wired))
    router.feature._host = type(router.host)(**{**vars(router.host), "netlink": Refusing()})
    broken = {**lan(wired, "192.168.9.1/24", device="eth2"), "id": "third"}
    meanwhile(netlink, "eth0", "link delete eth0")
    with pytest.raises(KernelError, match=r"192\.168\.9\.1/24 on eth2: no") as refused:
        router.apply(lan(wired, "192.168.7.1/24"), wan(wired, "198.51.100.3/24"), broken)
    assert getattr(refused.value, "__notes__", []) == []
    assert addresses(wired, "eth1") == {WAN4, "2001:db8:1::2/64"}


@pytest.fixture
def three(namespace: Namespace, neighbour: Namespace) -> list[dict[str, Any]]:
    """Wire and name a router with two ways out."""
    for name in ("lan", "wan", "spare"):
        connect(namespace, name, neighbour, f"peer-{name}")
    return [
        interface(namespace, "lan", "192.168.1.1/24"),
        interface(namespace, "wan", "198.51.100.2/24", gateway=NEAR),
        interface(namespace, "spare", "203.0.113.2/24"),
    ]


def test_a_route_of_two_ways_goes_by_the_one_that_is_left(
    router: Router, namespace: Namespace, three: list[dict[str, Any]], meanwhile: Meanwhile
) -> None:
    route = {"id": "branch", "destination": BRANCH, "gateways": TWO}
    policy = {"id": "guests", "source": "192.168.1.128/25", "gateways": [{"gateway": FAR}]}
    meanwhile(route_tables, "spare", "link delete spare")
    router.apply(*three, routes=[route], policies=[policy])
    assert ways(namespace) == [(NEAR, "wan", 1)]
    assert refusing(router.routing.observe(router.engine.running["routing"])) == []  # type: ignore[arg-type]


def test_a_shaper_on_a_card_that_goes_keeps_nothing_from_the_other(
    router: Router, namespace: Namespace, three: list[dict[str, Any]], meanwhile: Meanwhile
) -> None:
    shapers = [{"id": name, "upload": "4mbit", "download": "4mbit"} for name in ("spare", "wan")]
    meanwhile(traffic, "spare", "link delete spare")
    router.apply(*three, shapers=shapers)
    assert " 7061: root" in namespace.run("tc", "qdisc", "show", "dev", "wan")
    assert list(router.qos.observe(router.engine.running["qos"])) == []  # type: ignore[arg-type]
    router.apply(*three)
    assert " 7061: root" not in namespace.run("tc", "qdisc", "show", "dev", "wan")
