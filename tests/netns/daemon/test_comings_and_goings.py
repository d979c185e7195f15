# SPDX-License-Identifier: GPL-2.0-or-later
"""Cables, cards, servers and people come and go while the daemon runs; it follows by itself."""

from __future__ import annotations

import json
import threading

from tests.netns.daemon.machine import Machine, eventually
from tests.netns.lab import connect
from tests.netns.services.network import dig


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
