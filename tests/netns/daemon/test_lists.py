# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs that add to a list which the file does not have yet: reservations and records, end to end."""

from __future__ import annotations

import json

import pytest

from patronus.core.errors import InvalidConfiguration, NotFound
from tests.netns.daemon.machine import Machine, Said, eventually
from tests.netns.services.network import dig, status


def test_a_record_comes_and_goes(machine: Machine) -> None:
    machine.lease()
    before = machine.file("network/dns.yaml").read_text()
    assert "records" not in before
    machine.call("dns.AddRecord", name="nas.home.arpa", type="A", value="192.168.1.30")
    text = machine.file("network/dns.yaml").read_text()
    assert text.startswith(before)
    eventually(lambda: dig(machine.lan, "nas.home.arpa") == ["192.168.1.30"], "the record")
    theirs = ("--record", "nas.home.arpa", "a", "192.168.1.31")
    assert machine.patronus("dns", "policies", "add", "kids", "--client", "192.168.1.0/24", *theirs).code == 0
    eventually(lambda: dig(machine.lan, "nas.home.arpa") == ["192.168.1.31"], "the policy's record")
    assert "nas.home.arpa A 192.168.1.31" in machine.patronus("dns", "policies").out
    assert machine.patronus("dns", "policies", "remove", "kids").code == 0
    eventually(lambda: dig(machine.lan, "nas.home.arpa") == ["192.168.1.30"], "the end of the policy")
    with pytest.raises(NotFound):
        machine.call("dns.RemovePolicy", id="kids")
    with pytest.raises(InvalidConfiguration):
        machine.call("dns.AddPolicy", clients=["192.168.1.0/24"], blocklists=["nowhere"])
    records = machine.call("dns.ListRecords")["records"]
    (name,) = (
        item["id"] for item in records if item["name"].rstrip(".") == "nas.home.arpa" and item["type"] == "A"
    )
    machine.call("dns.RemoveRecord", id=name)
    eventually(lambda: dig(machine.lan, "nas.home.arpa") == [], "the end of the record")
    with pytest.raises(NotFound):
        machine.call("dns.RemoveRecord", id=name)
    with pytest.raises(InvalidConfiguration):
        machine.call("dns.AddRecord", name="nas.home.arpa", type="A", value="nonsense")
    assert machine.doctor() == []


def test_a_name_is_blocked_allowed_and_left_to_the_lists_again(machine: Machine) -> None:
    """For everybody, and otherwise for the clients of a policy; what stood in the file stays."""
    machine.lease()
    machine.uplinked()
    before = machine.file("network/dns.yaml").read_text()

    def answered(wanted: str) -> None:
        eventually(lambda: status(machine.lan, "www.example") == wanted, wanted)

    answered("NOERROR")
    assert machine.patronus("dns", "block", "Example.").code == 0
    answered("NXDOMAIN")
    assert machine.file("network/dns.yaml").read_text().startswith(before)
    everywhere = ("--client", "192.168.1.0/24")
    only = ("--only-allowed", "--allow", "www.example")
    assert machine.patronus("dns", "policies", "add", "tablets", *everywhere, *only).code == 0
    answered("NOERROR")
    machine.call("dns.ForgetName", name="www.example", policy="tablets")
    answered("NXDOMAIN")
    assert "all but what is allowed" in machine.patronus("dns", "policies").out
    machine.call("dns.RemovePolicy", id="tablets")
    assert machine.patronus("dns", "policies", "add", "kids", *everywhere).code == 0
    assert machine.patronus("dns", "allow", "www.example", "--policy", "kids").code == 0
    answered("NOERROR")
    machine.call("dns.DecideName", name="www.example", action="block", policy="kids")
    answered("NXDOMAIN")
    names = machine.call("dns.ListNames")["names"]
    assert [(item["name"], item["action"], item["policy"]) for item in names] == [
        ("example", "block", None),
        ("www.example", "block", "kids"),
    ]
    assert "everybody" in machine.patronus("dns", "names").out
    assert machine.patronus("dns", "forget", "example").code == 0
    machine.call("dns.ForgetName", name="www.example", policy="kids")
    answered("NOERROR")
    with pytest.raises(NotFound):
        machine.call("dns.ForgetName", name="www.example", policy="kids")
    with pytest.raises(NotFound):
        machine.call("dns.DecideName", name="www.example", action="block", policy="parents")
    machine.call("dns.RemovePolicy", id="kids")
    assert machine.doctor() == []


def test_a_policys_servers_are_asked_in_place_of_everybodys(machine: Machine) -> None:
    machine.lease()
    machine.uplinked()
    eventually(lambda: status(machine.lan, "www.example") == "NOERROR", "an answer of everybody's")

    def add(*options: str) -> Said:
        whose = ("--client", "192.168.1.0/24")
        return machine.patronus("dns", "policies", "add", "small", *whose, *options)

    assert "who is asked so" in add("--over", "tls").err
    assert "would ask itself" in add("--server", "127.0.0.1").err
    assert "nothing is asked at a path" in add("--server", "203.0.113.99", "--path", "/q").err
    assert add("--server", "203.0.113.99", "--over", "https", "--path", "/q").code == 0
    assert "path: /q" in machine.file("network/dns.yaml").read_text()
    machine.call("dns.RemovePolicy", id="small")
    assert add("--server", "203.0.113.99", "--over", "tcp").code == 0
    text = machine.file("network/dns.yaml").read_text()
    assert "address: 203.0.113.99" in text and "protocol: tcp" in text
    eventually(lambda: status(machine.lan, "www.example") == "SERVFAIL", "nobody else is asked")
    assert "203.0.113.99 tcp" in machine.patronus("dns", "policies").out
    assert "small" in machine.patronus("dns", "status").out
    machine.call("dns.RemovePolicy", id="small")
    assert add("--uplink", "wan").code == 0
    eventually(lambda: status(machine.lan, "www.example") == "NOERROR", "an answer of the uplink's server")
    theirs = [item for item in machine.call("dns.Status")["upstreams"] if item["policies"] == ["small"]]
    assert [item["answered"] > 0 for item in theirs] == [True]

    def ask(*options: str) -> Said:
        return machine.patronus("dns", "policies", "servers", *options)

    for nothing_said in (("small",), ("small", "--server", "203.0.113.99", "--everybodys")):
        assert "say who is asked" in ask(*nothing_said).err
    assert "no policy is called large" in ask("large", "--server", "203.0.113.99").err
    assert ask("small", "--server", "203.0.113.99", "--over", "tcp").code == 0
    eventually(lambda: status(machine.lan, "www.example") == "SERVFAIL", "the new server alone is asked")
    text = machine.file("network/dns.yaml").read_text()
    assert "address: 203.0.113.99" in text and text.count("- id: small") == 1
    assert ask("small", "--everybodys").code == 0
    eventually(lambda: status(machine.lan, "www.example") == "NOERROR", "an answer of everybody's again")
    assert "203.0.113.99" not in machine.file("network/dns.yaml").read_text()
    assert "small has no servers of its own" in ask("small", "--everybodys").err
    machine.call("dns.RemovePolicy", id="small")
    assert machine.doctor() == []


def test_whom_dns_asks_and_what_it_blocks_is_changed_by_command(machine: Machine) -> None:
    machine.lease()
    machine.uplinked()
    before = machine.file("network/dns.yaml").read_text()
    first = machine.call("dns.ListUpstreams")["upstreams"]

    def answered(wanted: str) -> None:
        eventually(lambda: status(machine.lan, "www.example") == wanted, wanted)

    answered("NOERROR")
    assert machine.patronus("dns", "upstreams", "add", "127.0.0.1").code != 0
    assert (
        machine.patronus("dns", "upstreams", "add", "203.0.113.99", "--over", "tcp", "--id", "far").code == 0
    )
    for one in first:
        assert machine.patronus("dns", "upstreams", "remove", one["id"]).code == 0
    machine.call("dns.FlushCache")
    answered("SERVFAIL")
    assert machine.patronus("dns", "upstreams", "add", "wan", "--id", "isp").code == 0
    assert machine.patronus("dns", "upstreams", "remove", "far").code == 0
    answered("NOERROR")
    assert "those of wan" in machine.patronus("dns", "upstreams").out
    assert machine.patronus("dns", "blocklists", "add", "nowhere.txt", "--id", "ads").code == 0
    assert "nowhere.txt" in machine.patronus("dns", "blocklists").out
    assert machine.patronus("dns", "blocklists", "remove", "ads").code == 0
    kept = [line for line in before.splitlines() if line.startswith(("#", "listen", "local"))]
    assert [line for line in kept if line not in machine.file("network/dns.yaml").read_text()] == []
    assert machine.doctor() == []


def test_a_reservation_comes_and_goes(machine: Machine) -> None:
    mac = json.loads(machine.lan.run("ip", "-j", "link", "show", "eth0"))[0]["address"]
    assert "reservations" not in machine.file("network/dhcp.yaml").read_text()
    machine.call("dhcp.AddReservation", pool="lan", mac=mac, address="192.168.1.20", hostname="nas")
    assert machine.lease() == "192.168.1.20"
    eventually(lambda: dig(machine.lan, "nas.home.arpa") == ["192.168.1.20"], "the reservation's name")
    (pool,) = machine.call("dhcp.ListPools")["pools"]
    (reservation,) = pool["reservations"]
    assert (reservation["mac"], reservation["address"]) == (mac, "192.168.1.20")
    with pytest.raises(InvalidConfiguration):
        machine.call("dhcp.AddReservation", pool="lan", mac="02:00:00:00:00:09", address="192.168.1.20")
    with pytest.raises(NotFound):
        machine.call("dhcp.AddReservation", pool="dmz", mac="02:00:00:00:00:09", address="192.168.1.21")
    machine.call("dhcp.RemoveReservation", id=reservation["id"])
    assert machine.lease() not in ("", "192.168.1.20")
    with pytest.raises(NotFound):
        machine.call("dhcp.RemoveReservation", id=reservation["id"])
    assert machine.doctor() == []


def test_a_pool_is_changed_removed_and_added_again(machine: Machine) -> None:
    """Hosts get what it gives at that time; comments beside it stay."""
    before = machine.file("network/dhcp.yaml").read_text()
    assert machine.patronus("pools", "change", "lan", "--range", "192.168.1.210-192.168.1.211").code == 0
    assert machine.lease() in ("192.168.1.210", "192.168.1.211")
    assert machine.patronus("pools", "change", "lan", "--range", "192.168.9.1-192.168.9.2").code != 0
    (pool,) = machine.call("dhcp.ListPools")["pools"]
    assert pool["ranges"] == ["192.168.1.210-192.168.1.211"]
    assert machine.patronus("pools", "remove", "lan").code == 0
    assert "DHCP gives nothing to anybody" in machine.patronus("pools").out
    there = ("--interface", "lan", "--range", "192.168.1.220-192.168.1.221")
    assert machine.patronus("pools", "add", "lan", *there).code == 0
    assert machine.lease() in ("192.168.1.220", "192.168.1.221")
    with pytest.raises(InvalidConfiguration):
        machine.call("dhcp.AddPool", pool={"id": "other", "interface": "nowhere"})
    with pytest.raises(NotFound):
        machine.call("dhcp.RemovePool", id="other")
    kept = [line for line in before.splitlines() if line.startswith("#")]
    assert [line for line in kept if line not in machine.file("network/dhcp.yaml").read_text()] == []
    assert machine.doctor() == []


def test_a_second_item_follows_the_first(machine: Machine) -> None:
    for number in (1, 2):
        machine.call("dns.AddRecord", name=f"host{number}.home.arpa", type="A", value=f"192.168.1.3{number}")
    eventually(lambda: dig(machine.lan, "host1.home.arpa") == ["192.168.1.31"], "the first record")
    eventually(lambda: dig(machine.lan, "host2.home.arpa") == ["192.168.1.32"], "the second record")
    text = machine.file("network/dns.yaml").read_text()
    assert text.index("host1") < text.index("host2")


def test_a_policy_of_routing_moves_and_the_first_that_fits_decides(machine: Machine) -> None:
    """The kernel asks them in their order; nothing else of them changes."""

    def policy(*words: str) -> Said:
        return machine.patronus("routes", "policy", *words)

    def order() -> list[str]:
        return [item["id"] for item in machine.call("routing.ListPolicies")["policies"]]

    def way() -> str:
        return machine.router.ip("route get 192.0.2.1 from 192.168.1.9 iif eth0")

    for last in (253, 254):
        gateway = f"192.168.1.{last}"
        assert policy("add", "--source", "192.168.1.9", "--way", gateway, "--description", gateway).code == 0
    first, second = order()
    eventually(lambda: "via 192.168.1.253" in way(), "the way of the first")
    before = machine.call("routing.ListPolicies")["policies"]
    assert policy("move", second, "--before", first).code == 0
    assert order() == [second, first]
    eventually(lambda: "via 192.168.1.254" in way(), "the way of the one that was moved before it")
    assert policy("move", second, "--at", "1").code == 0
    after = machine.call("routing.ListPolicies")["policies"]
    assert [item["configuration"] for item in after] == [item["configuration"] for item in before]
    for words, said in (
        (("move", second, "--before", "nobody"), "no other policy of routing is called nobody"),
        (("move", "nobody", "--at", "0"), "no policy of routing is called nobody"),
        (("move", second), "it is not said where the policy of routing shall stand"),
    ):
        refused = policy(*words)
        assert refused.code != 0
        assert said in refused.err
    assert order() == [first, second]
    for name in (first, second):
        assert policy("remove", name).code == 0
    assert order() == []
