# SPDX-License-Identifier: GPL-2.0-or-later
"""The guards of ``firewall/protection`` with their zones and addresses resolved. Pure.

Their names are those of their counters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from patronus.core.model import Configuration
from patronus.core.values import Frequency
from patronus.firewall.addresses import EMPTY, AddressSet, IpAddress, IpNetwork
from patronus.firewall.model.protection import Guard, IcmpFlood, PortScan, Protection, SynFlood, UdpFlood
from patronus.firewall.model.zones import Zones
from patronus.firewall.resolve.uplinks import uplink_zones
from patronus.network.interfaces.plan import InterfacesPlan

SPOOFED, BOGONS, PORT_SCAN = "spoofed", "bogons", "port-scan"
SYN_FLOOD, UDP_FLOOD, ICMP_FLOOD = "syn-flood", "udp-flood", "icmp-flood"
REASONS = (SPOOFED, BOGONS, SYN_FLOOD, UDP_FLOOD, ICMP_FLOOD, PORT_SCAN)
UNROUTABLE = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/3", "::/3", "4000::/2", "8000::/2", "c000::/3", "e000::/4", "f000::/5", "f800::/6",
    "fc00::/7", "fec0::/10", "ff00::/8", "2001:2::/48", "2001:10::/28", "2001:db8::/32", "3fff::/20",
)  # fmt: skip
"""No source on the internet (IANA special-purpose registries, RFC 6890); fe80::/10 is any neighbour's."""
BOGON_SET = AddressSet.of(map(ip_network, UNROUTABLE))


@dataclass(frozen=True)
class Flood:
    """A guard that counts each source for itself; ``early``: XDP holds it too."""

    zones: frozenset[str]
    rate: Frequency
    burst: int
    early: bool = False


@dataclass(frozen=True)
class Guards:
    """Each guard with the zones in which it looks; none where it is off.

    ``known`` are addresses that are no bogons here; ``shut_out_s`` is how long a scanner is.
    """

    spoofing: frozenset[str] = frozenset()
    bogons: frozenset[str] = frozenset()
    known: AddressSet = EMPTY
    syn: Flood | None = None
    udp: Flood | None = None
    icmp: Flood | None = None
    scan: Flood | None = None
    shut_out_s: int = 0

    def is_bogon(self, zone: str, source: IpAddress) -> bool:
        """Return whether a packet from the source is dropped in the zone for being from nobody."""
        return zone in self.bogons and source in BOGON_SET and source not in self.known

    @property
    def floods(self) -> dict[str, Flood]:
        """Return the guards against floods that stand, by their names."""
        found = {SYN_FLOOD: self.syn, UDP_FLOOD: self.udp, ICMP_FLOOD: self.icmp}
        return {name: flood for name, flood in found.items() if flood is not None}

    @property
    def where(self) -> dict[str, frozenset[str]]:
        """Return each guard's zones, by its name."""
        nowhere: frozenset[str] = frozenset()
        scan = self.scan.zones if self.scan is not None else nowhere
        found = {SPOOFED: self.spoofing, BOGONS: self.bogons, PORT_SCAN: scan}
        return (
            {name: nowhere for name in REASONS}
            | found
            | {name: flood.zones for name, flood in self.floods.items()}
        )


def guards(config: Configuration, links: InterfacesPlan) -> Guards:
    """Return the guards that the configuration means."""
    wanted = config.get(Protection)
    every = frozenset(zone.id for zone in config.get(Zones).zones)
    outside = uplink_zones(config) & every

    bogons = _zones(wanted.bogons, outside)
    return Guards(
        spoofing=_zones(wanted.anti_spoofing, every - outside),
        bogons=bogons,
        known=AddressSet.of([*wanted.bogons.allow, *_networks(bogons, links)]) if bogons else EMPTY,
        syn=_flood(wanted.syn_flood, outside),
        udp=_flood(wanted.udp_flood, outside),
        icmp=_flood(wanted.icmp_flood, outside),
        scan=_flood(wanted.port_scan, outside),
        shut_out_s=wanted.port_scan.for_,
    )


def _zones(guard: Guard, suiting: frozenset[str]) -> frozenset[str]:
    if not guard.enabled:
        return frozenset()
    return suiting if guard.zones is None else frozenset(guard.zones)


def _flood(guard: SynFlood | UdpFlood | IcmpFlood | PortScan, suiting: frozenset[str]) -> Flood | None:
    zones = _zones(guard, suiting)
    early = not isinstance(guard, PortScan) and guard.early
    return Flood(zones, guard.rate, guard.burst, early) if zones else None


def _networks(zones: frozenset[str], links: InterfacesPlan) -> Iterator[IpNetwork]:
    """Yield the networks that the zones' interfaces are in."""
    for zone in zones:
        for role in links.zones.get(zone, ()):
            yield from (item.network for item in links.addresses.get(role, ()))
            if role in links.learned:
                yield from (item.network for item in links.learned[role].addresses)
