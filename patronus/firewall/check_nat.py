# SPDX-License-Identifier: GPL-2.0-or-later
"""Problems of translations: names, families, forwards that hide one another."""

from __future__ import annotations

from collections.abc import Iterator

from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem
from patronus.firewall.addresses import AddressSet, host_networks
from patronus.firewall.known import Known, same_family, warning
from patronus.firewall.model import Dnat, Masquerade, Nat, NatEntry, Snat
from patronus.network.interfaces.model import Interface, Interfaces

PATH: Path = ("firewall/nat", "nat")


def check_nat(config: Configuration, known: Known) -> Iterator[Problem]:
    """Yield the problems of all translations. Pure."""
    interfaces = config.get(Interfaces).interfaces
    entries = config.get(Nat).nat
    for position, entry in enumerate(entries):
        path = (*PATH, position)
        yield from known.addresses(entry.source, (*path, "source"))
        if isinstance(entry, Dnat):
            yield from known.zone(entry.in_, (*path, "in"), router=False)
            yield from _check_forward(entry, path, known, interfaces)
        else:
            yield from known.zone(entry.out, (*path, "out"), router=False)
            yield from _check_source(entry, path, known)
    yield from _hidden(entries)


def _check_source(entry: Masquerade | Snat, path: Path, known: Known) -> Iterator[Problem]:
    source = known.names.addresses(entry.source)
    if isinstance(entry, Masquerade):
        versions = {"ipv4": {4}, "ipv6": {6}, "both": {4, 6}}[entry.family]
        if source is not None and source.versions and not versions & set(source.versions):
            message = f"masquerade is for {entry.family}, and the source has no such address"
            yield Problem((*path, "source"), message, hint="set family: ipv6 beside it")
        return
    yield from known.addresses(entry.destination, (*path, "destination"))
    own = AddressSet.of(host_networks([entry.to]))
    if not same_family(source, known.names.addresses(entry.destination), own):
        yield Problem((*path, "to"), "an address of another family than what is translated", str(entry.to))


def _check_forward(
    entry: Dnat, path: Path, known: Known, interfaces: tuple[Interface, ...]
) -> Iterator[Problem]:
    yield from known.addresses(entry.destination, (*path, "destination"))
    own = AddressSet.of(host_networks([entry.to.address]))
    sides = (known.names.addresses(entry.source), known.names.addresses(entry.destination), own)
    if not same_family(*sides):
        yield Problem((*path, "to"), "an address of another family than what is forwarded", str(entry.to))
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


def _hidden(entries: tuple[NatEntry, ...]) -> Iterator[Problem]:
    """Warn of a forward whose every connection an earlier one takes."""
    forwards = [(at, entry) for at, entry in enumerate(entries) if isinstance(entry, Dnat) and entry.enabled]
    for index, (position, entry) in enumerate(forwards):
        earlier = next((other for _, other in forwards[:index] if _takes_all(other, entry)), None)
        if earlier is not None:
            message = f"{earlier.id} already forwards all that this one would"
            yield warning((*PATH, position), message, entry.id)


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
