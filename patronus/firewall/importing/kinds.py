# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel takes the address for that a packet is for (iptables' addrtype), as addresses."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network

from patronus.firewall.addresses import Version, ends, outside
from patronus.firewall.importing.condition import ALL_ADDRESSES, Condition, Intervals, Unsaid

LOCAL, MULTICAST = frozenset({"LOCAL"}), frozenset({"MULTICAST"})
POSSIBLE: Mapping[tuple[str, Version], frozenset[str]] = {
    ("INPUT", 4): LOCAL | MULTICAST | {"BROADCAST"},
    ("INPUT", 6): LOCAL | MULTICAST | {"ANYCAST"},
    ("FORWARD", 4): MULTICAST | {"UNICAST"},
    ("FORWARD", 6): MULTICAST | {"UNICAST"},
}
"""What an address can be where a packet comes to a chain of the filter."""
BROADCASTS = "taken for the broadcast addresses of networks, too"
_MULTICAST: Mapping[Version, Intervals] = {
    4: (ends(ip_network("224.0.0.0/4")),),
    6: (ends(ip_network("ff00::/8")),),
}
_EVERYBODY: Intervals = (ends(ip_network("255.255.255.255/32")),)


def addressed(asked: Condition, chain: str, version: Version) -> tuple[Condition, str | None]:
    """Return the condition by addresses, and what is not quite the same in it. Raises Unsaid."""
    kinds, possible = asked.kinds, POSSIBLE[chain, version]
    if kinds is None or kinds == possible:
        return asked, None
    everything, groups = ALL_ADDRESSES[version], _MULTICAST[version]
    if kinds == MULTICAST:
        return asked.both(Condition(destination=groups)), None
    if kinds == possible - MULTICAST:
        return asked.both(Condition(destination=outside(groups, everything))), None
    if kinds == LOCAL:
        others = (*groups, *_EVERYBODY) if version == 4 else groups
        return asked.both(Condition(destination=outside(others, everything))), BROADCASTS
    raise Unsaid(f"--dst-type {','.join(sorted(kinds))} has no word here")
