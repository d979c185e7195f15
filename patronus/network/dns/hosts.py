# SPDX-License-Identifier: GPL-2.0-or-later
"""The hosts that DHCP knows, kept up to date from its events. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from patronus.core.bus import Event
from patronus.network.dhcp.events import LeaseChanged, LeaseEntry, LeasesKnown
from patronus.network.dns.config import LeaseName

GIVEN = {"granted", "renewed"}
Place = tuple[str, str]


class Hosts:
    """One name for each client and each address on each network. One thread takes events in, any may read.

    An event costs the same however many hosts there are: thousands may come back at once.
    """

    def __init__(self) -> None:
        self._names: dict[Place, LeaseName] = {}
        self._clients: dict[Place, str] = {}

    def take(self, event: Event) -> bool:
        """Take in an event; return whether a host that has a name came, went or changed by it."""
        if isinstance(event, LeasesKnown):
            return self._begin_again(event.leases)
        return isinstance(event, LeaseChanged) and self._change(event)

    def _begin_again(self, leases: Iterable[LeaseEntry]) -> bool:
        before = self._names
        self._names = {(lease.network, lease.client): _name(lease) for lease in leases}
        self._clients = {(name.network, name.address): name.client for name in self._names.values()}
        return self._names != before

    def _change(self, event: LeaseChanged) -> bool:
        name = _name(event.lease)
        given = event.action in GIVEN
        if given and self._names.get((name.network, name.client)) == name:
            return False
        gone = [self._forget(name.network, name.client)]
        holder = self._clients.get((name.network, name.address))
        if holder is not None:
            gone.append(self._forget(name.network, holder))
        if given:
            self._names[name.network, name.client] = name
            self._clients[name.network, name.address] = name.client
        return any(item.hostname for item in gone if item is not None) or (given and bool(name.hostname))

    def _forget(self, network: str, client: str) -> LeaseName | None:
        known = self._names.pop((network, client), None)
        if known is not None:
            self._clients.pop((network, known.address), None)
        return known

    def names(self) -> Iterable[LeaseName]:
        """Return the hosts that gave a name, the first to have it first."""
        return [name for name in list(self._names.values()) if name.hostname]

    def as_data(self) -> list[dict[str, Any]]:
        """Return the hosts that gave a name as JSON-ready data."""
        return [asdict(name) for name in self.names()]


def _name(lease: LeaseEntry) -> LeaseName:
    return LeaseName(lease.network, lease.client, lease.address, lease.hostname, lease.mac)
