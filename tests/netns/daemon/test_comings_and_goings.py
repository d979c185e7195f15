# SPDX-License-Identifier: GPL-2.0-or-later
"""Cables, cards, servers and people come and go while the daemon runs; it follows by itself."""

from __future__ import annotations

import json
import subprocess
import threading
from itertools import pairwise

from tests.netns.daemon.machine import Machine, eventually
from tests.netns.daemon.provider import GATEWAY, NETWORK
from tests.netns.interfaces.delegating import Delegating
from tests.netns.lab import Namespace, connect
from tests.netns.services.network import dig

WORLD, NUMBERED = "2001:db8:f::1", "2001:db8:aa00:1:"


def six(namespace: Namespace, device: str, scope: str, begin: str = "") -> str:
    """Return the first IPv6 address of a scope that begins so, or nothing."""
    words = namespace.ip(f"-6 -o address show dev {device} scope {scope}").split()
    found = [after.partition("/")[0] for word, after in pairwise(words) if word == "inet6"]
    return next((address for address in found if address.startswith(begin)), "")


def answers(namespace: Namespace, address: str) -> bool:
    command = ["ping", "-6", "-c", "1", "-W", "1", address]
    with namespace:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_wan_cable_that_was_out_carries_again(machine: Machine) -> None:
    machine.lease()
    eventually(machine.page, "the page")
    machine.wan.ip("link set isp down")
    assert machine.page() == ""
    down = {item["id"]: item["carrier"] for item in machine.call("interfaces.List")["interfaces"]}
    assert down == {"lan": True, "wan": False}
    machine.wan.ip("link set isp up")
    machine.uplinked()
    eventually(machine.page, "the page again")
    eventually(lambda: machine.doctor() == [], "the kernel as planned")


def test_an_uplink_goes_from_a_lease_to_an_address_of_its_own_and_back(machine: Machine) -> None:
    """Its client stays for IPv6, and as it gives up IPv4 it takes no route of ours along."""
    machine.lease()
    eventually(machine.page, "the page")
    before = {one["id"]: one["configuration"] for one in machine.call("interfaces.List")["interfaces"]}["wan"]
    fixed = {"method": "static", "addresses": [f"{NETWORK}.77/24"], "gateway": GATEWAY}
    machine.call("interfaces.Replace", id="wan", interface={**before, "ipv4": fixed})
    eventually(lambda: machine.page() == f"you are {NETWORK}.77\n", "the page, seen from the new address")
    assert machine.doctor() == []
    machine.call("interfaces.Replace", id="wan", interface=before)
    eventually(lambda: machine.page() not in ("", f"you are {NETWORK}.77\n"), "the page by a lease again")
    eventually(lambda: machine.doctor() == [], "the kernel as planned")


def test_a_lan_card_that_was_away_is_served_again(machine: Machine) -> None:
    mac = json.loads(machine.router.run("ip", "-j", "link", "show", "eth0"))[0]["address"]
    machine.router.ip("link delete eth0")
    eventually(lambda: "eth0" not in machine.ruleset(), "the firewall without the card")
    connect(machine.router, "eth0", machine.lan, "eth0")
    machine.router.ip(f"link set eth0 address {mac}")
    eventually(lambda: "192.168.1.1/24" in machine.router.ip("-br address show eth0"), "the LAN's address")
    eventually(machine.lease, "a lease")
    eventually(lambda: dig(machine.lan, "www.example") != [], "a name")
    eventually(machine.page, "the page")
    eventually(lambda: machine.doctor() == [], "the kernel as planned")


def test_a_prefix_of_the_provider_carries_the_lan_to_the_world_and_nobody_in(machine: Machine) -> None:
    """Through the real rules: the provider's answer, a host's question, and what the host sends."""
    provider = Delegating(machine.wan, "2001:db8:aa00::/56")
    machine.wan.ip(f"-6 address add {WORLD} dev lo nodad")
    isp, router = six(machine.wan, "isp", "link"), six(machine.router, "eth1", "link")
    machine.wan.ip(f"-6 route add 2001:db8:aa00::/56 via {router} dev isp")
    before = {one["id"]: one["configuration"] for one in machine.call("interfaces.List")["interfaces"]}
    asking = {"method": "dhcp", "prefix_delegation": {"hint": 60}}  # another one, so that it asks at once
    machine.call("interfaces.Replace", id="wan", interface={**before["wan"], "ipv6": asking})
    machine.call("routing.Add", destination="::/0", gateway=isp, interface="wan")
    cut = {"method": "delegated", "from": "wan", "subnet": 1}
    machine.call("interfaces.Replace", id="lan", interface={**before["lan"], "ipv6": cut})
    host = eventually(
        lambda: six(machine.lan, "eth0", "global", NUMBERED), "an address of the provider's prefix"
    )
    eventually(lambda: answers(machine.lan, WORLD), "the world's answer")
    assert not answers(machine.wan, host)
    ping = {"from": "wan", "to": "lan", "protocol": "icmpv6", "action": "allow"}
    added = machine.call("firewall.AddRule", rule=ping)
    eventually(lambda: answers(machine.wan, host), "the host's answer, once a rule lets the question in")
    machine.call("firewall.RemoveRule", id=added["id"])
    eventually(lambda: machine.doctor() == [], "the kernel as planned")
    provider.close()


def test_an_address_that_somebody_took_away_comes_back(machine: Machine) -> None:
    machine.router.ip("address flush dev eth0")
    eventually(lambda: "192.168.1.1/24" in machine.router.ip("-br address show eth0"), "the LAN's address")
    eventually(lambda: machine.doctor() == [], "the kernel as planned")


def test_servers_that_were_killed_are_told_again(machine: Machine) -> None:
    machine.call("dns.AddRecord", name="kept.home.arpa", type="A", value="192.168.1.30")
    for server in machine.servers:
        server.kill()
        server.start()
    eventually(lambda: dig(machine.lan, "kept.home.arpa", "+time=1") == ["192.168.1.30"], "the record")
    eventually(machine.lease, "a lease")


def test_eight_people_at_once_all_get_their_rules(machine: Machine) -> None:
    def add(person: int) -> None:
        with machine.client() as client:
            for port in range(3):
                rule = {
                    "name": f"{person}/{port}",
                    "protocol": "udp",
                    "destination_port": 1000,
                    "action": "drop",
                }
                client.call("firewall.AddRule", {"rule": rule})

    people = [threading.Thread(target=add, args=(person,)) for person in range(8)]
    for one in people:
        one.start()
    for one in people:
        one.join()
    names = sorted(item["rule"]["name"] for item in machine.call("firewall.ListRules")["rules"])
    assert names == sorted(f"{person}/{port}" for person in range(8) for port in range(3))
    assert machine.doctor() == []
