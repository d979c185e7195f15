# SPDX-License-Identifier: GPL-2.0-or-later
"""What hosts may still believe of what they were told, so that it can be taken back. Pure.

A host keeps an address until its lifetime ends, whatever has become of the prefix. So a prefix that the
provider took back is announced with a preferred lifetime of 0 for as long as anyone may remember it: hosts
then choose another address for what they begin. That holds over a reboot too (RFC 9096 section 3.5), which is
when the provider gives another prefix most often; the names are therefore kept in the runtime state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Network
from typing import Any

from patronus.network.advertising.packet import Advertisement
from patronus.network.advertising.plan import Network
from patronus.network.dns.names import wire_name
from patronus.network.interfaces.onlink import Advertised, OnLink

PREFERRED_S, VALID_S = 2700, 5400
"""The longest lifetimes of a prefix that hosts are told (RFC 9096 section 3.4): a router that dies without a
word is forgotten after them."""
ROUTER_S = 1800
"""How long hosts believe in the router, its routes and servers: three of the longest intervals."""

PAST = 8
"""Things that are taken back at one time: the word must fit one packet of 1280 bytes, since hosts take no
fragments of it (RFC 6980). A provider that changes its prefix every minute fills it with the newest, and
what is older was taken back many times."""


@dataclass(frozen=True)
class Route:
    """A network that leads through the router."""

    to: IPv6Network

    def __str__(self) -> str:
        return f"route {self.to}"


@dataclass(frozen=True)
class Domain:
    """A domain in which hosts look for names."""

    name: str

    def __str__(self) -> str:
        return f"domain {self.name}"


@dataclass(frozen=True)
class Translator:
    """A prefix by which hosts reach IPv4."""

    prefix: IPv6Network

    def __str__(self) -> str:
        return f"translator {self.prefix}"


Told = IPv6Network | IPv6Address | Route | Domain | Translator
"""A prefix on the link, a DNS server, a route, a domain or a way to IPv4."""


@dataclass(frozen=True)
class Memory:
    """Role → what its hosts were told → when it was taken back, in seconds since boot; None: it holds."""

    told: Mapping[str, Mapping[Told, float | None]] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Any, now_s: float) -> Memory:
        """Return what was kept; whatever is not announced again counts as taken back now."""
        if not isinstance(data, dict):
            return cls()
        return cls(
            {
                str(role): {one: now_s for text in texts if (one := _parse(text)) is not None}
                for role, texts in data.items()
                if isinstance(texts, list)
            }
        )

    def as_data(self) -> dict[str, list[str]]:
        """Return the names as JSON-ready data, without times: those of another boot mean nothing."""
        return {role: sorted(map(str, told)) for role, told in self.told.items() if told}

    def follow(self, networks: Sequence[Network], now_s: float) -> Memory:
        """Return the memory once these networks are told what they are, and all others nothing."""
        current = {network.role: set(_says(network)) for network in networks}
        roles = dict.fromkeys((*self.told, *current))
        return Memory({role: self._of_role(role, current.get(role, set()), now_s) for role in roles})

    def _of_role(self, role: str, current: set[Told], now_s: float) -> dict[Told, float | None]:
        before = self.told.get(role, {})
        past = {one: now_s if since is None else since for one, since in before.items() if one not in current}
        kept = [(one, since) for one, since in past.items() if now_s - since < _remembered_s(one)]
        kept.sort(key=lambda item: -item[1])
        return {**dict.fromkeys(current), **dict(kept[:PAST])}

    def past(self, role: str, now_s: float) -> Iterator[tuple[Told, int]]:
        """Yield what was taken back, with the seconds for which a host may still have it."""
        for one, since in self.told.get(role, {}).items():
            if since is not None and now_s - since < _remembered_s(one):
                yield one, int(_remembered_s(one) - (now_s - since))


def _remembered_s(one: Told) -> int:
    """Return how long a host may have it at most once it is told no more."""
    return VALID_S if isinstance(one, IPv6Network) else ROUTER_S


def _parse(text: Any) -> Told | None:
    kind, _, rest = str(text).rpartition(" ")
    try:
        match kind:
            case "route":
                return Route(IPv6Network(rest))
            case "translator":
                return Translator(IPv6Network(rest))
            case "domain":
                wire_name(rest)  # is it one?
                return Domain(rest)
        return IPv6Network(str(text)) if "/" in rest else IPv6Address(str(text))
    except ValueError:
        return None


def _says(network: Network) -> Iterator[Told]:
    yield from (one.prefix for one in network.told.prefixes)
    yield from map(Route, network.told.routes)
    if network.server is not None:
        yield network.server
    if network.domain is not None:
        yield Domain(network.domain)
    if network.translator is not None:
        yield Translator(network.translator)


def compose(network: Network, memory: Memory, mac: bytes, now_s: float) -> Advertisement:
    """Return what a network is told at this moment."""
    past = dict(memory.past(network.role, now_s))
    prefixes = [
        OnLink(one.prefix, min(one.preferred_s, PREFERRED_S), min(one.valid_s, VALID_S))
        for one in network.told.prefixes
    ]
    prefixes += [OnLink(one, 0, left_s) for one, left_s in past.items() if isinstance(one, IPv6Network)]
    servers = [(network.server, ROUTER_S)] if network.server is not None else []
    servers += [(one, 0) for one in past if isinstance(one, IPv6Address)]
    routes = [(route, ROUTER_S) for route in network.told.routes]
    routes += [(one.to, 0) for one in past if isinstance(one, Route)]
    domains = [(network.domain, ROUTER_S)] if network.domain is not None else []
    domains += [(one.name, 0) for one in past if isinstance(one, Domain)]
    translators = [(network.translator, ROUTER_S)] if network.translator is not None else []
    translators += [(one.prefix, 0) for one in past if isinstance(one, Translator)]
    return Advertisement(
        mac=mac,
        lifetime_s=ROUTER_S if network.told.is_way_out or network.translator is not None else 0,
        mtu=network.mtu,
        prefixes=tuple(prefixes),
        routes=tuple(routes),
        servers=tuple(servers),
        domains=tuple(domains),
        translators=tuple(translators),
        managed=network.managed,
        other=network.other,
    )


def farewell(network: Network, memory: Memory, mac: bytes, now_s: float) -> Advertisement:
    """Return the last word to a network that is told nothing from now on (RFC 4861 section 6.2.5)."""
    silent = Network(network.role, network.device, Advertised())
    return compose(silent, memory.follow([silent], now_s), mac, now_s)
