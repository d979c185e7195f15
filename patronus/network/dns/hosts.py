# SPDX-License-Identifier: GPL-2.0-or-later
"""The hosts that DHCP knows, kept up to date from its events. Pure, and safe from any thread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from patronus.core.bus import Event
from patronus.network.dhcp.events import LeaseChanged, LeaseEntry, LeasesKnown
from patronus.network.dns.config import LeaseName


class Hosts:
    """One name for each client on each network; each change replaces the mapping as a whole."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], LeaseName] = {}

    def take(self, event: Event) -> bool:
        """Take in an event; return whether a name or an address has changed by it."""
        before = self._names
        if isinstance(event, LeasesKnown):
            self._names = {(lease.network, lease.client): _name(lease) for lease in event.leases}
        elif isinstance(event, LeaseChanged):
            self._names = self._changed(event)
        return self._names != before

    def _changed(self, event: LeaseChanged) -> dict[tuple[str, str], LeaseName]:
        lease = event.lease
        if event.action == "renewed" and self._names.get((lease.network, lease.client)) == _name(lease):
            return self._names
        names = {
            key: name
            for key, name in self._names.items()
            if key != (lease.network, lease.client)
            and (name.network, name.address) != (lease.network, lease.address)
        }
        if event.action in {"granted", "renewed"}:
            names[lease.network, lease.client] = _name(lease)
        return names

    def names(self) -> Iterable[LeaseName]:
        """Return the hosts that gave a name, the first to have it first."""
        return [name for name in self._names.values() if name.hostname]

    def as_data(self) -> list[dict[str, Any]]:
        """Return the hosts that gave a name as JSON-ready data."""
        return [asdict(name) for name in self.names()]


def _name(lease: LeaseEntry) -> LeaseName:
    return LeaseName(lease.network, lease.client, lease.address, lease.hostname, lease.mac)
