# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked about interfaces: parameters and results. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import Field

from patronus.core.control import Change
from patronus.core.link import Address, Counters, Link, Nic
from patronus.core.model import as_data
from patronus.core.values import InterfaceId
from patronus.core.verb import Result
from patronus.network.interfaces.learned import Learned
from patronus.network.interfaces.model import Interface, Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.pppoe.report import Report


class CounterInfo(Result):
    """What a link has carried since it appeared."""

    rx_bytes: int
    tx_bytes: int
    rx_packets: int
    tx_packets: int
    rx_dropped: int
    tx_dropped: int
    rx_errors: int
    tx_errors: int


class LearnedInfo(Result):
    """What an uplink was given by its provider."""

    addresses: list[str]
    gateway: str | None
    gateway6: str | None = Field(description="router of IPv6 that announced itself")
    dns_servers: list[str]
    domain: str | None
    prefixes: list[str] = Field(description="IPv6 prefixes that it delegated to us")


class SessionInfo(Result):
    """How a session with a provider stands."""

    up: bool
    up_s: int | None = Field(description="for how many seconds it has stood")
    address: str | None
    peer: str | None = Field(description="the provider's address")
    concentrator: str | None = Field(description="MAC of the provider's access concentrator")
    error: str | None = Field(description="why it does not stand; null where it does")


class InterfaceInfo(Result):
    """One role: as configured, and as the kernel has it now."""

    id: str
    zone: str | None
    kind: str = Field(description="nic, vlan, bridge, bond, dummy, vxlan, gre, vrf, nat64 or pppoe")
    device: str | None = Field(description="the kernel's name; null where the NIC is missing or ambiguous")
    mac: str | None
    mtu: int | None
    up: bool
    carrier: bool
    ipv4_method: str
    ipv6_method: str
    addresses: list[str] = Field(description="all that the device has now, with prefix lengths")
    learned: LearnedInfo | None
    session: SessionInfo | None = Field(description="of an interface that dials in")
    counters: CounterInfo | None
    vlans: list[str] = Field(description="that a port of a bridge carries now, ``10 untagged`` or ``20``")
    warning: str | None
    configuration: dict[str, Any]


class InterfaceList(Result):
    """Roles in the order of the file."""

    interfaces: list[InterfaceInfo]


class NicInfo(Result):
    """One network card, whether it plays a role or not."""

    device: str
    mac: str
    path: str | None
    driver: str | None
    carrier: bool
    role: str | None


class Inventory(Result):
    """Network cards by their place on the bus."""

    nics: list[NicInfo]


class AddInterface(Change):
    """A new role."""

    interface: Interface


class ReplaceInterface(Change):
    """A role's new configuration; ``interface.id`` stays what it was."""

    id: InterfaceId
    interface: Interface


class RemoveInterface(Change):
    """Names a role."""

    id: InterfaceId


def _counter_info(counters: Counters) -> CounterInfo:
    return CounterInfo(**asdict(counters))


def _learned_info(learned: Learned) -> LearnedInfo:
    return LearnedInfo(
        addresses=[str(address) for address in learned.addresses],
        gateway=str(learned.gateway) if learned.gateway else None,
        gateway6=str(learned.gateway6) if learned.gateway6 else None,
        dns_servers=[str(server) for server in learned.dns_servers],
        domain=learned.domain,
        prefixes=[str(one.prefix) for one in learned.prefixes],
    )


def session_info(item: Interface, report: Report | None, now_s: float, missing: bool) -> SessionInfo:  # noqa: FBT001
    """Return how an interface that dials in stands; ``missing``: nobody has given its password yet."""
    found = report or Report()
    error = found.error
    if item.pppoe is not None and missing:
        error = f"there is no secret {item.pppoe.password.secret} yet"
    elif report is None:
        error = "nobody dials: " + (f"{item.parent} is missing" if item.parent else "it is not an uplink")
    return SessionInfo(
        up=found.up,
        up_s=int(now_s - found.since_s) if found.since_s is not None else None,
        address=str(found.address) if found.address else None,
        peer=str(found.peer) if found.peer else None,
        concentrator=found.concentrator,
        error=error,
    )


def describe(
    model: Interfaces,
    plan: InterfacesPlan,
    links: tuple[Link, ...],
    addresses: tuple[Address, ...],
    sessions: Mapping[str, SessionInfo],
) -> InterfaceList:
    """Return every role as configured and as it is."""
    present = {link.name: link for link in links}
    warnings = {problem.path[2]: problem.message for problem in plan.warnings}
    return InterfaceList(
        interfaces=[
            _interface_info(
                item, plan, present.get(plan.devices.get(item.id) or ""), addresses, said, sessions
            )
            for position, item in enumerate(model.interfaces)
            for said in [warnings.get(position)]
        ]
    )


def _interface_info(
    item: Interface,
    plan: InterfacesPlan,
    link: Link | None,
    addresses: tuple[Address, ...],
    warning: str | None,
    sessions: Mapping[str, SessionInfo],
) -> InterfaceInfo:
    learned = plan.learned.get(item.id)
    return InterfaceInfo(
        id=item.id,
        zone=item.zone,
        kind=item.kind,
        device=link.name if link else None,
        mac=link.mac if link else None,
        mtu=link.mtu if link else None,
        up=link.up if link else False,
        carrier=link.carrier if link else False,
        ipv4_method=item.ipv4.method,
        ipv6_method=item.ipv6.method,
        addresses=[str(address.interface) for address in addresses if link and address.device == link.name],
        learned=_learned_info(learned) if learned else None,
        session=sessions.get(item.id),
        counters=_counter_info(link.counters) if link else None,
        vlans=[str(vlan) for vlan in (link.vlans if link else None) or ()],
        warning=warning,
        configuration=as_data(item),
    )


def nic_info(nic: Nic, plan: InterfacesPlan) -> NicInfo:
    """Return a network card and its role."""
    role = next((role for role, device in plan.devices.items() if device == nic.name), None)
    return NicInfo(
        device=nic.name, mac=nic.mac, path=nic.path, driver=nic.driver, carrier=nic.carrier, role=role
    )
