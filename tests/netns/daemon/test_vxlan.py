# SPDX-License-Identifier: GPL-2.0-or-later
"""A VXLAN through the real rules: its other end is heard, and nobody else at that port."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.netns.daemon.machine import Machine, eventually
from tests.netns.lab import Namespace

INSIDE = {"method": "static", "addresses": ["10.42.0.1/24"]}


def first(namespace: Namespace, device: str) -> str:
    """Return the first IPv4 address of a device."""
    found = json.loads(namespace.run("ip", "-j", "-4", "address", "show", "dev", device))
    return str(found[0]["addr_info"][0]["local"])


def reaches(namespace: Namespace, address: str) -> bool:
    command = ["ping", "-c", "1", "-W", "1", address]
    with namespace:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def received(machine: Machine, role: str) -> int:
    """Return how many packets have come out of an interface."""
    found: list[dict[str, Any]] = machine.call("interfaces.List")["interfaces"]
    return next(int(item["counters"]["rx_packets"]) for item in found if item["id"] == role)


def test_the_other_end_of_a_vxlan_is_heard_and_nobody_else(machine: Machine) -> None:
    machine.uplinked()
    there, here = first(machine.wan, "isp"), first(machine.router, "eth1")
    machine.wan.ip(f"link add vx type vxlan id 42 local {there} remote {here} dstport 4789 dev isp")
    machine.wan.ip("address add 10.42.0.2/24 dev vx")
    machine.wan.ip("link set vx up")
    branch = {"id": "branch", "zone": "lan", "ipv4": INSIDE}
    machine.call(
        "interfaces.Add", interface={**branch, "vxlan": {"parent": "wan", "vni": 42, "remote": there}}
    )
    eventually(lambda: reaches(machine.wan, "10.42.0.1"), "an answer through the VXLAN")
    assert received(machine, "branch") > 0 and machine.doctor() == []
    stranger = {"parent": "wan", "vni": 42, "remote": here.rpartition(".")[0] + ".250"}
    machine.call("interfaces.Replace", id="branch", interface={**branch, "vxlan": stranger})
    before = received(machine, "branch")  # one may have come while the link was new and the rules were not
    assert not reaches(machine.wan, "10.42.0.1")
    assert received(machine, "branch") == before
    machine.call("interfaces.Remove", id="branch")
    machine.wan.ip("link delete vx")
    assert "branch" not in machine.router.ip("link") and machine.doctor() == []
