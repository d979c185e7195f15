# SPDX-License-Identifier: GPL-2.0-or-later
"""What is spoken with other routers: the files' part with devices, secrets' handles and openings. Pure.

An interface without a device takes no part until its card is back, and nothing else goes with it. A neighbour
or an interface whose secret nobody has given stays silent: without it, it would speak to anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Network, ip_network

from patronus.core.feature import Earlier, Plan
from patronus.core.link import IpNetwork
from patronus.core.model import Configuration
from patronus.core.secret import SecretHandle, SecretRef
from patronus.network.dynamic.model import Bgp, Neighbor, Ospf, PrefixList
from patronus.network.interfaces.model import Interface, Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.opening import Opening
from patronus.network.routing.model import Routing
from patronus.secrets.resolve import SecretsPlan

BGP_PORT = 179
BFD_PORTS = (3784, 4784)
"""Of one hop and of several (RFC 5881, RFC 5883)."""
MGMTD, ZEBRA, BFDD, BGPD, OSPFD, OSPF6D = "mgmtd", "zebra", "bfdd", "bgpd", "ospfd", "ospf6d"
DAEMONS = (MGMTD, ZEBRA, BFDD, BGPD, OSPFD, OSPF6D)
"""In the order in which they start: zebra brings the routes of the others to the kernel, and tells
mgmtd of the links; it does so again without a pause where that one is not there."""
_ALWAYS = {MGMTD, ZEBRA}
LINK_LOCAL = IPv6Network("fe80::/10")


@dataclass(frozen=True)
class DynamicPlan(Plan):
    """What the daemons shall speak. ``devices``: role → kernel name, of those that there are.

    ``static`` are the destinations of the file's own routes. ``handles``: name → version of each secret.
    """

    bgp: Bgp | None = None
    ospf: Ospf | None = None
    ospf3: Ospf | None = None
    lists: Mapping[str, PrefixList] = field(default_factory=dict)
    devices: Mapping[str, str] = field(default_factory=dict)
    static: tuple[IpNetwork, ...] = ()
    handles: Mapping[str, SecretHandle] = field(default_factory=dict)

    @property
    def neighbors(self) -> tuple[Neighbor, ...]:
        """Return the neighbours that are spoken to."""
        return tuple(one for one in self.bgp.neighbors if one.enabled) if self.bgp else ()

    def name(self, one: Neighbor) -> str | None:
        """Return what FRR calls a neighbour: by its address, or the device; None while that is not there."""
        return str(one.address) if one.address is not None else self.devices.get(one.interface or "")

    @property
    def daemons(self) -> tuple[str, ...]:
        """Return the daemons that run, in the order in which they start; none where nothing is spoken."""
        spoken = {BGPD: self.bgp, OSPFD: self.ospf, OSPF6D: self.ospf3}
        found = {name for name, part in spoken.items() if part is not None}
        if self._notices():
            found.add(BFDD)
        return tuple(name for name in DAEMONS if found and name in found | _ALWAYS)

    def _notices(self) -> bool:
        links = [one for part in (self.ospf, self.ospf3) if part for one in part.interfaces]
        return any(one.bfd for one in self.neighbors) or any(one.bfd for one in links)


def plan(config: Configuration, earlier: Earlier) -> DynamicPlan:
    """Return the plan; nothing where the file names neither BGP nor OSPF."""
    routing = config.get(Routing)
    if routing.bgp is None and routing.ospf is None and routing.ospf3 is None:
        return DynamicPlan()
    links = earlier.find(InterfacesPlan) or InterfacesPlan()
    secrets = earlier.find(SecretsPlan) or SecretsPlan()
    return DynamicPlan(
        contributions=tuple(openings(config)),
        bgp=routing.bgp,
        ospf=routing.ospf,
        ospf3=routing.ospf3,
        lists={one.id: one for one in routing.prefix_lists},
        devices={role: device for role, device in links.devices.items() if device is not None},
        static=tuple(one.destination for one in routing.routes if one.enabled),
        handles={one.secret: secrets.handle(one) for one in _secrets(routing)},
    )


def _secrets(routing: Routing) -> Iterator[SecretRef]:
    for one in routing.bgp.neighbors if routing.bgp else ():
        if one.password is not None:
            yield one.password
    for part in (routing.ospf, routing.ospf3):
        for link in part.interfaces if part else ():
            if link.password is not None:
                yield link.password


def link_of(one: Neighbor, roles: Iterable[Interface]) -> str | None:
    """Return the interface at which a neighbour is; None where the file does not tell it."""
    if one.interface is not None or one.address is None:
        return one.interface
    for item in roles:
        if any(one.address in own.network for own in (*item.ipv4.addresses, *item.ipv6.addresses)):
            return item.id
    return None


def openings(config: Configuration) -> Iterator[Opening]:
    """Yield what must be let in: BGP and BFD from the neighbours alone, OSPF on its interfaces alone."""
    routing = config.get(Routing)
    roles = {item.id: item for item in config.get(Interfaces).interfaces}
    zones = dict.fromkeys(item.zone for item in roles.values() if item.zone is not None)
    for one in routing.bgp.neighbors if routing.bgp else ():
        if not one.enabled:
            continue
        name = link_of(one, roles.values())
        where, source = roles.get(name or ""), (ip_network(one.address) if one.address else LINK_LOCAL,)
        for zone in [where.zone] if where is not None else zones:
            if zone is not None:
                yield Opening(zone, "tcp", (BGP_PORT,), "bgp", source, name)
                if one.bfd:
                    yield Opening(zone, "udp", BFD_PORTS, "bfd", source, name)
    for part in (routing.ospf, routing.ospf3):
        for link in part.interfaces if part else ():
            role = roles.get(link.interface)
            if role is not None and role.zone is not None and not link.passive:
                yield Opening(role.zone, "ospf", (), "ospf", (), link.interface)
                if link.bfd:
                    yield Opening(role.zone, "udp", BFD_PORTS, "bfd", (), link.interface)
