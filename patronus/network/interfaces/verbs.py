# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked about interfaces: parameters, results and events. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from pydantic import Field

from patronus.core.bus import Event
from patronus.core.link import Address, Counters, Link, Nic
from patronus.core.model import as_data
from patronus.core.values import InterfaceId
from patronus.core.verb import Parameters, Result
from patronus.network.interfaces.learned import Learned
from patronus.network.interfaces.model import Interface, Interfaces
from patronus.network.interfaces.plan import InterfacesPlan


@dataclass(frozen=True)
class LinkChanged(Event):
    """A link appeared (``present``), went, came up or lost its carrier; ``role`` None: it plays none."""

    kind: ClassVar[str] = "link-changed"
    device: str
    role: str | None
    present: bool
    up: bool
    carrier: bool


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
    dns_servers: list[str]
    domain: str | None
    prefixes: list[str] = Field(description="IPv6 prefixes that it delegated to us")


class InterfaceInfo(Result):
    """One role: as configured, and as the kernel has it now."""

    id: str
    zone: str | None
    kind: str = Field(description="nic, vlan, bridge, bond or dummy")
    device: str | None = Field(description="the kernel's name; null where the NIC is missing or ambiguous")
    mac: str | None
    mtu: int | None
    up: bool
    carrier: bool
    ipv4_method: str
    ipv6_method: str
    addresses: list[str] = Field(description="all that the device has now, with prefix lengths")
    learned: LearnedInfo | None
    counters: CounterInfo | None
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


class AddInterface(Parameters):
    """A new role."""

    interface: Interface


class ReplaceInterface(Parameters):
    """A role's new configuration; ``interface.id`` stays what it was."""

    id: InterfaceId
    interface: Interface


class RemoveInterface(Parameters):
    """Names a role."""

    id: InterfaceId


def _counter_info(counters: Counters) -> CounterInfo:
    return CounterInfo(**asdict(counters))


def _learned_info(learned: Learned) -> LearnedInfo:
    return LearnedInfo(
        addresses=[str(address) for address in learned.addresses],
        gateway=str(learned.gateway) if learned.gateway else None,
        dns_servers=[str(server) for server in learned.dns_servers],
        domain=learned.domain,
        prefixes=[str(one.prefix) for one in learned.prefixes],
    )


def describe(
    model: Interfaces, plan: InterfacesPlan, links: tuple[Link, ...], addresses: tuple[Address, ...]
) -> InterfaceList:
    """Return every role as configured and as it is."""
    present = {link.name: link for link in links}
    warnings = {problem.path[2]: problem.message for problem in plan.warnings}
    return InterfaceList(
        interfaces=[
            _interface_info(item, plan, present.get(plan.devices.get(item.id) or ""), addresses, said)
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
        counters=_counter_info(link.counters) if link else None,
        warning=warning,
        configuration=as_data(item),
    )


def nic_info(nic: Nic, plan: InterfacesPlan) -> NicInfo:
    """Return a network card and its role."""
    role = next((role for role, device in plan.devices.items() if device == nic.name), None)
    return NicInfo(
        device=nic.name, mac=nic.mac, path=nic.path, driver=nic.driver, carrier=nic.carrier, role=role
    )
