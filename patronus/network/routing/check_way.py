# SPDX-License-Identifier: GPL-2.0-or-later
"""A way of a route or a policy: is there such an interface, and can the gateway ever be a neighbour? Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from patronus.core.problem import Path, Problem
from patronus.network.interfaces.model import Interface, Ipv4, Ipv6
from patronus.network.routing.model import Gateway, StaticRoute

SECTION_PATH = "network/routing"


def check_gateways(
    path: Path, gateways: Sequence[Gateway], version: int | None, interfaces: Mapping[str, Interface]
) -> Iterator[Problem]:
    """Check each of several ways, and that none is there twice."""
    for position, way in enumerate(gateways):
        yield from check_way((*path, position), way, version, interfaces, "where this way leads")
        if any((way.gateway, way.interface) == (one.gateway, one.interface) for one in gateways[:position]):
            yield Problem((*path, position), "this way is there twice", hint="give the other one more weight")
        elif way.gateway is None and way.interface in interfaces and len(gateways) > 1 and version != 4:
            text = "IPv6 spreads over gateways alone, and this way has none"
            hint = "name its gateway" if version else "name its gateway, or an IPv4 source or destination"
            yield Problem((*path, position), text, hint=hint)


def check_way(
    path: Path,
    item: StaticRoute | Gateway,
    version: int | None,
    interfaces: Mapping[str, Interface],
    what: str,
) -> Iterator[Problem]:
    """Check gateway and interface; what an uplink or a provider gives later is not known here.

    ``version`` is that of the packets, None where they may be of both.
    """
    gateway = item.gateway
    if item.interface is not None and item.interface not in interfaces:
        known = "one of " + ", ".join(sorted(interfaces)) if interfaces else "none is configured"
        yield Problem((*path, "interface"), f"there is no interface {item.interface}", item.interface, known)
        return
    if gateway is None:
        if item.interface is None:
            yield Problem(path, f"nothing says {what}", allowed="gateway, interface, or both")
        return
    path = (*path, "gateway")
    if version not in (None, gateway.version):
        destination = item.destination if isinstance(item, StaticRoute) else f"an IPv{version} network"
        text = f"{gateway} cannot lead to {destination}"
        yield Problem(path, text, gateway, f"an IPv{version} address")
        return
    if gateway.is_link_local:
        if item.interface is None:
            text = f"{gateway} is on every link"
            yield Problem(path, text, gateway, hint="add interface: the one behind which it is")
        return
    yield from _check_reach(path, item, interfaces)


def _check_reach(
    path: Path, way: StaticRoute | Gateway, interfaces: Mapping[str, Interface]
) -> Iterator[Problem]:
    gateway = way.gateway
    assert gateway is not None
    asked = [interfaces[way.interface]] if way.interface else list(interfaces.values())
    families: list[Ipv4 | Ipv6] = [one.ipv4 if gateway.version == 4 else one.ipv6 for one in asked]
    own = [address for family in families for address in family.addresses]
    if any(gateway == address.ip for address in own):
        yield Problem(path, f"{gateway} is the router itself", gateway)
    elif not any(gateway in address.network for address in own) and not any(map(_comes_later, families)):
        where = f"in no subnet of {way.interface}" if way.interface else "in no interface's subnet"
        yield Problem(path, f"{gateway} is {where}", gateway, hint="a gateway is a neighbour of the router")


def _comes_later(family: Ipv4 | Ipv6) -> bool:
    """Return whether an interface gets addresses that the file does not name."""
    return family.method not in ("static", "none")
