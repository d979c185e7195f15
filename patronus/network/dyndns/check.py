# SPDX-License-Identifier: GPL-2.0-or-later
"""What one entry alone cannot show: interfaces that do not exist, names that are there twice. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem, Severity
from patronus.network.dyndns.model import SECTION, Dyndns, OutsideName
from patronus.network.interfaces.check_vrf import not_in_vrf
from patronus.network.interfaces.model import Interfaces


def check(config: Configuration) -> Iterator[Problem]:
    """Yield every problem of the section."""
    for problem in _problems(config):
        yield replace(problem, location=config.locate(problem.path))


def _problems(config: Configuration) -> Iterator[Problem]:
    ids: set[str] = set()
    told: dict[tuple[str, str], str] = {}
    for position, item in enumerate(config.get(Dyndns).names):
        path: Path = (SECTION.path, "names", position)
        yield from _check_interface(config, path, item)
        yield from _check_asking(path, item)
        yield from _check_zone(path, item)
        if item.id in ids:
            yield Problem((*path, "id"), f"{item.id} is there twice", item.id)
        ids.add(item.id)
        for at, name in enumerate(item.hostnames):
            for family in ("ipv4", "ipv6") if item.tell == "both" else (item.tell,):
                first = told.setdefault((name, family), item.id)
                if first != item.id or name in item.hostnames[:at]:
                    text = f"{name} is told already" + (f", by {first}" if first != item.id else "")
                    yield Problem((*path, "hostnames", at), text, name)
                    break


def _check_interface(config: Configuration, path: Path, item: OutsideName) -> Iterator[Problem]:
    found = config.get(Interfaces).interfaces
    at = (*path, "interface")
    yield from not_in_vrf(at, item.interface, found, "no provider is told of addresses")
    if item.interface is not None and item.interface not in {one.id for one in found}:
        known = ", ".join(sorted(one.id for one in found))
        yield Problem(at, f"there is no interface {item.interface}", item.interface, known)


def _check_zone(path: Path, item: OutsideName) -> Iterator[Problem]:
    if item.rfc2136 is None:
        return
    zone = item.rfc2136.zone
    for at, name in enumerate(item.hostnames):
        if name != zone and not name.endswith(f".{zone}"):
            yield Problem((*path, "hostnames", at), f"{name} is not in the zone {zone}", name)


def _check_asking(path: Path, item: OutsideName) -> Iterator[Problem]:
    if item.address_from is not None and item.tell == "ipv6":
        text = "an address of IPv6 is never asked for: where the uplink has one, it is the router's own"
        yield Problem((*path, "address_from"), text, item.address_from)
    if item.address_from is None and item.address_from_ca is not None:
        text = "there is no page whose certificate they are for"
        yield Problem((*path, "address_from_ca"), text, severity=Severity.WARNING)
