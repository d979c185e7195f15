# SPDX-License-Identifier: GPL-2.0-or-later
"""Rule sets and packets made from a seed, over few addresses and ports, so that they meet often."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import Any

PORTS = tuple(range(2000, 2006))
HOSTS = {
    "wan": ("198.51.100.9", "198.51.100.10", "2001:db8:1::9", "2001:db8:1::a"),
    "lan": ("192.168.1.30", "192.168.1.31", "fd00:1::30", "fd00:1::31"),
    "guest": ("10.10.0.50", "10.10.0.51", "fd00:2::50", "fd00:2::51"),
}
ROUTER = ("198.51.100.2", "192.168.1.1", "10.10.0.1", "2001:db8:1::2", "fd00:1::1", "fd00:2::1")
DSCP = (0, 10, 46)
ZONES = ("wan", "lan", "guest")
PREFIXES = (
    "198.51.100.0/24", "198.51.100.9", "192.168.1.30", "192.168.1.0/24", "10.10.0.50-10.10.0.51",
    "10.10.0.51", "0.0.0.0/0", "2001:db8:1::/64", "fd00:1::30", "fd00:1::/64", "fd00:2::50-fd00:2::51",
    "::/0",
)  # fmt: skip


@dataclass(frozen=True)
class Sent:
    """A packet of the test: who sends it, from and to which address, over what, to which port, how urgent."""

    host: str
    source: str
    destination: str
    protocol: int
    port: int
    dscp: int = 0


def files(random: Random) -> dict[str, str]:
    """Return the files of one rule set; JSON is YAML."""
    zones = [{"id": zone, "to": _to(random)} for zone in ZONES]
    rules = [_rule(random, number) for number in range(random.randint(1, 12))]
    aliases = [{"id": "some", "addresses": _addresses(random)}, {"id": "ports", "ports": _ports(random)}]
    made = {
        "zones": {"zones": zones, "default": random.choice(["drop", "reject"])},
        "rules": {"aliases": aliases, "rules": rules},
        "nat": {"nat": [_translation(random, number) for number in range(random.randint(0, 3))]},
        "blocklist": _blocklist(random),
    }
    return {name: json.dumps(data) for name, data in made.items()}


def _to(random: Random) -> dict[str, str]:
    others = random.sample((*ZONES, "self"), random.randint(0, 3))
    return {zone: random.choice(["allow", "drop", "reject"]) for zone in others}


def _rule(random: Random, number: int) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": f"r-{number}", **_action(random)}
    key = random.choice(["from", "from", "interface", None])
    if key:
        rule[key] = random.choice(ZONES)
    if random.random() < 0.6:
        rule["to"] = random.choice((*ZONES, "self"))
    for side in ("source", "destination"):
        if random.random() < 0.4:
            rule[side] = random.choice([_addresses(random), "@some"])
    rule |= _transport(random)
    if random.random() < 0.15:
        rule["dscp"] = random.sample(DSCP, random.randint(1, 2))
    if random.random() < 0.15:
        rule["mark"] = random.choice(["0x1", "0x2/0x2", "0x0/0x1"])
    return rule


def _transport(random: Random) -> dict[str, Any]:
    if random.random() >= 0.7:
        return {"protocol": "gre"} if random.random() < 0.2 else {}
    found: dict[str, Any] = {"protocol": random.choice(["tcp", "udp", ["tcp", "udp"]])}
    if random.random() < 0.7:
        found["destination_port"] = random.choice([_ports(random), "@ports"])
    if found["protocol"] == "tcp" and random.random() < 0.2:
        found["tcp_flags"] = random.choice(["syn", ["syn", "!ack"], "!syn", "ack"])
    return found


def _action(random: Random) -> dict[str, Any]:
    if random.random() < 0.2:
        return {"action": "mark", "set_mark": random.choice(["0x1", "0x2/0x2", "0x0/0x1"])}
    return {"action": random.choice(["allow", "drop", "reject"] * 3 + ["count"])}


def _addresses(random: Random) -> list[str]:
    return random.sample(PREFIXES, random.randint(1, 4))


def _ports(random: Random) -> list[Any]:
    first, last = sorted(random.choices(PORTS, k=2))
    return [random.choice(PORTS), f"{first}-{last}"]


def _translation(random: Random, number: int) -> dict[str, Any]:
    kind = random.choice(["dnat", "dnat", "dnat", "one-to-one", "exempt"])
    if kind == "dnat":
        return _forward(random, number)
    if kind == "exempt":
        found: dict[str, Any] = (
            {"source": _addresses(random)} if random.random() < 0.5 else {"protocol": "udp"}
        )
        return {"id": f"n-{number}", "type": kind, "in": "wan", **found}
    six = random.random() < 0.4
    inside = random.choice([item for item in HOSTS["lan"] if (":" in item) == six])
    outside = ROUTER[3] if six else ROUTER[0]
    switches = {"hairpin": random.random() < 0.5, "rule": random.random() < 0.8}
    return {
        "id": f"n-{number}", "type": kind, "zone": "wan", "inside": inside, "outside": outside, **switches
    }  # fmt: skip


def _forward(random: Random, number: int) -> dict[str, Any]:
    six = random.random() < 0.4
    target = random.choice([item for item in HOSTS["lan"] if (":" in item) == six])
    port = random.choice(PORTS)
    entry: dict[str, Any] = {
        "id": f"n-{number}",
        "type": "dnat",
        "in": "wan",
        "protocol": random.choice(["tcp", "udp", ["tcp", "udp"]]),
        "destination_port": port,
        "hairpin": random.random() < 0.5,
        "rule": random.random() < 0.8,
    }
    entry["to"] = f"[{target}]:{random.choice(PORTS)}" if six else f"{target}:{random.choice(PORTS)}"
    return entry


def _blocklist(random: Random) -> dict[str, Any]:
    if random.random() < 0.6:
        return {}
    prefixes = [item for item in PREFIXES if "-" not in item and not item.endswith("/0")]
    found = [{"id": f"b-{at}", "prefix": item} for at, item in enumerate(random.sample(prefixes, 2))]
    return {"prefixes": found, "never": random.sample(prefixes, 1)}


def packets(random: Random, count: int) -> list[Sent]:
    """Return packets between hosts of different networks, and to the router."""
    found: list[Sent] = []
    while len(found) < count:
        host = random.choice(ZONES)
        other = random.choice([zone for zone in ZONES if zone != host])
        source = random.choice(HOSTS[host])
        targets = [item for item in (*HOSTS[other], *ROUTER) if (":" in item) == (":" in source)]
        target, protocol = random.choice(targets), random.choice([6, 17])
        found.append(Sent(host, source, target, protocol, random.choice(PORTS), random.choice(DSCP)))
    return found
