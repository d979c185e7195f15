# SPDX-License-Identifier: GPL-2.0-or-later
"""What miniupnpd is told, miniupnpd.conf(5), and what the firewall lets through for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from uuid import UUID, uuid5

from patronus.core.feature import Plan
from patronus.core.values import PortRange
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.mappable import Mappable
from patronus.network.mappings.model import Mappings, Permission
from patronus.network.opening import Opening

WHY = "mappings"
"""What zones call the service in ``self_services``."""
SSDP, PCP, HTTP = 1900, 5351, 5000
TABLE, MAPPED, ALLOWED = "patronus_mappings", "mapped", "allowed"
"""The table and chains that miniupnpd writes into; the unit makes them (mappings.nft)."""
FOLDER = "/run/patronus-miniupnpd"
LEASES = "leases"
_ALWAYS = f"""\
http_port={HTTP}
ipv6_disable=yes
ext_allow_private_ipv4=yes
secure_mode=yes
system_uptime=yes
min_lifetime=120
max_lifetime=86400
upnp_table_name={TABLE}
upnp_nat_table_name={TABLE}
upnp_forward_chain={ALLOWED}
upnp_nat_chain={MAPPED}
upnp_nat_postrouting_chain=peers
friendly_name=Patronus
presentation_url=
"""
_CLOSED = "deny 0-65535 0.0.0.0/0 0-65535\n"


@dataclass(frozen=True)
class MappingsPlan(Plan):
    """What miniupnpd is told; ``text`` None: it does not run, because of ``waiting`` where that says so."""

    text: str | None = None
    waiting: str | None = None


def plan(model: Mappings, links: InterfacesPlan, machine: str) -> MappingsPlan:
    """Return the plan. ``machine`` is the machine's id, 32 hexadecimal digits."""
    if not model.inside or model.outside is None:
        return MappingsPlan()
    zones = {role: zone for zone, roles in links.zones.items() for role in roles}
    inside = tuple(role for role in model.inside if links.devices.get(role) is not None)
    outside = links.devices.get(model.outside)
    if outside is None or not inside:
        return MappingsPlan(
            waiting=f"the interface {model.outside if inside else model.inside[0]} is missing"
        )
    subnets = tuple(_subnets(inside, links))
    allowed = [(_hosts(one, subnets), one.ports) for one in model.allow]
    towards = tuple(dict.fromkeys(zones[role] for role in inside))
    return MappingsPlan(
        contributions=(
            *(opening for zone in towards for opening in _openings(model, zone)),
            *(Mappable(zones[model.outside], towards, hosts, ports) for hosts, ports in allowed if hosts),
        ),
        text=render(model, outside, [str(links.devices[role]) for role in inside], allowed, machine),
    )


def render(
    model: Mappings,
    outside: str,
    inside: Iterable[str],
    allowed: Iterable[tuple[tuple[IPv4Network, ...], tuple[PortRange, ...]]],
    machine: str,
) -> str:
    """Return the configuration; devices by the kernel's names."""
    listening = "".join(f"listening_ip={device}\n" for device in inside)
    speaks = {name: "yes" if name in model.speak else "no" for name in ("upnp", "pcp")}
    rules = "".join(
        f"allow {outer} {host} {inner}\n"
        for hosts, ports in allowed
        for host in hosts
        for outer in ports
        for inner in ports
    )
    return (
        f"# Written by patronusd.\next_ifname={outside}\n{listening}"
        f"enable_upnp={speaks['upnp']}\nenable_pcp_pmp={speaks['pcp']}\n"
        f"lease_file={FOLDER}/{LEASES}\nuuid={uuid5(UUID(machine), WHY)}\n{_ALWAYS}{rules}{_CLOSED}"
    )


def _openings(model: Mappings, zone: str) -> Iterator[Opening]:
    if "upnp" in model.speak:
        yield Opening(zone, "udp", (SSDP,), WHY)
        yield Opening(zone, "tcp", (HTTP,), WHY)
    if "pcp" in model.speak:
        yield Opening(zone, "udp", (PCP,), WHY)


def _hosts(one: Permission, subnets: tuple[IPv4Network, ...]) -> tuple[IPv4Network, ...]:
    return tuple(host for host in one.hosts if isinstance(host, IPv4Network)) or subnets


def _subnets(roles: Iterable[str], links: InterfacesPlan) -> Iterator[IPv4Network]:
    found = links.subnets()
    for role in roles:
        yield from (one for one in found.get(role, ()) if isinstance(one, IPv4Network))
