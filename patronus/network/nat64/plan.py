# SPDX-License-Identifier: GPL-2.0-or-later
"""What tayga is told, tayga.conf(5). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from patronus.core.feature import Plan
from patronus.core.model import Configuration
from patronus.network.interfaces.model import Interface, Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.interfaces.translator import own_addresses

FOLDER = "/run/patronus-tayga"
"""Where tayga keeps which host has which address of the pool."""
MAP = "dynamic.map"


@dataclass(frozen=True)
class Nat64Plan(Plan):
    """What tayga is told; ``text`` None: it does not run. ``role`` is that of its device."""

    text: str | None = None
    role: str | None = None
    prefix: str | None = None
    pool: str | None = None


def plan(config: Configuration, links: InterfacesPlan) -> Nat64Plan:
    """Return the plan; there is one translator at most."""
    for item in config.get(Interfaces).interfaces:
        device = links.devices.get(item.id)
        if item.nat64 is not None and device is not None:
            text = "".join(f"{line}\n" for line in _lines(item, device))
            return Nat64Plan((), text, item.id, str(item.nat64.prefix), str(item.nat64.pool))
    return Nat64Plan()


def _lines(item: Interface, device: str) -> Iterator[str]:
    if item.nat64 is None:
        return
    four, six = own_addresses(item.nat64)
    yield "# Written by patronusd."
    yield f"tun-device {device}"
    yield f"ipv4-addr {four}"
    if six not in item.nat64.prefix:  # that of the prefix it makes itself
        yield f"ipv6-addr {six}"
    yield f"prefix {item.nat64.prefix}"
    yield f"dynamic-pool {item.nat64.pool}"
    yield f"data-dir {FOLDER}"
