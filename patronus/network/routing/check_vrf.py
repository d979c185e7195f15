# SPDX-License-Identifier: GPL-2.0-or-later
"""Which ways stay within one routing table, and which would lead from one VRF into another. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from patronus.core.problem import Path, Problem
from patronus.network.interfaces.check_vrf import not_in_vrf
from patronus.network.interfaces.model import Interface, vrfs_of
from patronus.network.routing.model import Gateway, RoutePolicy, StaticRoute

Interfaces = Mapping[str, Interface]


def vrf_of(way: StaticRoute | Gateway, interfaces: Interfaces) -> str | None:
    """Return the VRF that a way leads to; None for the main table."""
    return vrfs_of(interfaces.values()).get(_role(way, interfaces) or "")


def _role(way: StaticRoute | Gateway, interfaces: Interfaces) -> str | None:
    """Return the interface of a way: the one that it names, else the one in whose subnet its gateway is."""
    if way.interface is not None or way.gateway is None:
        return way.interface
    return next(
        (
            one.id
            for one in interfaces.values()
            if any(way.gateway in own.network for own in (*one.ipv4.addresses, *one.ipv6.addresses))
        ),
        None,
    )


def check_one_table(path: Path, ways: Sequence[Gateway], interfaces: Interfaces) -> Iterator[Problem]:
    """Yield the ways that are in another VRF than the first."""
    found = [vrf_of(way, interfaces) for way in ways]
    for position, vrf in enumerate(found):
        if vrf != found[0]:
            text = f"this way is in {_named(vrf)}, and the first in {_named(found[0])}"
            yield Problem((*path, position), text, hint="two routes, one for each table")


def _named(vrf: str | None) -> str:
    return f"the VRF {vrf}" if vrf is not None else "the main table"


def check_policy(path: Path, policy: RoutePolicy, interfaces: Interfaces) -> Iterator[Problem]:
    """Refuse policies about VRFs: their packets are looked up in their own tables first."""
    every = interfaces.values()
    yield from not_in_vrf((*path, "interface"), policy.interface, every, "policies are not asked")
    for position, way in enumerate(policy.gateways):
        at: Path = (*path, "gateways", position)
        yield from not_in_vrf(at, _role(way, interfaces), every, "policies do not lead")
