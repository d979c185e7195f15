# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever XDP drops, nftables alone would have dropped, and for the same rule.

Generated rule sets with translations, connections of every kind in conntrack, and first packets: new ones,
and those of the connections, both ways. ``PATRONUS_SEED``, ``PATRONUS_PLANE_SETS`` and
``PATRONUS_PLANE_PACKETS`` choose the sample.
"""

from __future__ import annotations

import json
import os
import socket
from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Any

import pytest

from patronus.core.connection import Way
from patronus.core.errors import InvalidConfiguration
from patronus.firewall.addresses import EMPTY
from patronus.firewall.judge.verdict import Packet, judge
from patronus.firewall.model.flags import SYN
from patronus.firewall.policy import Policy
from patronus.kernel.conntrack import Conntrack
from tests.netns.firewall.driver import Firewall
from tests.netns.firewall.early import First, Planes
from tests.netns.firewall.generated import HOSTS, PORTS, PREFIXES, ROUTER, ZONES, files
from tests.netns.firewall.test_model_and_kernel import Ears, crowd, route
from tests.netns.lab import Lab, Namespace

__all__ = ["crowd"]

SEED = int(os.environ.get("PATRONUS_SEED", "1"))
RULE_SETS = int(os.environ.get("PATRONUS_PLANE_SETS", "6"))
PACKETS = int(os.environ.get("PATRONUS_PLANE_PACKETS", "150"))
OPEN = {
    "zones": json.dumps(
        {"zones": [{"id": zone, "to": dict.fromkeys((*ZONES, "self"), "allow")} for zone in ZONES]}
    )
}
NOBODY = {"wan": "198.51.100.77", "lan": "192.168.1.77", "guest": "10.10.0.77"}
"""Addresses that nobody has: a connection to one stays half open."""


def with_drops(random: Random) -> dict[str, str]:
    """Return a generated rule set with plain drop rules between the others, and often a masquerade."""
    made = {name: json.loads(text) for name, text in files(random).items()}
    made["zones"]["default"] = "drop"
    rules = made["rules"]["rules"]
    for number in range(random.randint(1, 4)):
        rules.insert(random.randint(0, 2), plain_drop(random, f"d-{number}"))
    if random.random() < 0.6:
        made["nat"]["nat"].append({"id": "m-1", "type": "masquerade", "out": "wan"})
    return {name: json.dumps(data) for name, data in made.items()}


def plain_drop(random: Random, name: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": name, "action": "drop", "protocol": "tcp"}
    if random.random() < 0.6:
        rule[random.choice(["from", "interface"])] = random.choice(ZONES)
    if random.random() < 0.5:
        rule["destination_port"] = f"{PORTS[0]}-{random.choice(PORTS)}"
    if random.random() < 0.3:
        rule[random.choice(["source", "destination"])] = random.choice(PREFIXES)
    return rule


def connect(lab: Lab, random: Random, count: int) -> Iterator[socket.socket]:
    """Yield sockets of connections that are open, half open, refused, or of the router's own."""
    names = [*ZONES, "router"]
    for _ in range(count):
        name = random.choice(names)
        place: Namespace = lab.router if name == "router" else lab.hosts[name].namespace
        own = random.choice(ROUTER if name == "router" else HOSTS[name])
        version = 6 if ":" in own else 4
        targets = [item for zone in ZONES if zone != name for item in (*HOSTS[zone], NOBODY[zone])]
        targets += ROUTER if name != "router" else ()
        target = random.choice([item for item in targets if (":" in item) == (version == 6)])
        found = place.socket(version, socket.SOCK_STREAM)
        found.setblocking(False)
        with suppress(OSError):
            found.bind((own, 0))
            found.connect_ex((target, random.choice(PORTS)))
        yield found


def of_connections(lab: Lab) -> Iterator[First]:
    """Yield a first packet for each direction of each connection, from the host that may send it."""
    with lab.router:
        found = [one.connection for one in Conntrack().tracked()]
        ways = [way for one in found for way in (one.original, one.reply)]
    for way in ways:
        zone = next((zone for zone, found in HOSTS.items() if str(way.source) in found), None)
        if way.protocol == 6 and zone is not None:
            yield first_of(zone, way)


def first_of(zone: str, way: Way) -> First:
    return First(zone, str(way.source), str(way.destination), way.source_port, way.destination_port)


def new_ones(random: Random, count: int) -> Iterator[First]:
    for number in range(count):
        zone = random.choice(ZONES)
        source = random.choice(HOSTS[zone])
        targets = [item for other in ZONES if other != zone for item in HOSTS[other]]
        target = random.choice([item for item in (*targets, *ROUTER) if (":" in item) == (":" in source)])
        flags = random.choice(["S", "S", "S", "SEC", "SP"])
        yield First(zone, source, target, 20000 + number % 10000, random.choice(PORTS), flags=flags)


def decided(policy: Policy, first: First) -> str:
    """Return the rule that drops it by the model, nothing where none does.

    What goes to a blocked address is dropped before, but only nftables looks at that.
    """
    packet = Packet(
        arrives_on=first.arrives_on,
        source=ip_address(first.source),
        destination=ip_address(first.destination),
        protocol=6,
        source_port=first.source_port,
        destination_port=first.destination_port,
        tcp_flags=SYN,
        dscp=0,
    )
    decision = judge(replace(policy, blocked=EMPTY), packet, lambda one: route(one.destination))
    return decision.origin if decision.action == "drop" else ""


@pytest.mark.parametrize("seed", range(SEED, SEED + 1))
def test_what_xdp_drops_nftables_alone_drops_for_the_same_rule(crowd: Lab, pins: Path, seed: int) -> None:
    firewall, ears, planes = Firewall(crowd), Ears(crowd), Planes(crowd, pins)
    dropped = sent = 0
    for number in range(RULE_SETS):
        random = Random(f"{seed}/{number}")
        made = with_drops(random)
        with ExitStack() as stack:
            try:
                firewall.apply(**OPEN, nat=made["nat"] if random.random() < 0.5 else "nat: []")
                for one in connect(crowd, random, 20):
                    stack.enter_context(one)
                firewall.apply(**made)
            except InvalidConfiguration:
                continue
            for one in connect(crowd, random, 20):
                stack.enter_context(one)
            assert firewall.running is not None
            table = planes.take(firewall.running)
            tally: Tally[str] = Tally()
            early: dict[int, First] = {}
            for first in (*of_connections(crowd), *new_ones(random, PACKETS)):
                sent += 1
                numbered = replace(first, number=sent)
                if planes.dropped_early(numbered):
                    early[sent] = numbered
                    tally[decided(firewall.running.policy, numbered)] += 1
                planes.send(numbered)
            where = f"rule set {number} of seed {seed}: {made}"
            assert [early[one] for one in planes.passed() & early.keys()] == [], where
            assert dict(tally) == planes.counted(table.drops.values()), where
            dropped += len(early)
            ears.heard()
    print(f"seed {seed}: {sent} packets, XDP dropped {dropped}, spared {planes.spared()} of connections")
    planes.close()
    ears.close()
    assert dropped > sent // 20
    assert planes.spared() > RULE_SETS
