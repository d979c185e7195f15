# SPDX-License-Identifier: GPL-2.0-or-later
"""Which address an entry has, by which way its provider is reached, and why there is nothing to tell."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_interface
from typing import Any

import pytest

from patronus.core.model import Configuration
from patronus.core.route_table import NextHop
from patronus.core.secret import SecretHandle
from patronus.dyndns.task import Way
from patronus.network.dyndns.model import Dyndns
from patronus.network.dyndns.plan import Standing, plan
from patronus.network.interfaces.learned import Learned
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.uplinks.plan import UplinksPlan
from patronus.network.uplinks.ways import WayOut
from patronus.secrets.resolve import SecretsPlan

PUBLIC, PRIVATE, SHARED = "203.0.113.50/24", "192.168.178.20/24", "100.64.7.7/10"
SIX, LOCAL = "2001:db8:1::5/64", "fd00::5/64"
HOW = {"server": "https://dyn.example", "user": "anna", "password": {"secret": "dyn"}}


def learned(*addresses: str) -> Learned:
    return Learned(addresses=tuple(map(ip_interface, addresses)), gateway=IPv4Address("203.0.113.1"))


def standing(
    *addresses: str,
    ways: tuple[WayOut, ...] = (),
    more: dict[str, Learned] | None = None,
    version: str | None = "v1",
    **given: Any,
) -> Standing:
    """Return how an entry stands where the WAN was given these addresses."""
    entry = {"id": "home", "hostnames": ["home.example"], "dyndns2": HOW, **given}
    names = ("wan", "wan2", "lan")
    sections = {
        "network/dyndns": Dyndns.model_validate({"names": [entry]}),
        "network/interfaces": Interfaces.model_validate(
            {"interfaces": [{"id": name, "match": {"path": f"pci-{name}"}} for name in names]}
        ),
    }
    links = InterfacesPlan(
        devices={"wan": "eth1", "wan2": "eth2", "lan": "eth0"},
        addresses={"lan": (ip_interface("192.168.1.1/24"), ip_interface("2001:db8:2::1/64"))},
        learned={"wan": learned(*addresses), **(more or {})} if addresses or more else {},
    )
    secrets = SecretsPlan(handles={"dyn": SecretHandle("dyn", version)})
    (found,) = plan(Configuration(sections), links, UplinksPlan(ways=ways), secrets).standing
    return found


def test_the_address_of_the_uplink_is_told_by_the_uplink() -> None:
    found = standing(PUBLIC, LOCAL, SIX, tell="both")
    assert (found.role, found.reason) == ("wan", None)
    assert (found.ipv4, found.ipv6) == (IPv4Address("203.0.113.50"), IPv6Address("2001:db8:1::5"))
    assert found.way == Way(
        device="eth1", source4=IPv4Address("203.0.113.50"), source6=IPv6Address("2001:db8:1::5")
    )
    assert standing(PUBLIC, SIX).ipv6 is None
    assert standing(PUBLIC, SIX, tell="ipv6").ipv4 is None


@pytest.mark.parametrize("inner", [PRIVATE, SHARED, "10.1.2.3/8", "172.31.0.9/16", "169.254.3.4/16"])
def test_an_address_that_leads_nowhere_is_not_told(inner: str) -> None:
    found = standing(inner)
    assert (found.ipv4, found.asks) == (None, False)
    assert inner.partition("/")[0] in (found.reason or "")
    assert "address_from" in (found.reason or "")
    found = standing(inner, address_from="https://ip.example/")
    assert (found.ipv4, found.asks, found.reason) == (None, True, None)
    assert standing(PUBLIC, address_from="https://ip.example/").asks is False
    assert standing("172.32.0.1/16").reason is None


def test_without_an_address_there_is_nothing_to_tell() -> None:
    assert standing().reason == "no uplink is up"
    assert standing(SIX).reason == "wan has no address now"
    assert standing(PUBLIC, LOCAL, tell="ipv6").reason == "wan has no global address of IPv6 now"
    assert standing(PRIVATE, SIX, tell="both").reason is None, "one of both is something"


def test_the_address_of_a_network_inside_is_told_by_whatever_way_there_is() -> None:
    found = standing(PUBLIC, interface="lan", tell="ipv6")
    assert (found.ipv6, found.way) == (IPv6Address("2001:db8:2::1"), Way())


def way(role: str, number: int, device: str, *, taken: bool) -> WayOut:
    return WayOut(role, number, device, {4: NextHop(device, IPv4Address("203.0.113.1"))}, taken=taken)


def test_it_follows_the_uplink_by_which_new_connections_leave() -> None:
    second = {"wan2": learned("198.51.100.9/24")}
    ways = (way("wan", 1, "eth1", taken=True), way("wan2", 2, "eth2", taken=False))
    assert standing(PUBLIC, ways=ways, more=second).role == "wan"
    ways = (way("wan", 1, "eth1", taken=False), way("wan2", 2, "eth2", taken=True))
    found = standing(PUBLIC, ways=ways, more=second)
    assert (found.role, found.ipv4, found.way.device) == ("wan2", IPv4Address("198.51.100.9"), "eth2")
    found = standing(PUBLIC, ways=ways, more=second, interface="wan")
    assert (found.role, found.way.device) == ("wan", "eth1"), "one that is named stays"


def test_what_a_provider_judges_by_and_nothing_else_is_another_mark() -> None:
    mark = standing(PUBLIC).mark
    assert standing(PUBLIC, version="v2").mark != mark
    assert standing(PUBLIC, hostnames=["other.example"]).mark != mark
    assert standing(PUBLIC, dyndns2={**HOW, "user": "ben"}).mark != mark
    same = standing("198.51.100.1/24", refresh="7d", tell="both", interface="wan")
    assert same.mark == mark


def test_one_that_is_off_is_not_there() -> None:
    off = {"id": "home", "hostnames": ["home.example"], "dyndns2": HOW, "enabled": False}
    sections = {"network/dyndns": Dyndns.model_validate({"names": [off]})}
    made = plan(Configuration(sections), InterfacesPlan(), UplinksPlan(), SecretsPlan())
    assert made.standing == ()
