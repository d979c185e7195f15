# SPDX-License-Identifier: GPL-2.0-or-later
"""Links that the kernels of workstations may lack: VLAN, bond and dummy come, change and go."""

from __future__ import annotations

import json
from typing import Any

from tests.vm.lab import Lab

FILE = "/etc/patronus/network/interfaces.yaml"
MORE = """
  - id: port
    match: {{mac: "{mac}"}}
  - id: trunk
    bond: {{members: [port], mode: {mode}, hash: layer3+4}}
  - id: voice
    vlan: {{parent: trunk, tag: 30}}
    zone: lan
    ipv4: {{method: static, addresses: [10.30.0.1/24]}}
  - id: loop
    dummy: {{}}
    ipv4: {{method: static, addresses: [192.0.2.1/32]}}
"""


def links(lab: Lab) -> dict[str, dict[str, Any]]:
    found = json.loads(lab.guest.succeed("ip -json -details address"))
    return {str(one["ifname"]): one for one in found}


def addresses(link: dict[str, Any]) -> set[str]:
    return {f"{one['local']}/{one['prefixlen']}" for one in link["addr_info"] if one["family"] == "inet"}


def commit(lab: Lab, text: str) -> None:
    """Commit an interfaces file: that the kernel is as planned afterwards is part of it."""
    lab.guest.copy_to(text.encode(), FILE)
    lab.guest.succeed("patronus config commit")


def test_vlan_bond_and_dummy_are_made_changed_and_taken_away(lab: Lab) -> None:
    card = lab.link(lab.nics[2])
    before = lab.guest.succeed(f"cat {FILE}")
    commit(lab, before + MORE.format(mac=lab.nics[2].mac, mode="802.3ad"))
    made = links(lab)
    bond = made["trunk"]["linkinfo"]["info_data"]
    assert (bond["mode"], bond["miimon"], bond["xmit_hash_policy"]) == ("802.3ad", 100, "layer3+4")
    assert made[card]["master"] == "trunk" and "UP" in made[card]["flags"]
    assert (made["voice"]["link"], made["voice"]["linkinfo"]["info_data"]["id"]) == ("trunk", 30)
    assert (addresses(made["voice"]), addresses(made["loop"])) == ({"10.30.0.1/24"}, {"192.0.2.1/32"})
    commit(lab, before + MORE.format(mac=lab.nics[2].mac, mode="balance-xor"))
    changed = links(lab)
    assert changed["trunk"]["linkinfo"]["info_data"]["mode"] == "balance-xor"
    assert (changed[card]["master"], addresses(changed["voice"])) == ("trunk", {"10.30.0.1/24"})
    commit(lab, before)
    left = links(lab)
    assert not {"trunk", "voice", "loop"} & left.keys() and "master" not in left[card]
