# SPDX-License-Identifier: GPL-2.0-or-later
"""What one pool alone cannot show: subnets that do not fit, and things that are there twice. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem
from patronus.network.dhcp.model import Dhcp, Options, Pool
from patronus.network.dhcp6.check import FEWEST_SECONDS, check_pools
from patronus.network.interfaces.check_vrf import not_in_vrf
from patronus.network.interfaces.model import Interface, Interfaces

SECTION_PATH = "network/dhcp"
MOST_SECONDS = 2**32 - 1
"""A lease time has 32 bits; the largest means for good (RFC 2131 section 3.3)."""


def check(config: Configuration) -> Iterator[Problem]:
    """Yield every problem of the pools, each with its place."""
    interfaces = {interface.id: interface for interface in config.get(Interfaces).interfaces}
    dhcp = config.get(Dhcp)
    names, path6 = [pool.id for pool in dhcp.pools], (SECTION_PATH, "ipv6_pools")
    six = check_pools(dhcp.ipv6_pools, names, interfaces, path6)
    for problem in (*_problems(dhcp.pools, interfaces), *six):
        yield replace(problem, location=config.locate(problem.path))


def subnet_of(pool: Pool, interface: Interface) -> IPv4Interface | None:
    """Return the interface's own address whose subnet the pool is in; None where the pool is in none.

    A pool without ranges and reservations is in the first; so is one whose network lies behind relays.
    """
    own = [address for address in interface.ipv4.addresses if isinstance(address, IPv4Interface)]
    starts = [part.first for part in pool.ranges] + [item.address for item in pool.reservations]
    first = starts[0] if starts and pool.subnet is None else None
    return next((address for address in own if first is None or first in address.network), None)


def network_of(pool: Pool, own: IPv4Interface) -> IPv4Network:
    """Return the network that the pool serves: the one behind its relays, else that of the own address."""
    return pool.subnet if isinstance(pool.subnet, IPv4Network) else own.network


def _problems(pools: tuple[Pool, ...], interfaces: dict[str, Interface]) -> Iterator[Problem]:
    for position, pool in enumerate(pools):
        path: Path = (SECTION_PATH, "pools", position)
        interface = interfaces.get(pool.interface)
        if interface is None:
            known = ", ".join(interfaces) or "none is configured"
            yield Problem(
                (*path, "interface"), f"no interface is called {pool.interface}", pool.interface, known
            )
            continue
        yield from _one_pool(pool, interface, interfaces.values(), path)
    yield from _overlaps(pools)
    yield from _twice(pools, interfaces)


def _one_pool(pool: Pool, interface: Interface, every: Iterable[Interface], path: Path) -> Iterator[Problem]:
    yield from not_in_vrf((*path, "interface"), interface.id, every, "no addresses are given out")
    if interface.leads_to_one:
        yield Problem((*path, "interface"), f"{interface.id} leads to one router, and carries no frames")
    if interface.zone is None:
        yield Problem((*path, "interface"), f"{interface.id} has no zone, so nobody could reach the server")
    if pool.lease_time < FEWEST_SECONDS:
        message = f"a lease of {pool.lease_time} s is too short"
        yield Problem((*path, "lease_time"), message, pool.lease_time, f"{FEWEST_SECONDS}s or longer")
    elif pool.lease_time > MOST_SECONDS:
        message = f"a lease of {pool.lease_time} s is too long"
        yield Problem((*path, "lease_time"), message, pool.lease_time, f"{MOST_SECONDS}s at most")
    own = subnet_of(pool, interface)
    if own is None:
        yield _outside(pool, interface, path)
        return
    yield from _relayed(pool, interface, path)
    yield from _placed(pool, own, path)


def _relayed(pool: Pool, interface: Interface, path: Path) -> Iterator[Problem]:
    """Yield what is wrong with a network behind relays: a relay asks from its address in it."""
    if pool.subnet is not None and pool.subnet.version != 4:
        yield Problem((*path, "subnet"), f"{pool.subnet} is not IPv4", str(pool.subnet), "an IPv4 prefix")
        return
    if pool.subnet is not None and not pool.relays:
        message = f"nobody relays for {pool.subnet}: its hosts cannot reach this server"
        yield Problem((*path, "relays"), message, None, f"addresses of relay agents in {pool.subnet}")
    networks = [item.network for item in interface.ipv4.addresses if isinstance(item, IPv4Interface)]
    for network in networks:
        if pool.subnet is not None and network.overlaps(pool.subnet):
            message = f"{pool.subnet} is {interface.id}'s own network"
            yield Problem((*path, "subnet"), message, str(pool.subnet), hint="leave subnet out")
    served = [pool.subnet] if pool.subnet is not None else networks
    for position, relay in enumerate(pool.relays):
        if not any(relay in network for network in served):
            allowed = ", ".join(map(str, served))
            message = f"the relay {relay} is not in the network that it would ask for"
            yield Problem((*path, "relays", position), message, str(relay), allowed)


def _outside(pool: Pool, interface: Interface, path: Path) -> Problem:
    subnets = [str(address.network) for address in interface.ipv4.addresses if address.version == 4]
    if not subnets:
        message = f"{interface.id} has no static IPv4 address to serve a subnet from"
        return Problem((*path, "interface"), message, pool.interface)
    value = str(pool.ranges[0]) if pool.ranges else str(pool.reservations[0].address)
    at: Path = (*path, "ranges", 0) if pool.ranges else (*path, "reservations", 0, "address")
    return Problem(at, f"{value} is in no subnet of {interface.id}", value, ", ".join(subnets))


def _placed(pool: Pool, own: IPv4Interface, path: Path) -> Iterator[Problem]:
    """Yield what lies outside the subnet or on an address that is nobody's to give."""
    network = network_of(pool, own)
    for position, part in enumerate(pool.ranges):
        at = (*path, "ranges", position)
        if part.first not in network or part.last not in network:
            yield Problem(at, f"{part} leaves the subnet", str(part), str(network))
        for name, taken in _special(pool, own):
            if taken in part:
                yield Problem(at, f"{part} has {taken}, {name}", str(part), hint="split the range")
    for position, item in enumerate(pool.reservations):
        at = (*path, "reservations", position, "address")
        if item.address not in network:
            yield Problem(at, f"{item.address} is not in the pool's subnet", item.address, str(network))
        for name, taken in _special(pool, own):
            if item.address == taken:
                yield Problem(at, f"{item.address} is {name}", item.address)
    yield from _reachable(pool.options, network, (*path, "options"))
    for position, group in enumerate(pool.classes):
        yield from _reachable(group.options, network, (*path, "classes", position, "options"))


def _reachable(options: Options, network: IPv4Network, path: Path) -> Iterator[Problem]:
    """Yield routers that a client could not reach, and what a DHCP message cannot say."""
    if options.router is not None and options.router not in network:
        yield Problem((*path, "router"), "clients cannot reach this router", options.router, f"in {network}")
    for position, route in enumerate(options.static_routes):
        at = (*path, "static_routes", position)
        if route.to.version != 4:
            yield Problem((*at, "to"), f"{route.to} is not IPv4", str(route.to), "an IPv4 prefix")
        if route.via not in network:
            yield Problem((*at, "via"), "clients cannot reach this router", route.via, f"in {network}")


def _special(pool: Pool, own: IPv4Interface) -> Iterable[tuple[str, IPv4Address]]:
    network = network_of(pool, own)
    yield "the router's own address", own.ip
    yield from (("a relay's address", relay) for relay in pool.relays)
    if network.prefixlen < 31:
        yield "the network's own address", network.network_address
        yield "the broadcast address", network.broadcast_address


def _overlaps(pools: tuple[Pool, ...]) -> Iterator[Problem]:
    seen: list[tuple[Any, str]] = []
    for position, pool in enumerate(pools):
        for index, part in enumerate(pool.ranges):
            path = (SECTION_PATH, "pools", position, "ranges", index)
            if part.first.version != 4:
                yield Problem(path, f"{part} is not IPv4", str(part))
            for other, owner in seen:
                if part.overlaps(other):
                    message = f"{part} overlaps {other} of pool {owner}"
                    yield Problem(path, message, str(part), "each address in one range")
            seen.append((part, pool.id))


def _twice(pools: tuple[Pool, ...], interfaces: dict[str, Interface]) -> Iterator[Problem]:
    """Yield reservations whose host, address or name another one has; a MAC may be on several subnets."""
    seen: dict[tuple[str, str, str], str] = {}
    for position, pool in enumerate(pools):
        own = subnet_of(pool, interfaces[pool.interface]) if pool.interface in interfaces else None
        subnet = str(network_of(pool, own)) if own else pool.interface
        for index, item in enumerate(pool.reservations):
            keys = (
                ("mac", subnet, item.mac),
                ("client_id", subnet, item.client_id),
                ("address", "", str(item.address)),
                ("hostname", "", item.hostname),
            )
            for field, scope, value in keys:
                if value is None:
                    continue
                first = seen.setdefault((field, scope, value), item.id)
                if first != item.id:
                    path = (SECTION_PATH, "pools", position, "reservations", index, field)
                    yield Problem(
                        path, f"{value} is already reserved by {first}", value, "one reservation each"
                    )
