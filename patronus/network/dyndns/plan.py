# SPDX-License-Identifier: GPL-2.0-or-later
"""Which address each entry has now, and by which way its provider is reached. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from patronus.core.feature import Plan
from patronus.core.model import Configuration, as_data
from patronus.core.secret import SecretHandle
from patronus.dyndns.task import Way
from patronus.network.dyndns.model import Dyndns, OutsideName
from patronus.network.interfaces.model import Interface, Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.uplinks.plan import UplinksPlan
from patronus.network.uplinks.ways import own_addresses
from patronus.secrets.resolve import SecretsPlan

NOWHERE = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.168.0.0/16",
    )
)  # fmt: skip
"""Addresses by which nobody outside reaches this router (RFC 6890): private ones, and those of a provider
that has many customers behind one address (RFC 6598)."""
GLOBAL = IPv6Network("2000::/3")
"""Global unicast (RFC 4291 section 2.4)."""

PROVIDERS = ("hostnames", "dyndns2", "url", "rfc2136")
"""Keys of an entry that its provider judges by."""


@dataclass(frozen=True)
class Standing:
    """An entry as it stands: what is to be told of it, and how its provider is reached.

    ``role``     the interface whose addresses these are, None where no uplink is up.
    ``asks``     whether the outside address of IPv4 has to be asked for first.
    ``reason``   why nothing can be told, None where something can.
    ``mark``     changes with all that a refusal of the provider is about: names, log-in, password.
    """

    entry: OutsideName
    mark: str
    role: str | None = None
    way: Way = field(default_factory=Way)
    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None
    asks: bool = False
    reason: str | None = None
    secret: SecretHandle | None = None

    @property
    def seen(self) -> str:
        """Return what is told of now, to be compared with what was; an address behind which to ask counts."""
        inner = f"behind {self.way.source4}" if self.asks else self.ipv4
        return f"{inner} {self.ipv6}"


@dataclass(frozen=True)
class DyndnsPlan(Plan):
    """The entries that are enabled."""

    standing: tuple[Standing, ...] = ()


def plan(
    config: Configuration, links: InterfacesPlan, uplinks: UplinksPlan, secrets: SecretsPlan
) -> DyndnsPlan:
    """Return how each entry stands with the addresses of now."""
    interfaces = {item.id: item for item in config.get(Interfaces).interfaces}
    out = list(_leading_out(interfaces.values(), links, uplinks))
    found = []
    for entry in config.get(Dyndns).names:
        if entry.enabled:
            secret = secrets.handle(entry.password) if entry.password is not None else None
            role = entry.interface or next(iter(out), None)
            found.append(_standing(entry, role, secret, links, leads_out=role in out))
    return DyndnsPlan(standing=tuple(found))


def _leading_out(
    interfaces: Iterable[Interface], links: InterfacesPlan, uplinks: UplinksPlan
) -> Iterator[str]:
    """Yield the interfaces that lead out, the one first by which new connections leave."""
    if uplinks.ways:
        yield from (way.role for way in sorted(uplinks.ways, key=lambda way: not way.taken) if way.hops)
        return
    for item in interfaces:
        learned = links.learned.get(item.id)
        given = (item.ipv4.gateway, item.ipv6.gateway)
        told = (learned.gateway, learned.gateway6) if learned is not None else ()
        if links.devices.get(item.id) is not None and any((*given, *told)):
            yield item.id


def _standing(
    entry: OutsideName,
    role: str | None,
    secret: SecretHandle | None,
    links: InterfacesPlan,
    *,
    leads_out: bool,
) -> Standing:
    mark = _mark(entry, secret)
    if role is None:
        return Standing(entry, mark, secret=secret, reason="no uplink is up")
    own = own_addresses(role, links)
    fours = [one for one in own if isinstance(one, IPv4Address)]
    outer = next((one for one in fours if not _leads_nowhere(one)), None)
    six = next((one for one in own if isinstance(one, IPv6Address) and one in GLOBAL), None)
    way = Way()
    if leads_out:
        way = Way(device=links.devices.get(role), source4=next(iter(fours), None), source6=six)
    ipv4 = outer if entry.tell != "ipv6" else None
    ipv6 = six if entry.tell != "ipv4" else None
    asks = entry.tell != "ipv6" and outer is None and bool(fours) and entry.address_from is not None
    reason = None if ipv4 or ipv6 or asks else _reason(entry, role, fours)
    return Standing(entry, mark, role, way, ipv4, ipv6, asks, reason, secret)


def _leads_nowhere(address: IPv4Address) -> bool:
    return any(address in network for network in NOWHERE)


def _reason(entry: OutsideName, role: str, fours: Iterable[IPv4Address]) -> str:
    """Return why there is nothing to tell."""
    private = next(iter(fours), None)
    if entry.tell == "ipv6":
        return f"{role} has no global address of IPv6 now"
    if private is not None:
        return (
            f"{private} of {role} leads nowhere outside: another router or the provider stands in between; "
            "`address_from` can say from where the outside sees it"
        )
    return f"{role} has no address now"


def _mark(entry: OutsideName, secret: SecretHandle | None) -> str:
    """Return what differs where a provider that refused before may judge otherwise."""
    given = {key: value for key, value in as_data(entry).items() if key in PROVIDERS}
    said = json.dumps([given, secret.version if secret is not None else None], sort_keys=True)
    return sha256(said.encode()).hexdigest()[:16]
