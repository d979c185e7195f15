# SPDX-License-Identifier: GPL-2.0-or-later
"""Problems of translations: names, families, entries that hide or overlap one another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem
from patronus.core.values import Range
from patronus.firewall.addresses import AddressSet, host_networks
from patronus.firewall.check.known import Known, same_family, versions, warning
from patronus.firewall.model import Dnat, Exempt, Mapped, Masquerade, Nat, NatEntry, Snat
from patronus.network.interfaces.model import Interface, Interfaces

PATH: Path = ("firewall/nat", "nat")


def check_nat(config: Configuration, known: Known) -> Iterator[Problem]:
    """Yield the problems of all translations. Pure."""
    interfaces = config.get(Interfaces).interfaces
    entries = config.get(Nat).nat
    for position, entry in enumerate(entries):
        path = (*PATH, position)
        if isinstance(entry, Mapped):
            yield from known.zone(entry.zone, (*path, "zone"), router=False)
            yield from _check_outside(
                AddressSet.of([entry.outside]), entry.zone, (*path, "outside"), interfaces
            )
            continue
        for key, zone in (("in", getattr(entry, "in_", None)), ("out", getattr(entry, "out", None))):
            yield from known.zone(zone, (*path, key), router=False)
        yield from known.addresses(entry.source, (*path, "source"))
        yield from known.addresses(entry.destination, (*path, "destination"))
        yield from _check_families(entry, path, known)
        if isinstance(entry, Dnat):
            yield from _check_hairpin(entry, path, interfaces)
        elif isinstance(entry, Snat):
            yield from _check_outside(AddressSet.of([entry.to]), entry.out, (*path, "to"), interfaces)
    yield from _hidden(entries, known)
    yield from _overlapping(entries)


def _check_families(entry: Masquerade | Snat | Dnat | Exempt, path: Path, known: Known) -> Iterator[Problem]:
    source, destination = known.names.addresses(entry.source), known.names.addresses(entry.destination)
    if isinstance(entry, Masquerade):
        wanted = _versions(entry)
        if not wanted & versions(source):
            message = f"masquerade is for {entry.family}, and the source has no such address"
            yield Problem((*path, "source"), message, hint="set family: ipv6 beside it")
        elif not wanted & versions(destination):
            message = f"masquerade is for {entry.family}, and the destination has no such address"
            yield Problem((*path, "destination"), message, hint="set family: ipv6 beside it")
    elif isinstance(entry, Exempt):
        if not same_family(source, destination):
            message = "source and destination have no family in common"
            yield Problem((*path, "destination"), message, hint="one is IPv4 and the other IPv6")
    elif not same_family(source, destination, _target(entry)):
        what = "forwarded" if isinstance(entry, Dnat) else "translated"
        yield Problem((*path, "to"), f"an address of another family than what is {what}", str(entry.to))


def _target(entry: Snat | Dnat) -> AddressSet:
    return AddressSet.of([entry.to] if isinstance(entry.to, Range) else host_networks([entry.to.address]))


def _check_hairpin(entry: Dnat, path: Path, interfaces: tuple[Interface, ...]) -> Iterator[Problem]:
    if entry.hairpin and entry.destination is None and not _has_address(entry, interfaces):
        family = "IPv6" if entry.to.address.version == 6 else "IPv4"
        message = f"no interface of the zone {entry.in_} has an {family} address to be reached by from inside"
        hint = "name the outer address as `destination`, or leave out hairpin"
        yield Problem((*path, "hairpin"), message, value=True, hint=hint)


def _has_address(entry: Dnat, interfaces: tuple[Interface, ...]) -> bool:
    """Return whether an interface of the zone has, or will be given, an address of the target's family."""
    version = entry.to.address.version
    for interface in interfaces:
        if interface.zone != entry.in_:
            continue
        settings = interface.ipv4 if version == 4 else interface.ipv6
        fixed = (*interface.ipv4.addresses, *interface.ipv6.addresses)
        if settings.method not in ("none", "static") or any(item.version == version for item in fixed):
            return True
    return False


def _check_outside(
    outside: AddressSet, zone: str, path: Path, interfaces: tuple[Interface, ...]
) -> Iterator[Problem]:
    """Warn of outer addresses in a network of the zone that no interface has: nobody there finds them."""
    own = [
        item for one in interfaces if one.zone == zone
        for item in (*one.ipv4.addresses, *one.ipv6.addresses) if item.network.num_addresses > 1
    ]  # fmt: skip
    taken = AddressSet.of(host_networks(item.ip for item in own))
    for found in outside.networks():
        near = next((item.network for item in own if AddressSet.of([item.network]).overlaps(outside)), None)
        if near is not None and not taken.covers(found):
            message = f"in {near} nobody finds an address that no interface of {zone} has"
            hint = "add it to the addresses of the interface, or have it routed here"
            yield warning(path, message, str(found), hint)
            return


def _hidden(entries: tuple[NatEntry, ...], known: Known) -> Iterator[Problem]:
    """Warn of an entry whose every connection an earlier one takes."""
    running = [(at, entry) for at, entry in enumerate(entries) if entry.enabled]
    for index, (position, entry) in enumerate(running):
        for _, other in running[:index]:
            if isinstance(entry, Dnat) and isinstance(other, Dnat) and _takes_all(other, entry):
                message = f"{other.id} already forwards all that this one would"
            elif _takes_every_source(other, entry, known):
                message = f"{other.id} before it already decides for every source of this one"
            else:
                continue
            yield warning((*PATH, position), message, entry.id, "move it before that one")
            break


def _takes_all(first: Dnat, second: Dnat) -> bool:
    if first.in_ != second.in_ or first.to.address.version != second.to.address.version:
        return False
    if first.source is not None or first.destination not in (None, second.destination):
        return False
    if not set(second.protocol) <= set(first.protocol):
        return False
    if first.destination_port is None:
        return True
    wanted = second.destination_port or ()
    return bool(wanted) and all(
        any(port.first >= have.first and port.last <= have.last for have in first.destination_port)
        for port in wanted
    )


def _takes_every_source(first: NatEntry, second: NatEntry, known: Known) -> bool:
    """Return whether the first rewrites, or spares, every source that the second would."""
    if isinstance(first, Dnat | Mapped) or first.out is None or first.destination is not None:
        return False
    if isinstance(first, Exempt) and first.protocol is not None:
        return False
    zone = second.zone if isinstance(second, Mapped) else getattr(second, "out", None)
    if zone != first.out or not _versions(second) <= _versions(first):
        return False
    if first.source is None:
        return True
    having = known.names.addresses(first.source)
    wanted = AddressSet.of([second.inside]) if isinstance(second, Mapped) else known.names.addresses(
        getattr(second, "source", None)
    )  # fmt: skip
    if wanted is None or having is None or wanted.lives or not wanted.versions:
        return False
    return all(map(having.covers, wanted.networks()))


def _versions(entry: NatEntry) -> set[int]:
    """Return the families of what an entry translates."""
    if isinstance(entry, Masquerade):
        return {"ipv4": {4}, "ipv6": {6}, "both": {4, 6}}[entry.family]
    if isinstance(entry, Snat):
        return {entry.to.first.version}
    return {entry.inside.version} if isinstance(entry, Mapped) else {4, 6}


def _overlapping(entries: Iterable[NatEntry]) -> Iterator[Problem]:
    """Yield the mappings that give away an address twice, inside or outside, in one zone."""
    before: list[Mapped] = []
    for position, entry in enumerate(entries):
        if not isinstance(entry, Mapped) or not entry.enabled:
            continue
        for other in before:
            if other.zone != entry.zone:
                continue
            for key, mine, theirs in (
                ("inside", entry.inside, other.inside),
                ("outside", entry.outside, other.outside),
            ):
                if mine.version == theirs.version and mine.overlaps(theirs):
                    message = f"{mine} overlaps {theirs} of {other.id}"
                    yield Problem((*PATH, position, key), message, str(mine), "each address once")
        before.append(entry)
