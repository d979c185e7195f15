# SPDX-License-Identifier: GPL-2.0-or-later
"""What one value of BGP and OSPF alone cannot show: names that are not there, doubles, open doors. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from patronus.core.link import IpAddress
from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem, Severity
from patronus.network.dynamic.model import Bgp, Neighbor, Ospf, PrefixList, Redistribute
from patronus.network.interfaces.check_vrf import not_in_vrf
from patronus.network.interfaces.model import Interface, Interfaces
from patronus.network.routing.model import Routing

SECTION_PATH = "network/routing"
Known = Mapping[str, Interface]
Lists = Mapping[str, PrefixList]


def check(config: Configuration) -> Iterator[Problem]:
    """Yield every problem of the prefix lists, BGP and OSPF, each with its place."""
    routing, known = config.get(Routing), {item.id: item for item in config.get(Interfaces).interfaces}
    for problem in _problems(routing, known):
        yield replace(problem, location=config.locate(problem.path))


def _problems(routing: Routing, known: Known) -> Iterator[Problem]:
    lists = {one.id: one for one in routing.prefix_lists}
    for position, one in enumerate(routing.prefix_lists):
        yield from _list((SECTION_PATH, "prefix_lists", position), one)
    if routing.bgp is not None:
        yield from _bgp((SECTION_PATH, "bgp"), routing.bgp, known, lists)
    for name, part in (("ospf", routing.ospf), ("ospf3", routing.ospf3)):
        if part is not None:
            yield from _ospf((SECTION_PATH, name), part, known, lists)


def _warning(path: Path, text: str, hint: str) -> Problem:
    return Problem(path, text, hint=hint, severity=Severity.WARNING)


def _list(path: Path, given: PrefixList) -> Iterator[Problem]:
    for position, entry in enumerate(given.entries):
        here, length, most = (*path, "entries", position), entry.prefix.prefixlen, entry.prefix.max_prefixlen
        if entry.ge is not None and not length < entry.ge <= most:
            text = f"{entry.prefix} has no routes of /{entry.ge} and longer in it"
            yield Problem((*here, "ge"), text, entry.ge, f"{length + 1} to {most}")
        least = entry.ge if entry.ge is not None else length
        if entry.le is not None and not least <= entry.le <= most:
            yield Problem(
                (*here, "le"), f"no route is from /{least} to /{entry.le}", entry.le, f"{least} to {most}"
            )


def _is_missing(path: Path, name: str | None, lists: Lists) -> Iterator[Problem]:
    if name is not None and name not in lists:
        known = "one of " + ", ".join(sorted(lists)) if lists else "none is configured"
        yield Problem(path, f"there is no prefix list {name}", name, known)


def _link(path: Path, role: str, known: Known) -> Iterator[Problem]:
    """Check that an interface is there, and that the firewall can let something in by it."""
    if role not in known:
        allowed = "one of " + ", ".join(sorted(known)) if known else "none is configured"
        yield Problem(path, f"there is no interface {role}", role, allowed)
        return
    yield from not_in_vrf(path, role, known.values(), "routers are not spoken with")
    if known[role].zone is None:
        yield _warning(path, f"{role} has no zone: nothing from it comes in", f"give {role} a zone")


def _passed_on(path: Path, wanted: Sequence[Redistribute], own: str, lists: Lists) -> Iterator[Problem]:
    seen: set[str] = set()
    for position, one in enumerate(wanted):
        here = (*path, "redistribute", position)
        if one.kind == own:
            yield Problem((*here, "kind"), f"{own} tells its own routes by itself", one.kind)
        if one.kind in seen:
            yield Problem((*here, "kind"), f"{one.kind} is there twice", one.kind, hint="use one prefix list")
        seen.add(one.kind)
        yield from _is_missing((*here, "filter"), one.filter, lists)


def _bgp(path: Path, bgp: Bgp, known: Known, lists: Lists) -> Iterator[Problem]:
    yield from _passed_on(path, bgp.redistribute, "bgp", lists)
    if bgp.router_id is None and not _has_ipv4(known.values()):
        text = "no interface has an IPv4 address of its own from which BGP could take its router_id"
        yield _warning((*path, "router_id"), text, "router_id: one for the whole network, 192.0.2.1")
    seen: dict[str, str] = {}
    for position, one in enumerate(bgp.neighbors):
        here = (*path, "neighbors", position)
        field = "interface" if one.address is None else "address"
        other = seen.setdefault(f"{field} {one.address or one.interface}", one.id)
        if other != one.id:
            yield Problem((*here, field), f"{other} has this {field} as well", getattr(one, field))
        yield from _neighbor(here, one, bgp, known)
        yield from _is_missing((*here, "import"), one.import_, lists)
        yield from _is_missing((*here, "export"), one.export, lists)
        yield from _unfiltered(here, one, bgp)


def _has_ipv4(interfaces: Iterable[Interface]) -> bool:
    return any(item.ipv4.method != "none" for item in interfaces)


def _neighbor(path: Path, one: Neighbor, bgp: Bgp, known: Known) -> Iterator[Problem]:
    if one.address is not None:
        yield from _by_address(path, one, one.address, known)
    else:
        yield from _by_interface(path, one, known)
    if one.interface is not None:
        yield from _link((*path, "interface"), one.interface, known)
    if one.multihop is not None and one.remote_as == bgp.as_:
        text = "a neighbour of our own system may be any number of routers away"
        yield Problem((*path, "multihop"), text, one.multihop, hint="leave multihop out")
    if one.hold < 3 * one.keepalive:
        text = f"a neighbour is taken for gone before three signs of life are missing ({one.keepalive}s each)"
        yield _warning((*path, "hold"), text, f"hold: {3 * one.keepalive}s")


def _by_address(path: Path, one: Neighbor, address: IpAddress, known: Known) -> Iterator[Problem]:
    own = [address.ip for item in known.values() for address in (*item.ipv4.addresses, *item.ipv6.addresses)]
    here = (*path, "address")
    if address in own:
        yield Problem(here, f"{address} is the router itself", address)
    elif address.is_multicast or address.is_unspecified or address.is_loopback:
        yield Problem(here, f"{address} is not the address of a router", address)
    if address.is_link_local and one.interface is None:
        text = f"{address} is on every link"
        yield Problem(here, text, address, hint="add interface: the one behind which it is")
    if one.source is not None and one.source.version != address.version:
        text, allowed = f"{one.source} cannot speak to {address}", f"an IPv{address.version} address"
        yield Problem((*path, "source"), text, one.source, allowed)


def _by_interface(path: Path, one: Neighbor, known: Known) -> Iterator[Problem]:
    """Check a neighbour that is known by announcing itself on a link, where it is the only one."""
    if one.interface is None:
        text = f"{one.id} has neither an address nor an interface behind which it announces itself"
        yield Problem(path, text, hint="address: its own; or interface, where it is the only other router")
        return
    for key, value in (("multihop", one.multihop), ("source", one.source)):
        if value is not None:
            text = "a neighbour without an address is spoken to on its link alone, by link-local addresses"
            yield Problem((*path, key), text, value, hint=f"leave {key} out, or add address")
    item = known.get(one.interface)
    if item is not None and item.ipv6.advertise:
        text = f"{item.id} is announced to hosts, and a neighbour without an address has a link of its own"
        yield Problem((*path, "interface"), text, one.interface, hint="add address: its own")


def _unfiltered(path: Path, one: Neighbor, bgp: Bgp) -> Iterator[Problem]:
    """Warn of a neighbour outside with whom nothing is exchanged (RFC 8212 section 2)."""
    if one.remote_as == bgp.as_ or not one.enabled:
        return
    for key, name, does in (("import", one.import_, "taken from"), ("export", one.export, "told to")):
        if name is None:
            text = f"{one.id} is in another system and has no {key} list: no route is {does} it (RFC 8212)"
            yield _warning((*path, key), text, f"{key}: a prefix list of the routes that are meant")


def _ospf(path: Path, ospf: Ospf, known: Known, lists: Lists) -> Iterator[Problem]:
    yield from _passed_on(path, ospf.redistribute, "ospf", lists)
    seen: set[str] = set()
    for position, link in enumerate(ospf.interfaces):
        here = (*path, "interfaces", position)
        yield from _link((*here, "interface"), link.interface, known)
        if link.interface in seen:
            yield Problem((*here, "interface"), f"{link.interface} is there twice", link.interface)
        seen.add(link.interface)
        if link.dead <= link.hello:
            text = f"a neighbour is gone before its next sign of life, {link.hello}s later"
            yield Problem(
                (*here, "dead"), text, f"{link.dead}s", f"more than {link.hello}s", "dead: four times hello"
            )
    areas: set[str] = set()
    for position, area in enumerate(ospf.areas):
        here = (*path, "areas", position)
        if area.id in areas:
            yield Problem((*here, "id"), f"the area {area.id} is there twice", area.id)
        areas.add(area.id)
        if area.id == "0.0.0.0" and area.type != "normal":  # noqa: S104  # the backbone, not a listener
            yield Problem((*here, "type"), "the backbone is a normal area", area.type, "normal")
        if area.type == "normal" and not area.summaries:
            text = "a normal area is told all routes"
            yield Problem((*here, "summaries"), text, area.summaries, hint="type: stub, or nssa")
