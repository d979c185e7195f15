# SPDX-License-Identifier: GPL-2.0-or-later
"""A prefix comes from the provider, hosts number themselves from it, and let go of it when it changes.

The provider's messages are scapy's, the client is dhcpcd, the hosts are the kernel and rdisc6.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from ipaddress import IPv6Interface, IPv6Network
from pathlib import Path
from typing import Any

import pytest

from patronus.core.errors import KernelError
from patronus.core.state import StateFile
from patronus.kernel.router_socket import RouterSocket
from patronus.network.advertising.service import AdvertisingFeature
from patronus.network.advertising.verbs import NetworkInfo, Renumbered
from patronus.network.dns.model import Dns
from tests.netns.interfaces.delegating import Delegating
from tests.netns.interfaces.router import Router, eventually
from tests.netns.interfaces.test_links import addresses, mac
from tests.netns.lab import Namespace, connect

FIRST, NEXT = IPv6Network("2001:db8:aa00::/56"), IPv6Network("2001:db8:bb00::/56")
ANYONE: Any = None


@pytest.fixture
def host(namespace: Namespace) -> Iterator[Namespace]:
    """Wire a host to the router's LAN; it believes advertisements, as hosts do."""
    found = Namespace()
    found.sysctl("net.ipv6.conf.default.accept_ra", "1")
    found.sysctl("net.ipv6.conf.default.accept_ra_rt_info_max_plen", "64")
    connect(namespace, "eth1", found, "host")
    namespace.sysctl("net.ipv6.conf.all.forwarding", "1")
    yield found
    found.close()


@pytest.fixture
def provider(namespace: Namespace, neighbour: Namespace) -> Iterator[Delegating]:
    """Wire the router to a provider that delegates the first prefix."""
    connect(namespace, "eth0", neighbour, "isp")
    for remembered in Path("/var/lib/dhcpcd").glob("eth0.lease*"):
        remembered.unlink()
    found = Delegating(neighbour, str(FIRST))
    yield found
    found.close()


def wan(namespace: Namespace) -> dict[str, Any]:
    ipv6 = {"method": "dhcp", "prefix_delegation": {"hint": 56}}
    return {"id": "wan", "match": {"mac": mac(namespace, "eth0")}, "zone": "wan", "ipv6": ipv6}


def lan(namespace: Namespace, **ipv6: Any) -> dict[str, Any]:
    given = {"method": "delegated", "from": "wan", "subnet": 1, **ipv6}
    return {"id": "lan", "match": {"mac": mac(namespace, "eth1")}, "zone": "lan", "ipv6": given}


def static(namespace: Namespace, **more: Any) -> dict[str, Any]:
    ipv6 = {"method": "static", "addresses": ["2001:db8:7::1/64"], "advertise": True}
    return {**lan(namespace), "ipv6": ipv6, **more}


def numbered(host: Namespace) -> dict[IPv6Network, int]:
    """Return the prefixes that a host has an address in, and for how many seconds each is preferred."""
    found = json.loads(host.ip("-json -6 address show host scope global"))
    return {
        IPv6Interface(f"{one['local']}/{one['prefixlen']}").network: int(one["preferred_life_time"])
        for entry in found
        for one in entry.get("addr_info", [])
        if "local" in one
    }


def preferred(host: Namespace) -> set[IPv6Network]:
    return {prefix for prefix, left_s in numbered(host).items() if left_s > 0}


def default_routers(host: Namespace) -> list[str]:
    return [one["gateway"] for one in json.loads(host.ip("-json -6 route show default"))]


def subnet(prefix: IPv6Network) -> IPv6Network:
    return IPv6Network((int(prefix.network_address) + (1 << 64), 64))


def told(host: Namespace) -> str:
    """Return what rdisc6 reads in an advertisement, with single blanks."""
    return " ".join(host.run("rdisc6", "--single", "host").split())


def told_again(host: Namespace, word: str) -> str | None:
    """Return what is advertised once the word is part of it."""
    said = told(host)
    return said if word in said else None


def listed(router: Router) -> NetworkInfo:
    (found,) = router.advertising.list(ANYONE, ANYONE).networks
    return found


def test_a_delegated_prefix_numbers_the_lan_and_another_takes_its_place(
    router: Router, namespace: Namespace, host: Namespace, provider: Delegating
) -> None:
    """The old prefix is deprecated at once: hosts keep their connections, and begin none with it."""
    router.apply(wan(namespace), lan(namespace))
    eventually(lambda: subnet(FIRST) in preferred(host), "an address from the provider's prefix")
    assert set(provider.hints) == {56}
    assert f"{subnet(FIRST)[1]}/64" in addresses(namespace, "eth1")
    eventually(lambda: default_routers(host), "the way out")
    assert (router.pending(), router.differences()) == ([], [])
    provider.delegate(str(NEXT))
    eventually(lambda: preferred(host) == {subnet(NEXT)}, "the next prefix, and no other preferred")
    assert numbered(host)[subnet(FIRST)] == 0
    assert {one for one in addresses(namespace, "eth1") if "2001:" in one} == {f"{subnet(NEXT)[1]}/64"}
    lifetimes = {one.prefix: one.preferred_s for one in listed(router).prefixes}
    assert lifetimes == {str(subnet(NEXT)): 2700, str(subnet(FIRST)): 0}
    seen = [event for event in router.engine.events if isinstance(event, Renumbered)]
    assert seen == [
        Renumbered("lan", (str(subnet(FIRST)),), ()),
        Renumbered("lan", (str(subnet(NEXT)),), (str(subnet(FIRST)),)),
    ]


def test_a_local_prefix_stands_without_a_provider_and_the_router_is_no_way_out(
    router: Router, namespace: Namespace, host: Namespace, neighbour: Namespace
) -> None:
    connect(namespace, "eth0", neighbour, "isp")
    router.apply(wan(namespace), lan(namespace, ula=True))
    (local,) = eventually(lambda: preferred(host), "an address in the local prefix")
    assert local.subnet_of(IPv6Network("fd00::/8")) and int(local.network_address) >> 64 & 0xFFFF == 1
    eventually(lambda: str(local.supernet(new_prefix=48)) in host.ip("-6 route"), "the route to the site")
    assert default_routers(host) == []
    assert router.host.state.get("local-prefix") == str(local.supernet(new_prefix=48))
    router.apply()
    router.apply(wan(namespace), lan(namespace, ula=True))
    eventually(lambda: preferred(host) == {local}, "the same local prefix again")


def test_hosts_are_told_of_names_and_servers_where_dns_listens(
    router: Router, namespace: Namespace, host: Namespace
) -> None:
    """Read by rdisc6: the whole message stands as RFC 4861 and RFC 8106 have it."""
    router.apply(static(namespace, mtu=1400), dns=Dns.model_validate({"listen": ["lan"]}))
    eventually(lambda: preferred(host), "an address")
    said = told(host)
    assert "Prefix : 2001:db8:7::/64 On-link : Yes Autonomous address conf.: Yes" in said
    assert "Valid time : 5400 (0x00001518) seconds Pref. time : 2700" in said
    assert "Recursive DNS server : 2001:db8:7::1 DNS server lifetime : 1800" in said
    assert "DNS search list : home.arpa DNS search list lifetime: 1800" in said
    assert "MTU : 1400 bytes (valid)" in said
    assert f"Source link-layer address: {mac(namespace, 'eth1').upper()}" in said
    assert "Router lifetime : 0 " in said
    router.apply(static(namespace))
    taken_back = "DNS search list : home.arpa DNS search list lifetime: 0 "
    said = eventually(lambda: told_again(host, taken_back), "an advertisement that takes the domain back")
    assert "Recursive DNS server : 2001:db8:7::1 DNS server lifetime : 0 " in said


def test_hosts_are_told_the_way_to_ipv4_and_when_it_ends(
    router: Router, namespace: Namespace, host: Namespace
) -> None:
    """With it the router is a way out, though no uplink has IPv6."""
    with_it = static(namespace)
    with_it["ipv6"]["translator"] = "64:ff9b::/96"
    router.apply(with_it)
    eventually(lambda: preferred(host) and default_routers(host), "an address and a way out")
    way = r"NAT64 prefix : 64:ff9b::\S*/96 NAT64 prefix lifetime : "  # rdisc6 leaves its last bytes to chance
    assert re.search(way + "1800 ", told(host))
    assert listed(router).translators == ["64:ff9b::/96"]
    router.apply(static(namespace))
    eventually(lambda: re.search(way + "0 ", told(host)), "an advertisement that takes it back")
    eventually(lambda: default_routers(host) == [], "the end of the way out")
    assert listed(router).translators == []


def test_a_network_that_is_no_longer_announced_hears_a_last_word(
    router: Router, namespace: Namespace, host: Namespace, provider: Delegating
) -> None:
    router.apply(wan(namespace), lan(namespace))
    eventually(lambda: default_routers(host) and preferred(host), "an address and a way out")
    router.apply(wan(namespace), {**lan(namespace), "ipv6": {"method": "none"}})
    eventually(lambda: default_routers(host) == [] and preferred(host) == set(), "the end of both")
    assert router.advertising.list(ANYONE, ANYONE).networks == []


def test_a_prefix_that_changed_while_the_router_was_off_is_deprecated_after_it(
    router: Router, namespace: Namespace, host: Namespace
) -> None:
    """Another daemon, with the state that the first one kept, takes back what the first one said."""
    router.apply(static(namespace))
    eventually(lambda: preferred(host) == {IPv6Network("2001:db8:7::/64")}, "the first prefix")
    router.advertising.stop()
    state = router.host.state
    assert isinstance(state, StateFile)
    after = AdvertisingFeature(type(router.host)(**{**vars(router.host), "state": StateFile(state._path)}))
    assert router.engine.walk is not None
    router.engine.walk.features = (*tuple(router.engine.walk.features)[:-1], after)
    router.engine.running.pop("advertising")
    moved = {"method": "static", "addresses": ["2001:db8:8::1/64"], "advertise": True}
    router.apply({**static(namespace), "ipv6": moved})
    eventually(lambda: preferred(host) == {IPv6Network("2001:db8:8::/64")}, "the next prefix alone")
    router.apply()
    after.stop()


def test_a_device_that_comes_back_is_spoken_on_again(
    router: Router, namespace: Namespace, host: Namespace
) -> None:
    item = static(namespace)
    router.apply(item)
    eventually(lambda: preferred(host), "an address")
    namespace.ip("link delete eth1")
    eventually(lambda: not router.advertising.list(ANYONE, ANYONE).networks, "the end of the network")
    connect(namespace, "eth1", host, "host")
    namespace.ip(f"link set eth1 address {item['match']['mac']}")
    eventually(lambda: preferred(host), "an address on the device that came back")
    eventually(lambda: router.differences() == [], "all as planned")


def test_without_a_link_local_address_nothing_is_said_and_the_reason_is_told(
    namespace: Namespace, neighbour: Namespace
) -> None:
    """Hosts would not believe it (RFC 4861 section 6.1.2)."""
    connect(namespace, "eth1", neighbour, "host")
    namespace.ip("-6 address flush dev eth1")
    namespace.ip("-6 address add 2001:db8:7::1/64 dev eth1 nodad")
    socket = RouterSocket("eth1")
    with pytest.raises(KernelError, match="eth1 has no link-local address yet"):
        socket.tell_all(bytes(16))
    namespace.ip("-6 address add fe80::1/64 dev eth1 nodad")
    socket.tell_all(bytes(16))
    socket.close()
    with pytest.raises(KernelError, match="ICMPv6 on nothing"):
        RouterSocket("nothing")
