# SPDX-License-Identifier: GPL-2.0-or-later
"""The guards against floods that XDP holds too, at each way in. Pure.

XDP and nftables count apart, each with a bucket of its own for every source: what XDP lets pass keeps to the
limit already, so nftables drops little more. Where XDP cannot look (a bridge, a bond, a session), nftables
alone holds the limit.
"""

from __future__ import annotations

from collections.abc import Mapping

from patronus.core.early import EarlyLimits, Ingress, Limited, SourceLimit
from patronus.firewall.guards import ICMP_FLOOD, SYN_FLOOD, UDP_FLOOD
from patronus.firewall.policy import Policy

KINDS = {SYN_FLOOD: Limited.SYN, UDP_FLOOD: Limited.UDP, ICMP_FLOOD: Limited.ICMP}
"""Guard → what it limits."""
ASKS_CONNTRACK = frozenset({Limited.SYN, Limited.UDP})
"""What is dropped only where conntrack knows no connection."""


def early_limits(
    policy: Policy, ways: Mapping[str, Ingress], tagged: frozenset[str] = frozenset()
) -> EarlyLimits:
    """Return the limits that XDP holds; ``ways`` are how packets come in at the devices of zones."""
    found: dict[Ingress, tuple[SourceLimit, ...]] = {}
    for name, flood in policy.guards.floods.items():
        limit = SourceLimit(KINDS[name], name, flood.rate.count, flood.rate.per_s, flood.burst)
        for device, way in ways.items():
            if flood.early and policy.zone_of[device] in flood.zones:
                found[way] = (*found.get(way, ()), limit)
    return EarlyLimits(found, tagged)


def without_conntrack(wanted: EarlyLimits) -> EarlyLimits:
    """Return the limits that can be held where conntrack cannot be asked."""
    found = {
        way: kept
        for way, here in wanted.limits.items()
        if (kept := tuple(one for one in here if one.kind not in ASKS_CONNTRACK))
    }
    return EarlyLimits(found, wanted.tagged)
