# SPDX-License-Identifier: GPL-2.0-or-later
"""The export for iptables: iptables-restore takes it, and what it decides is what the model says.

Rule sets and packets are drawn from a seed; nftables has no table on the router while they are sent.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from random import Random

import pytest

from patronus.core.errors import InvalidConfiguration
from patronus.firewall.addresses import Version
from patronus.firewall.exporting.iptables import iptables
from patronus.firewall.policy import Policy
from tests.netns.firewall.driver import Firewall
from tests.netns.firewall.generated import files, packets
from tests.netns.firewall.test_model_and_kernel import (  # noqa: F401
    Ears,
    crowd,
    forget,
    kernel_says,
    model_says,
)
from tests.netns.lab import Lab

SEED = os.environ.get("PATRONUS_SEED", "1")
RULE_SETS = 4
PACKETS = 100
RESTORE: dict[Version, str] = {4: "iptables-legacy-restore", 6: "ip6tables-legacy-restore"}
EVERYTHING = """
aliases:
  - {id: some, addresses: [10.0.0.0/8, 192.0.2.1-192.0.2.9, "2001:db8::/32"]}
rules:
  - {id: r-1, source: "@some", protocol: [tcp, udp], destination_port: [22, 8000-8100], action: allow,
     limit: {rate: 10/s, burst: 20, per: source}, connections: {most: 20, per: source}, log: true}
  - {id: r-2, from: lan, protocol: tcp, tcp_flags: [syn, "!ack"], action: reject, reject_with: tcp-reset}
  - {id: r-3, from: {zone: lan, mac: "52:54:00:00:00:99"}, action: mark, set_mark: "0x10/0xf0"}
  - {id: r-4, mark: "0x10/0xf0", dscp: [ef, af41], action: reject, reject_with: no-route}
  - {id: r-5, protocol: [icmp, icmpv6], icmp_type: echo-request, action: allow, limit: {rate: 5/min}}
  - {id: r-6, interface: guest, action: log, log: {rate: 1/s, prefix: word}}
  - {id: r-7, from: guest, protocol: gre, action: count}
  - {id: r-8, from: wan, action: allow, connections: {most: 100}}
  - {id: r-9, protocol: tcp, tcp_flags: ece, action: drop}
  - {id: r-10, from: guest, action: drop, limit: {rate: 9/s, over: true}, connections: {most: 7, over: true}}
  - {id: r-11, from: guest, action: drop, limit: {rate: 5/s, per: source, over: true},
     connections: {most: 3, per: source, over: true}}
"""
NAT = """
nat:
  - {id: n-1, type: masquerade, out: wan, family: both}
  - {id: n-2, type: dnat, in: wan, protocol: tcp, destination_port: 9000-9003, to: "192.168.1.30:80-83"}
  - {id: n-3, type: dnat, in: wan, protocol: [tcp, udp], destination_port: 53, to: "[fd00:1::30]:5353",
     destination: "2001:db8:1::2", hairpin: true}
"""


def alone(lab: Lab, firewall: Firewall, files: dict[str, str]) -> Policy:
    """Return the policy of the files, and leave no table of nftables on the router."""
    firewall.restart()
    firewall.apply(**files)
    assert firewall.running is not None
    lab.router.run("nft", "delete", "table", "inet", "patronus")
    return firewall.running.policy


def restore(lab: Lab, folder: Path, policy: Policy, *options: str) -> dict[str, str]:
    """Load the export for both families, and return what it leaves out."""
    left: dict[str, str] = {}
    for version, command in RESTORE.items():
        text, reasons = iptables(policy, version)
        path = folder / command
        path.write_text(text)
        lock = {**os.environ, "XTABLES_LOCKFILE": str(folder / "lock")}
        with lab.router:
            done = subprocess.run(
                [command, *options, path], env=lock, capture_output=True, text=True, check=False
            )
        assert done.returncode == 0, f"{done.stderr}\n{text}"
        left |= reasons
    return left


@pytest.mark.usefixtures("crowd")
def test_what_iptables_decides_is_what_the_model_says(lab: Lab, tmp_path: Path) -> None:
    firewall, ears, compared, fates = Firewall(lab), Ears(lab), 0, set()
    for number in range(RULE_SETS):
        random = Random(f"iptables/{SEED}/{number}")
        made = files(random)
        try:
            policy = alone(lab, firewall, made)
        except InvalidConfiguration:
            continue
        assert all(origin.startswith("guard/") for origin in restore(lab, tmp_path, policy))
        forget(lab)
        sent = packets(random, PACKETS)
        for item, fate in zip(sent, kernel_says(lab, ears, sent), strict=True):
            assert fate == model_says(policy, item), f"rule set {number} of seed {SEED}: {item}\n{made}"
            compared += 1
            fates.add(fate.partition(" ")[0])
    ears.close()
    assert compared >= PACKETS * RULE_SETS // 3
    assert {"drop", "reject", "connected"} <= fates


def test_every_kind_of_rule_is_taken_or_left_out_by_name(lab: Lab, tmp_path: Path) -> None:
    policy = alone(
        lab,
        Firewall(lab),
        {"rules": EVERYTHING, "nat": NAT, "blocklist": "prefixes: [{id: b, prefix: 203.0.113.0/24}]"},
    )
    left = restore(lab, tmp_path, policy, "--test")
    assert left.pop("rule/r-9") == "iptables knows no ece and cwr among the flags of TCP"
    assert left.keys() == {"guard/spoofed"}
    text = (tmp_path / RESTORE[4]).read_text()
    assert "# left out: rule/r-9" in text
    assert "--hashlimit-mode srcip" in text
    assert "--hashlimit-above 9/second --hashlimit-burst 5 --hashlimit-name r-10" in text
    assert "--connlimit-above 3 --connlimit-mask 32 --connlimit-saddr" in text
    assert "--to-destination 192.168.1.30:83" in text
    assert "2001:db8" not in text
