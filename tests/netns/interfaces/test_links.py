# SPDX-License-Identifier: GPL-2.0-or-later
"""Links, addresses and routes reach the kernel, stay where nothing changed, and go back when a step fails."""

from __future__ import annotations

import errno
import json
import subprocess
from ipaddress import ip_address
from typing import Any

import pytest

from patronus.core.errors import KernelError
from patronus.core.link import Address
from patronus.core.verb import Caller, Role
from patronus.kernel.netlink import Netlink, set_mac
from patronus.kernel.rtnetlink import NetlinkError
from patronus.network.interfaces.events import LinkChanged
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import build
from tests.netns.interfaces.router import Router, eventually
from tests.netns.lab import Namespace

CALLER = Caller("root", Role.ADMIN)
LAN4, WAN4 = "192.168.1.1/24", "198.51.100.2/24"


def mac(namespace: Namespace, device: str) -> str:
    return str(json.loads(namespace.ip(f"-json link show {device}"))[0]["address"])


def addresses(namespace: Namespace, device: str) -> set[str]:
    found = json.loads(namespace.ip(f"-json address show {device}"))[0]["addr_info"]
    return {f"{one['local']}/{one['prefixlen']}" for one in found if one["scope"] == "global"}


def is_up(namespace: Namespace, device: str) -> bool:
    return "UP" in json.loads(namespace.ip(f"-json link show {device}"))[0]["flags"]


def default_routes(namespace: Namespace) -> list[tuple[str, str, int]]:
    found = json.loads(namespace.ip("-json route show default")) + json.loads(
        namespace.ip("-json -6 route show default")
    )
    return [(one["gateway"], one["dev"], one["metric"]) for one in found]


def everything(namespace: Namespace) -> list[str]:
    """Return links, addresses and routes, sorted; link-local ones come back in their own time."""
    said = namespace.ip("-details -oneline address") + namespace.ip("-details -oneline link")
    said += namespace.ip("-oneline route") + namespace.ip("-oneline -6 route")
    lines = (line.replace("NO-CARRIER,", "").replace("state DOWN", "state UP") for line in said.splitlines())
    return sorted(line for line in lines if "fe80:" not in line)


def lan(wired: Namespace, *given: str, device: str = "eth0", **more: Any) -> dict[str, Any]:
    ipv4 = {"method": "static", "addresses": given or (LAN4,)}
    return {"id": "lan", "match": {"mac": mac(wired, device)}, "zone": "lan", "ipv4": ipv4, **more}


def wan(wired: Namespace, address: str = WAN4, gateway: str = "198.51.100.1") -> dict[str, Any]:
    return {
        "id": "wan",
        "match": {"mac": mac(wired, "eth1")},
        "zone": "wan",
        "ipv4": {"method": "static", "addresses": [address], "gateway": gateway},
        "ipv6": {"method": "static", "addresses": ["2001:db8:1::2/64"], "gateway": "2001:db8:1::1"},
    }


def test_static_interfaces_stand_and_a_second_apply_does_nothing(router: Router, wired: Namespace) -> None:
    router.apply(lan(wired, mtu=1400), wan(wired))
    assert addresses(wired, "eth0") == {LAN4}
    assert addresses(wired, "eth1") == {WAN4, "2001:db8:1::2/64"}
    assert (is_up(wired, "eth0"), is_up(wired, "eth1"), is_up(wired, "eth2")) == (True, True, False)
    assert set(default_routes(wired)) == {("198.51.100.1", "eth1", 101), ("2001:db8:1::1", "eth1", 101)}
    assert json.loads(wired.ip("-json link show eth0"))[0]["mtu"] == 1400
    seen = {(one.device, str(one.interface)) for one in router.host.netlink.addresses()}
    assert seen >= {("eth0", LAN4), ("eth1", WAN4)} and "lo" not in dict(seen)
    assert (router.pending(), router.differences()) == ([], [])


def test_a_card_shows_another_address_and_keeps_role_addresses_and_routes(
    router: Router, wired: Namespace
) -> None:
    """What is down for a moment loses its routes and the addresses of IPv6: they stand again after it."""
    own, shown = mac(wired, "eth1"), "02:00:5e:10:20:30"
    router.apply(lan(wired), wan(wired))
    cloned = {**wan(wired), "mac": shown}
    router.apply(lan(wired), cloned)
    assert mac(wired, "eth1") == shown
    assert addresses(wired, "eth1") == {WAN4, "2001:db8:1::2/64"}
    assert set(default_routes(wired)) == {("198.51.100.1", "eth1", 101), ("2001:db8:1::1", "eth1", 101)}
    assert (router.pending(), router.differences()) == ([], [])
    wired.ip(f"link set eth1 address {own}")
    assert [one for one in router.differences() if shown in str(one)] != []
    router.apply(lan(wired), cloned)
    assert (mac(wired, "eth1"), router.differences()) == (shown, [])
    router.apply(lan(wired), {key: value for key, value in cloned.items() if key != "mac"})
    assert (mac(wired, "eth1"), router.pending(), router.differences()) == (own, [], [])
    assert addresses(wired, "eth1") == {WAN4, "2001:db8:1::2/64"}
    router.apply(lan(wired), cloned)
    assert mac(wired, "eth1") == shown


class Card(dict[str, str]):
    """A driver that takes no other address while its card is up, as many do; no card here has one."""

    def __init__(self) -> None:
        super().__init__(address="52:54:00:00:00:01", state="up", ifalias="")

    def get_links(self, _: int) -> list[Card]:
        return [self]

    def get_attr(self, name: str) -> str:
        return self[name.removeprefix("IFLA_").lower()]

    def link(self, _: str, index: int, **words: str) -> None:
        if index and "address" in words and self["state"] == "up":
            raise NetlinkError(errno.EBUSY, "Device or resource busy")
        self.update(words)


def test_a_card_that_takes_no_address_while_it_is_up_goes_down_for_it() -> None:
    card, shown = Card(), "02:00:5e:10:20:30"
    set_mac(card, 2, shown)
    assert card == {"address": shown, "state": "down", "ifalias": "patronus of 52:54:00:00:00:01"}


def test_what_the_file_no_longer_says_goes_away(router: Router, wired: Namespace) -> None:
    router.apply(lan(wired, LAN4, "192.168.7.1/24"), wan(wired))
    router.apply(lan(wired, "192.168.7.1/24"))
    assert addresses(wired, "eth0") == {"192.168.7.1/24"}
    assert addresses(wired, "eth1") == set()
    assert default_routes(wired) == []


def test_a_new_address_in_the_same_subnet_keeps_the_default_route(router: Router, wired: Namespace) -> None:
    router.apply(wan(wired))
    router.apply(wan(wired, "198.51.100.3/24"))
    assert addresses(wired, "eth1") == {"198.51.100.3/24", "2001:db8:1::2/64"}
    assert ("198.51.100.1", "eth1", 100) in default_routes(wired)


def test_a_foreign_route_and_foreign_links_stay(router: Router, wired: Namespace) -> None:
    wired.ip("link add br-other type bridge")
    router.apply(lan(wired))
    wired.ip("route add 203.0.113.0/24 via 192.168.1.9")
    router.apply(lan(wired, LAN4, "192.168.7.1/24"))
    assert "203.0.113.0/24" in wired.ip("route")
    assert "br-other" in wired.ip("link")


def test_a_bridge_takes_its_members_and_goes_with_its_entry(router: Router, wired: Namespace) -> None:
    ports = [{"id": f"p{n}", "match": {"mac": mac(wired, f"eth{n}")}} for n in (0, 1)]
    bridge = {**lan(wired), "id": "br0", "bridge": {"members": ["p0", "p1"], "stp": True}}
    del bridge["match"]
    router.apply(*ports, bridge)
    shown = {one["ifname"]: one for one in json.loads(wired.ip("-json -details link"))}
    assert (shown["eth0"]["master"], shown["eth1"]["master"]) == ("br0", "br0")
    assert shown["br0"]["linkinfo"]["info_data"]["stp_state"] == 1
    assert addresses(wired, "br0") == {LAN4}
    assert (router.pending(), router.differences()) == ([], [])
    router.apply(ports[0], {**bridge, "bridge": {"members": ["p0"]}})
    assert router.differences() == []
    assert "master" not in json.loads(wired.ip("-json link show eth1"))[0]
    router.apply(ports[0])
    assert "br0" not in wired.ip("link")


@pytest.mark.parametrize(("own", "other"), [(LAN4, "192.168.1.9"), ("fd00:1::1/64", "fd00:1::9")])
def test_a_vxlan_leads_to_another_router(
    router: Router, wired: Namespace, neighbour: Namespace, own: str, other: str
) -> None:
    """The other end is the kernel's own, told by ip(8)."""
    here, length = own.split("/")
    outside = {"method": "static", "addresses": [own]}
    below = {**lan(wired), "ipv4": {"method": "none"}, "ipv4" if "." in own else "ipv6": outside}
    inside = {"method": "static", "addresses": ["10.42.0.1/24"]}
    ends = {"parent": "lan", "vni": 42, "remote": other, "local": here}
    router.apply(below, {"id": "branch", "vxlan": ends, "zone": "lan", "ipv4": inside})
    neighbour.ip(f"address add {other}/{length} dev peer-eth0")
    neighbour.ip("link set peer-eth0 up")
    neighbour.ip(f"link add vx type vxlan id 42 remote {here} dstport 4789 dev peer-eth0")
    neighbour.ip("address add 10.42.0.2/24 dev vx")
    neighbour.ip("link set vx up")
    neighbour.run("ping", "-c1", "-w60", "10.42.0.1")
    assert (router.pending(), router.differences()) == ([], [])
    assert json.loads(wired.ip("-json link show branch"))[0]["mtu"] == (1450 if "." in own else 1430)
    router.apply(below, {"id": "branch", "vxlan": {**ends, "vni": 43}, "zone": "lan", "ipv4": inside})
    assert router.differences() == []
    with pytest.raises(subprocess.CalledProcessError):
        neighbour.run("ping", "-c1", "-W1", "10.42.0.1")
    router.apply(below)
    assert "branch" not in wired.ip("link")


@pytest.mark.parametrize(("own", "others"), [(LAN4, "192.168.1.{}"), ("fd00:1::1/64", "fd00:1::{}")])
def test_a_vxlan_leads_to_several_routers(
    router: Router, wired: Namespace, neighbour: Namespace, own: str, others: str
) -> None:
    """The one that answers is a further end; the first is nobody, and what was heard stays where it was."""
    here, length = own.split("/")
    outside = {"method": "static", "addresses": [own]}
    below = {**lan(wired), "ipv4": {"method": "none"}, "ipv4" if "." in own else "ipv6": outside}
    inside = {"method": "static", "addresses": ["10.42.0.1/24"]}
    first, second, third = (others.format(end) for end in (7, 9, 8))

    def branch(*ends: str) -> dict[str, Any]:
        vxlan = {"parent": "lan", "vni": 42, "remote": first, "others": list(ends)}
        return {"id": "branch", "vxlan": vxlan, "zone": "lan", "ipv4": inside}

    router.apply(below, branch(second, third))
    neighbour.ip(f"address add {second}/{length} dev peer-eth0")
    neighbour.ip("link set peer-eth0 up")
    neighbour.ip(f"link add vx type vxlan id 42 remote {here} dstport 4789 dev peer-eth0")
    neighbour.ip("address add 10.42.0.2/24 dev vx")
    neighbour.ip("link set vx up")
    wired.run("ping", "-c1", "-w60", "10.42.0.2")
    assert (router.pending(), router.differences()) == ([], [])
    entries = json.loads(wired.run("bridge", "-json", "fdb", "show", "dev", "branch"))
    everybody = {one["dst"] for one in entries if one["mac"] == "00:00:00:00:00:00"}
    assert everybody == {first, second, third}
    wired.run("bridge", "fdb", "del", "00:00:00:00:00:00", "dev", "branch", "dst", third)
    assert router.differences() != []
    router.apply(below, branch(second))
    assert (router.pending(), router.differences()) == ([], [])
    router.apply(below, branch())
    assert router.differences() == []
    wired.ip("neigh flush dev branch")
    with pytest.raises(subprocess.CalledProcessError):
        wired.run("ping", "-c1", "-W1", "10.42.0.2")


def test_who_is_at_a_port_of_a_bridge_hears_of_its_other_vlan(
    router: Router, wired: Namespace, neighbour: Namespace
) -> None:
    """The kernel tells at which port the committer is; another VLAN of it is told before it is set."""
    ports = [{"id": f"p{n}", "match": {"mac": mac(wired, f"eth{n}")}} for n in (0, 1)]
    inside = {"method": "static", "addresses": [LAN4]}
    bridge = {"members": ["p0", "p1"]}
    router.apply(*ports, {"id": "br0", "bridge": bridge, "zone": "lan", "ipv4": inside})
    neighbour.ip("address add 192.168.1.9/24 dev peer-eth0")
    neighbour.ip("link set peer-eth0 up")
    neighbour.run("ping", "-c1", "-w60", "192.168.1.1")
    visitor = Caller("ann", Role.ADMIN, origin="192.168.1.9")
    (seat,) = router.host.netlink.seats(ip_address("192.168.1.9"))
    assert (seat.port, seat.bridge, seat.tag) == ("eth0", "br0", None)

    def foreseen(**vlans: dict[str, Any]) -> list[str]:
        switch = {"id": "switch", "bridge": {**bridge, "vlans": vlans}}
        lan10 = {"id": "br0", "vlan": {"parent": "switch", "tag": 10}, "zone": "lan", "ipv4": inside}
        plan = build(
            Interfaces.model_validate({"interfaces": [*ports, switch, lan10]}), router.feature.facts()
        )
        return [one.after for one in router.feature.foresee(plan, router.plan, visitor)]

    assert foreseen(p0={"untagged": 10}, p1={"untagged": 20}) == []
    assert foreseen(p0={"untagged": 20}, p1={"untagged": 10}) == ["in VLAN 20 of switch"]


class Refusing(Netlink):
    """A kernel that refuses one address."""

    def add_address(self, address: Address) -> None:
        if str(address.interface) == "192.168.9.1/24":
            raise KernelError("no")
        super().add_address(address)


def test_a_step_that_fails_takes_back_all_before_it(router: Router, wired: Namespace) -> None:
    router.apply(lan(wired), wan(wired))
    before = everything(wired)
    router.feature._host = type(router.host)(**{**vars(router.host), "netlink": Refusing()})
    bridge = {
        "id": "br0",
        "bridge": {"members": []},
        "ipv4": {"method": "static", "addresses": ["192.168.8.1/24"]},
    }
    broken = lan(wired, "192.168.9.1/24", device="eth2")
    with pytest.raises(KernelError, match=r"add address 192\.168\.9\.1/24 on eth2: no"):
        router.apply(wan(wired, "198.51.100.3/24"), bridge, broken)
    assert everything(wired) == before


def test_an_address_that_someone_deletes_is_a_difference(router: Router, wired: Namespace) -> None:
    router.apply(lan(wired))
    router.feature.stop()
    wired.ip(f"address del {LAN4} dev eth0")
    assert router.differences() == [f"add address {LAN4} on eth0"]


def test_a_missing_nic_degrades_only_itself(router: Router, wired: Namespace) -> None:
    missing = {"id": "dmz", "match": {"mac": "52:54:00:00:00:99"}, "zone": "dmz"}
    prepared = router.apply(lan(wired), missing)
    assert [problem.message for problem in prepared.warnings] == ["no NIC is 52:54:00:00:00:99: dmz is down"]
    assert addresses(wired, "eth0") == {LAN4}


def test_a_nic_that_appears_gets_its_role_and_the_bus_hears_of_it(
    router: Router, wired: Namespace, neighbour: Namespace
) -> None:
    late = {**lan(wired, "192.168.7.1/24"), "id": "dmz", "match": {"mac": "52:54:00:00:00:99"}}
    router.apply(lan(wired), late)
    wired.ip("link add eth9 address 52:54:00:00:00:99 type veth peer name peer-eth9")
    eventually(lambda: addresses(wired, "eth9") == {"192.168.7.1/24"}, "the address on the new NIC")
    seen = [event for event in router.engine.events if isinstance(event, LinkChanged)]
    assert ("eth9", True) in [(event.device, event.present) for event in seen]
    wired.ip("link del eth9")
    eventually(
        lambda: any(
            isinstance(event, LinkChanged) and event.device == "eth9" and not event.present
            for event in router.engine.events
        ),
        "the event of the NIC that went",
    )
    assert addresses(wired, "eth0") == {LAN4}


def test_inventory_lists_the_nics_with_their_macs(router: Router, wired: Namespace) -> None:
    wired.ip("link add br-other type bridge")
    found = {nic.name: nic.mac for nic in router.host.netlink.inventory()}
    assert found == {name: mac(wired, name) for name in ("eth0", "eth1", "eth2")}


def table(namespace: Namespace) -> set[str]:
    """Return our routes of both families as ip(8) says them."""
    said = namespace.ip("-4 route show proto static") + namespace.ip("-6 route show proto static")
    return {" ".join(line.split()).removesuffix(" pref medium") for line in said.splitlines()}


def test_static_routes_stand_refuse_and_go(router: Router, wired: Namespace) -> None:
    forwarding = {"id": "branch", "destination": "10.20.0.0/16", "gateway": "192.168.1.254"}
    refusing = {"id": "rest", "destination": "10.0.0.0/8", "type": "unreachable"}
    six = {"id": "six", "destination": "2001:db8:20::/48", "gateway": "fe80::1", "interface": "lan"}
    hole = {"id": "hole", "destination": "2001:db8::/32", "type": "blackhole", "metric": 7}
    waiting = {"id": "later", "destination": "10.30.0.0/16", "gateway": "203.0.113.1", "interface": "away"}
    away = {"id": "away", "match": {"mac": "52:54:00:00:00:77"}, "ipv4": {"method": "dhcp"}}
    router.apply(lan(wired), away, routes=[forwarding, refusing, six, hole, waiting])
    assert table(wired) == {
        "10.20.0.0/16 via 192.168.1.254 dev eth0 metric 20",
        "unreachable 10.0.0.0/8 metric 20",
        "2001:db8:20::/48 via fe80::1 dev eth0 metric 20",
        "blackhole 2001:db8::/32 dev lo metric 7",
    }
    assert (router.pending(), router.differences()) == ([], [])
    states = {item.id: item.state for item in router.ask("routing.List").routes}
    assert states == {**dict.fromkeys(("branch", "rest", "six", "hole"), "active"), "later": "waiting"}
    wired.ip("route del 10.20.0.0/16")
    assert router.differences() == ["add route 10.20.0.0/16 via 192.168.1.254 on eth0"]
    assert router.ask("routing.List").routes[0].state == "missing"
    router.apply(lan(wired), routes=[{**forwarding, "metric": 30}])
    assert table(wired) == {"10.20.0.0/16 via 192.168.1.254 dev eth0 metric 30"}
    router.apply(lan(wired))
    assert table(wired) == set()


def test_a_route_that_the_kernel_refuses_takes_the_others_back(router: Router, wired: Namespace) -> None:
    first = {"id": "first", "destination": "10.20.0.0/16", "gateway": "192.168.1.254"}
    second = {"id": "second", "destination": "10.30.0.0/16", "gateway": "192.168.1.254"}
    router.apply(lan(wired), routes=[first])
    before = table(wired)
    wired.ip("route add 10.30.0.0/16 via 192.168.1.9 metric 20")  # somebody's own, which stays
    with pytest.raises(KernelError, match=r"10\.30\.0\.0/16"):
        router.apply(lan(wired), routes=[{**first, "metric": 40}, second])
    assert table(wired) == before
