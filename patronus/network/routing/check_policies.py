# SPDX-License-Identifier: GPL-2.0-or-later
"""What one policy alone cannot show: interfaces that are not there, families that do not fit. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from patronus.core.problem import Path, Problem
from patronus.core.route_table import UPLINK_BITS
from patronus.network.interfaces.model import Interface
from patronus.network.routing.check_vrf import check_policy
from patronus.network.routing.check_way import SECTION_PATH, check_gateways
from patronus.network.routing.model import RoutePolicy, Routing
from patronus.network.routing.tables import families_of


def check_policies(routing: Routing, interfaces: Mapping[str, Interface]) -> Iterator[Problem]:
    """Yield every problem of the policies."""
    for position, policy in enumerate(routing.policies):
        path: Path = (SECTION_PATH, "policies", position)
        yield from _check_conditions(path, policy, interfaces)
        yield from check_policy(path, policy, interfaces)
        families = families_of(policy)
        if not families:
            text = f"{policy.source} and {policy.destination} are of different families"
            yield Problem((*path, "destination"), text, policy.destination)
            continue
        if (policy.uplink is None) is not bool(policy.gateways):
            said = "nothing says" if policy.uplink is None else "two things say"
            yield Problem(path, f"{said} where {policy.id} leads", allowed="gateways, or an uplink")
        version = families[0] if len(families) == 1 else None
        yield from check_gateways((*path, "gateways"), policy.gateways, version, interfaces)


def _check_conditions(
    path: Path, policy: RoutePolicy, interfaces: Mapping[str, Interface]
) -> Iterator[Problem]:
    conditions = (policy.source, policy.destination, policy.interface, policy.protocol, policy.mark)
    if not any(condition is not None for condition in conditions):
        text = f"{policy.id} is for every packet"
        hint = "a static route to 0.0.0.0/0 does that"
        yield Problem(path, text, allowed="source, destination, interface, protocol or mark", hint=hint)
    if policy.interface is not None and policy.interface not in interfaces:
        known = "one of " + ", ".join(sorted(interfaces)) if interfaces else "none is configured"
        text = f"there is no interface {policy.interface}"
        yield Problem((*path, "interface"), text, policy.interface, known)
    if policy.ports and policy.protocol is None:
        yield Problem((*path, "ports"), "ports mean nothing without a protocol", hint="protocol: tcp")
    if policy.mark is not None and (policy.mark.value & UPLINK_BITS or not policy.mark.mask & ~UPLINK_BITS):
        text = f"the bits {UPLINK_BITS:#x} of a mark hold the uplink of a connection"
        yield Problem((*path, "mark"), text, str(policy.mark), f"bits of {~UPLINK_BITS & 0xFFFFFFFF:#x}")
