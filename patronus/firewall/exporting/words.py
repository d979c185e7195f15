# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses and ports in the words of iptables: each as alternatives of which at most one fits."""

from __future__ import annotations

from collections.abc import Sequence

from patronus.core.values import PortRange
from patronus.firewall.addresses import AddressSet, Version, address, single_network

ANY: tuple[str, ...] = ("",)
"""The one alternative that says nothing."""


def side(name: str, addresses: AddressSet | None, version: Version) -> tuple[str, ...]:
    """Return the words for ``src`` or ``dst``; none where the family has no address, and nothing fits."""
    if addresses is None:
        return ANY
    found = []
    for first, last in addresses.intervals(version):
        network = single_network(version, first, last)
        ends = f"{address(version, first)}-{address(version, last)}"
        found.append(f"-{name[0]} {network}" if network else f"-m iprange --{name}-range {ends}")
    return tuple(found)


def ports_of(name: str, ports: Sequence[PortRange] | None) -> tuple[str, ...]:
    """Return the words for ``source`` or ``destination`` ports; they need a protocol before them."""
    if ports is None:
        return ANY
    spans = (item.first if item.first == item.last else f"{item.first}:{item.last}" for item in ports)
    return tuple(f"-m multiport --{name}-ports {span}" for span in spans)


def protocols_of(protocols: Sequence[int] | None) -> tuple[str, ...]:
    """Return the words for protocols."""
    return ANY if protocols is None else tuple(f"-p {number}" for number in protocols)


def joined(*words: str) -> str:
    """Return the words that say something, in a line."""
    return " ".join(word for word in words if word)
