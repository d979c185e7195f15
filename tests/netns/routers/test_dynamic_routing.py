# SPDX-License-Identifier: GPL-2.0-or-later
"""BGP and OSPF with a router that is not ours: sessions, routes in the kernel, filters, passwords, the door.

One file, since FRR's sockets have one folder; the pair of routers is made once for each protocol.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from patronus.core.errors import InvalidConfiguration
from patronus.network.dynamic.plan import DAEMONS
from patronus.network.dynamic.verbs import NeighborDown, NeighborUp
from tests.netns.interfaces.router import eventually
from tests.netns.lab import Host, Namespace, connect
from tests.netns.routers.speaking import CONFIGURATION, OURS, STRANGER, THEIRS, Other, Speaking

BGP = f"""
ip prefix-list all seq 5 permit 0.0.0.0/0 le 32
router bgp 65002
 bgp router-id 2.2.2.2
 no bgp default ipv4-unicast
 no bgp network import-check
 neighbor {OURS} remote-as 65001
 neighbor {OURS} timers 3 9
 neighbor {OURS} timers connect 1
 address-family ipv4 unicast
  network 172.16.1.0/24
  network 172.20.1.0/24
  neighbor {OURS} activate
  neighbor {OURS} prefix-list all in
  neighbor {OURS} prefix-list all out
 exit-address-family
exit
"""
OSPF = """
interface eth0
 ip ospf area 0
 ip ospf hello-interval 1
 ip ospf dead-interval 8
 ip ospf network point-to-point
 ip ospf authentication message-digest
 ip ospf message-digest-key 1 md5 sesame
exit
interface lo
 ip ospf area 0
exit
router ospf
 ospf router-id 2.2.2.2
exit
"""
OSPF6 = """
interface eth0
 ipv6 ospf6 area 0
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 dead-interval 8
 ipv6 ospf6 network point-to-point
exit
interface lo
 ipv6 ospf6 area 0
exit
router ospf6
 ospf6 router-id 2.2.2.2
exit
"""
LISTS: list[dict[str, Any]] = [
    {"id": "theirs", "entries": [{"prefix": "172.16.0.0/12", "ge": 24, "le": 24}]},
    {"id": "half", "entries": [{"prefix": "172.16.0.0/16", "le": 24}]},
    {"id": "ours", "entries": [{"prefix": "10.0.0.0/8", "le": 24}]},
]
BOTH = {"172.16.1.0/24", "172.20.1.0/24"}


def bgp(**more: Any) -> dict[str, Any]:
    """Return our side, with timers that suit a test."""
    neighbor = {
        "id": "isp", "address": THEIRS, "remote_as": 65002, "import": "theirs", "export": "ours",
        "keepalive": "3s", "hold": "9s", "retry": "1s", **more,
    }  # fmt: skip
    return {"as": 65001, "router_id": "1.1.1.1", "neighbors": [neighbor], "networks": ["10.1.0.0/16"]}


@pytest.fixture(scope="module")
def router() -> Iterator[Speaking]:
    """Lend a router with a neighbour's wire, and stand in its namespace."""
    namespace, there = Namespace(), Namespace()
    connect(namespace, "side", there, "eth0")
    connect(namespace, "lan", there, "eth1")
    there.ip(f"address add {THEIRS}/24 dev eth0")
    there.ip(f"address add {STRANGER}/24 dev eth0")
    there.ip("address add 192.0.2.9/32 dev lo")
    there.ip("-6 address add 2001:db8:9::9/128 dev lo nodad")
    with namespace, tempfile.TemporaryDirectory(prefix="patronus-") as folder:
        made = Speaking(Path(folder), namespace)
        made.there = there
        yield made
        made.close()
    there.close()
    namespace.close()


@pytest.fixture(scope="module")
def speaker(router: Speaking) -> Iterator[Other]:
    """Lend the neighbour's daemons; what we do not speak with it, it says in vain."""
    made = Other(router.there, {"bgpd": BGP, "ospfd": OSPF, "ospf6d": OSPF6})
    yield made
    made.close()


def established(router: Speaking) -> int:
    """Return how often the session came up."""
    said = router.dynamic._vty.ask_json("bgpd", "show bgp neighbors")
    return int(said[THEIRS]["connectionsEstablished"])


def told(speaker: Other) -> set[str]:
    """Return what the neighbour has of our routes."""
    routes = speaker.vty.ask_json("bgpd", "show bgp ipv4 unicast")["routes"]
    return {name for name, ways in routes.items() if any(way.get("path") == "65001" for way in ways)}


def known(speaker: Other) -> set[str]:
    """Return what the neighbour has learned by OSPF."""
    return set(speaker.vty.ask_json("zebra", "show ip route ospf"))


def apply_bgp(router: Speaking, **more: Any) -> None:
    """Apply our side of BGP, ``more`` said of the neighbour, and wait for nothing."""
    router.speak(prefix_lists=LISTS, bgp=bgp(**more))


def test_routes_come_into_the_kernel_by_bgp(router: Speaking, speaker: Other) -> None:
    apply_bgp(router)
    eventually(lambda: router.learned() == BOTH, "the neighbour's routes")
    eventually(lambda: told(speaker) == {"10.1.0.0/16"}, "our network at the neighbour's")
    found = router.neighbor()
    assert (found.id, found.up, found.received, found.sent, found.reason) == ("isp", True, 2, 1, None)
    routes = router.asked("routing.Table").routes
    assert {(one.destination, one.protocol, *one.gateways, one.taken) for one in routes} == {
        (destination, "bgp", THEIRS, True) for destination in BOTH
    }
    assert router.unlike() == []
    assert router.differences() == [], "their routes are none of ours, nor a drift"
    eventually(lambda: NeighborUp("bgp", "isp") in router.engine.events, "the word that it is up")


def test_a_change_leaves_the_session_alone(router: Speaking, speaker: Other) -> None:
    """What is told and taken changes, with the lists that decide it; the session is the same."""
    apply_bgp(router)
    eventually(router.up, "the session")
    before = established(router)
    changed = {
        **bgp(description="the provider", maximum_prefixes=100),
        "networks": ["10.1.0.0/16", "10.0.0.0/24"],
    }
    router.speak(prefix_lists=LISTS, bgp=changed)
    eventually(lambda: told(speaker) == {"10.1.0.0/16", "10.0.0.0/24"}, "the other network")
    fewer = [
        {**one, "entries": [{"prefix": "172.20.0.0/16", "le": 24}]} if one["id"] == "theirs" else one
        for one in LISTS
    ]
    router.speak(prefix_lists=fewer, bgp=changed)
    eventually(lambda: router.learned() == {"172.20.1.0/24"}, "the shorter list")
    apply_bgp(router, **{"import": "half"})
    eventually(lambda: router.learned() == {"172.16.1.0/24"}, "the other list")
    eventually(lambda: told(speaker) == {"10.1.0.0/16"}, "the network that is told no more to go")
    assert router.up()
    assert established(router) == before
    assert router.unlike() == []


def test_without_a_list_nothing_is_exchanged_with_another_system(router: Speaking, speaker: Other) -> None:
    apply_bgp(router, **{"import": None, "export": None})
    nothing: set[str] = set()
    eventually(
        lambda: router.up() and router.learned() == nothing and told(speaker) == nothing,
        "a session without routes",
    )


def test_our_own_route_stands_before_one_that_is_told(router: Speaking, speaker: Other) -> None:
    apply_bgp(router)
    eventually(lambda: router.learned() == BOTH, "the neighbour's routes")
    own = [{"id": "own", "destination": "172.16.1.0/24", "gateway": "10.1.0.9"}]
    router.speak(prefix_lists=LISTS, bgp=bgp(), routes=own)
    eventually(lambda: "via 10.1.0.9" in router.namespace.ip("route get 172.16.1.1"), "our own route")
    assert router.differences() == []
    apply_bgp(router)
    eventually(lambda: router.learned() == BOTH, "the route that was told, again")


def test_a_neighbour_without_an_address_is_found_on_its_link(router: Speaking, speaker: Other) -> None:
    """IPv4 routes come by a link-local address (RFC 8950); with another system's number none do."""
    beside = {
        "id": "spine", "interface": "side", "remote_as": 65002, "import": "theirs", "export": "ours",
        "keepalive": "3s", "hold": "9s", "retry": "1s",
    }  # fmt: skip
    unnumbered = {**bgp(), "neighbors": [beside]}
    speaker.vty.configure(
        "bgpd",
        [
            "router bgp 65002", f"neighbor {OURS} shutdown", "neighbor eth0 interface v6only remote-as 65001",
            "neighbor eth0 timers connect 1", "address-family ipv4 unicast", "neighbor eth0 activate",
            "neighbor eth0 prefix-list all in", "neighbor eth0 prefix-list all out",
        ],
    )  # fmt: skip
    router.speak(prefix_lists=LISTS, bgp=unnumbered)
    eventually(lambda: router.learned() == BOTH, "the neighbour's routes")
    eventually(lambda: told(speaker) == {"10.1.0.0/16"}, "our network at the neighbour's")
    found = router.neighbor()
    assert (found.id, found.up, found.address[:4], found.interface) == ("spine", True, "fe80", "side")
    assert "via inet6 fe80:" in router.namespace.ip("route show 172.16.1.0/24")
    assert {one.gateways[0][:4] for one in router.asked("routing.Table").routes} == {"fe80"}
    assert (router.unlike(), router.differences()) == ([], [])
    router.speak(prefix_lists=LISTS, bgp={**unnumbered, "neighbors": [{**beside, "remote_as": 65003}]})
    eventually(lambda: not router.learned(), "the end of what another system told")
    assert router.unlike() == []
    speaker.vty.configure("bgpd", ["router bgp 65002", "no neighbor eth0", f"no neighbor {OURS} shutdown"])
    apply_bgp(router)
    eventually(lambda: router.learned() == BOTH, "the neighbour by its address again")
    assert router.unlike() == []


def test_only_the_neighbour_gets_in(router: Speaking, speaker: Other) -> None:
    apply_bgp(router)
    eventually(router.up, "the session")
    there = Host(router.there, THEIRS, "")
    assert there.reaches(OURS, 179)
    assert not there.reaches(OURS, 179, source=STRANGER)
    router.speak(prefix_lists=LISTS, bgp={**bgp(), "neighbors": []})
    assert not there.reaches(OURS, 179), "bgpd listens, and nobody may come"


def test_another_password_is_told(router: Speaking, speaker: Other) -> None:
    """A neighbour whose secret nobody has given stays silent; with another password it does not come up."""
    apply_bgp(router, password={"secret": "isp"})
    eventually(lambda: not router.up(), "the silence")
    assert router.neighbor().reason == "it waits for its secret"
    router.kept.secrets["isp"] = "no-sesame"
    apply_bgp(router, password={"secret": "isp"})
    eventually(lambda: "another password" in (router.neighbor().reason or ""), "the reason")
    assert not router.up()
    assert router.unlike() == []
    eventually(lambda: any(isinstance(one, NeighborDown) for one in router.engine.events), "the word of it")
    speaker.vty.configure("bgpd", ["router bgp 65002", f"neighbor {OURS} password no-sesame"])
    eventually(router.up, "the session with the same password")
    speaker.vty.configure("bgpd", ["router bgp 65002", f"no neighbor {OURS} password"])


def test_a_secret_that_cannot_be_a_key_is_refused_and_never_shown(router: Speaking) -> None:
    router.kept.secrets["isp"] = "two words\n neighbor 10.0.0.9 remote-as 1"
    with pytest.raises(InvalidConfiguration) as refused:
        apply_bgp(router, password={"secret": "isp"})
    assert "the secret isp is no key for bgp" in str(refused.value)
    assert "two words" not in str(refused.value)
    del router.kept.secrets["isp"]


def test_ospf_agrees_with_its_neighbour_by_the_key_and_brings_its_routes(
    router: Speaking, speaker: Other
) -> None:
    router.kept.secrets["key"] = "sesame"
    link = {"interface": "side", "hello": "1s", "dead": "8s", "network": "point-to-point"}
    lan = {"interface": "lan", "passive": True}
    ospf = {"router_id": "1.1.1.1", "interfaces": [{**link, "password": {"secret": "key"}}, lan]}
    ospf["redistribute"] = [{"kind": "static"}]
    routes = [{"id": "own", "destination": "10.77.0.0/16", "gateway": "10.1.0.9"}]
    spoken = {"ospf": ospf, "ospf3": {"router_id": "1.1.1.1", "interfaces": [link, lan]}, "routes": routes}
    router.speak(**spoken)
    eventually(lambda: "192.0.2.9" in router.learned(), "the neighbour's IPv4 route")
    eventually(lambda: "2001:db8:9::9" in router.learned("-6"), "its IPv6 route")
    eventually(lambda: {"10.1.0.0/16", "10.77.0.0/16"} <= known(speaker), "our routes there")
    found = router.asked("routing.Neighbors")
    assert ([(one.protocol, one.up) for one in found.neighbors], found.silent) == (
        [("ospf", True), ("ospf3", True)], [],
    )  # fmt: skip
    assert router.unlike() == []
    router.kept.secrets["key"] = "another"
    router.speak(**spoken)
    eventually(lambda: "192.0.2.9" not in router.learned(), "the end of what is told by another key")
    assert "2001:db8:9::9" in router.learned("-6"), "OSPFv3 goes on"
    assert router.unlike() == []


def test_the_daemons_rest_where_nothing_changes(router: Speaking) -> None:
    """Zebra alone repeats for ever what nobody takes from it."""
    apply_bgp(router)
    log = Path(os.environ["SYSTEMCTL_STATE"], "patronus-frr@zebra.service.log")
    eventually(lambda: router.dynamic._vty.answers("mgmtd"), "mgmtd")

    def rests() -> bool:
        before = log.stat().st_size
        time.sleep(1)
        return log.stat().st_size == before

    eventually(rests, "a second without a word of zebra's")


@pytest.mark.parametrize("name", ["bgpd", "zebra", "mgmtd"])
def test_a_daemon_that_was_killed_is_told_of_and_refuses_nothing(router: Speaking, name: str) -> None:
    apply_bgp(router)
    assert list(router.dynamic.observe(router.dynamic._plan)) == []
    pid = int(Path(os.environ["SYSTEMCTL_STATE"], f"patronus-frr@{name}.service.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not router.dynamic._vty.answers(name), "the silence")
    found = {one.what: one for one in router.dynamic.observe(router.dynamic._plan)}
    assert (found[name].wanted, found[name].refuses) == ("running", False)
    router.speak()
    apply_bgp(router)
    assert router.unlike() == []


def test_what_is_not_configured_does_not_run(router: Speaking) -> None:
    router.speak()
    assert router.learned() == set()
    assert list(CONFIGURATION.iterdir()) == []
    assert not any(router.dynamic._vty.answers(name) for name in DAEMONS)
