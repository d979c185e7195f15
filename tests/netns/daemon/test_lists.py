# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs that add to a list which the file does not have yet: reservations and records, end to end."""

from __future__ import annotations

import json

import pytest

from patronus.core.errors import InvalidConfiguration, NotFound
from tests.netns.daemon.machine import Machine, eventually
from tests.netns.services.network import dig


def test_a_record_comes_and_goes(machine: Machine) -> None:
    machine.lease()
    before = machine.file("network/dns.yaml").read_text()
    assert "records" not in before
    machine.call("dns.AddRecord", name="nas.home.arpa", type="A", value="192.168.1.30")
    text = machine.file("network/dns.yaml").read_text()
    assert text.startswith(before)
    eventually(lambda: dig(machine.lan, "nas.home.arpa") == ["192.168.1.30"], "the record")
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


def test_a_second_item_follows_the_first(machine: Machine) -> None:
    for number in (1, 2):
        machine.call("dns.AddRecord", name=f"host{number}.home.arpa", type="A", value=f"192.168.1.3{number}")
    eventually(lambda: dig(machine.lan, "host1.home.arpa") == ["192.168.1.31"], "the first record")
    eventually(lambda: dig(machine.lan, "host2.home.arpa") == ["192.168.1.32"], "the second record")
    text = machine.file("network/dns.yaml").read_text()
    assert text.index("host1") < text.index("host2")
