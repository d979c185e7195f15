# SPDX-License-Identifier: GPL-2.0-or-later
"""Flat lines of iptables' table nat as translations of ours, in the form that the files have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from patronus.firewall.importing.condition import Condition, Unsaid
from patronus.firewall.importing.flatten import Flat
from patronus.firewall.importing.kinds import LOCAL
from patronus.firewall.importing.translated import EVERYWHERE, Translation, asked_sides, named, transport

RANDOM = frozenset({"--random", "--random-fully"})


def translations(made: Translation, chain: str, flat: Flat) -> Iterator[dict[str, Any]]:
    """Yield the entries of one line of a chain of nat. Raises Unsaid."""
    asked, write = flat.condition, WRITERS[chain].get(flat.target)
    if write is None or asked.more or asked.source_ports:
        reason = "a match" if write else f"the target {flat.target or 'of nothing'}"
        raise Unsaid(f"{reason} of this line has no word among translations")
    if asked.kinds not in (None, LOCAL):
        raise Unsaid("a translation by the kind of address has no word here")
    for entry in write(made, flat):
        yield {"id": made.name_of(flat.line.number), **named(flat.line, group=False), **entry}


def _forwards(made: Translation, flat: Flat) -> Iterator[dict[str, Any]]:
    asked, target = flat.condition, _host(flat)
    if asked.protocols is None:
        raise Unsaid("a port forward without a protocol has no word here")
    zones = _zones(made, asked.arrives)
    if asked.destination is None and asked.kinds is None:
        remark = "taken for the router's own addresses; the line takes what is for any address"
        made.remarks.append((flat.line, remark))
    entry = {**asked_sides(flat), **transport(asked), "to": target, "rule": False}
    for zone in zones:
        yield {"type": "dnat", "in": zone, **entry}


def _sources(made: Translation, flat: Flat) -> Iterator[dict[str, Any]]:
    asked = _leaving(made, flat)
    if asked.protocols is not None or asked.destination_ports is not None:
        raise Unsaid("a translation of sources by protocol has no word here")
    to, version = flat.line.value("--to-source"), flat.line.version
    if (":" if version == 4 else "]:") in (to or "") or flat.line.value("--to-ports"):
        raise Unsaid("ports of its own for what is translated have no word here")
    if RANDOM.intersection(flat.line.words):
        made.remarks.append((flat.line, "taken without chance: the kernel keeps a source port where it can"))
    family = {"family": "ipv6"} if version == 6 else {}
    does: dict[str, Any] = (
        {"type": "masquerade", **family} if flat.target == "MASQUERADE" else {"type": "snat", "to": to}
    )
    for zone in _zones(made, asked.leaves):
        yield {**does, "out": zone, **asked_sides(flat)}


def _kept_sources(made: Translation, flat: Flat) -> Iterator[dict[str, Any]]:
    asked = _leaving(made, flat)
    sides = asked_sides(flat) or {"source": EVERYWHERE[flat.line.version]}
    for zone in _zones(made, asked.leaves):
        yield {"type": "exempt", "out": zone, **sides, **transport(asked)}


def _kept_destinations(made: Translation, flat: Flat) -> Iterator[dict[str, Any]]:
    asked, everywhere = flat.condition, EVERYWHERE[flat.line.version]
    sides = asked_sides(flat) if asked.kinds else {"destination": everywhere, **asked_sides(flat)}
    for zone in _zones(made, asked.arrives):
        yield {"type": "exempt", "in": zone, **sides, **transport(asked)}


def _leaving(made: Translation, flat: Flat) -> Condition:
    """Return what a line of sources asks for. Raises Unsaid where that is more than such an entry can."""
    asked = flat.condition
    if asked.kinds is not None:
        raise Unsaid("a translation of what is for the router has no word here")
    if asked.arrives is not None and not asked.arrives >= made.names:
        raise Unsaid("a translation of sources by where they come in has no word here: say their addresses")
    return asked


def _zones(made: Translation, names: frozenset[str] | None) -> list[str]:
    return list(made.zones) if names is None else made.whole_zones(names)


def _host(flat: Flat) -> str:
    """Return where a port forward leads: one host, with or without ports. Raises Unsaid."""
    target = flat.line.value("--to-destination") or ""
    whole = flat.line.version == 6 and not target.startswith("[")
    host, _, ports = (target, "", "") if whole else target.partition("]:" if flat.line.version == 6 else ":")
    if not host:
        raise Unsaid("it leads to no host; a port alone has no word here")
    if "-" in host:
        raise Unsaid("it leads to more than one host")
    asked = flat.condition.destination_ports
    same = asked is not None and ports in (f"{low}-{high}" for low, high in asked) and len(asked) == 1
    if not ports.isdigit() and ports and not same:
        raise Unsaid("it leads to any port of several; here each has its own")
    return target


WRITERS: Mapping[str, Mapping[str, Callable[[Translation, Flat], Iterator[dict[str, Any]]]]] = {
    "PREROUTING": {"DNAT": _forwards, "ACCEPT": _kept_destinations},
    "POSTROUTING": {"MASQUERADE": _sources, "SNAT": _sources, "ACCEPT": _kept_sources},
}
"""The chains of nat, and what writes the entries of their targets."""
