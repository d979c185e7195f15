# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known of leases, told and changed over the control channel: lists, backups, how full pools are."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import ip_address
from typing import Any

from patronus.core.errors import InvalidRequest, NotFound, StorageError
from patronus.kernel.endpoint import Handler
from patronus.network.dhcp.config import write_address
from patronus.network.dhcp.lease import Lease
from patronus.network.dhcp.lease import from_data as lease_from_data
from patronus.network.dhcp.leases import Leases, boottime_s, clock_offset_s
from patronus.network.dhcp.machine import Machine
from patronus.network.dhcp.restoring import taken_over
from patronus.network.dhcp6.server import Six

log = logging.getLogger("patronus-dhcp")

SNAPSHOT = 4096
"""Leases of one message: more of them would not fit."""
Change = tuple[str, Lease]
"""What happened to a lease: granted, renewed, released, declined, expired or removed."""


class Ledger:
    """The leases of both families, as callers ask for them and watchers follow them."""

    def __init__(
        self, leases: Leases, machine: Machine, six: Six, publish: Callable[[dict[str, Any]], None]
    ) -> None:
        self._leases = leases
        self._machine = machine
        self._six = six
        self._publish = publish
        self._swept_s = boottime_s()

    def handlers(self) -> dict[str, Handler]:
        """Return what answers which method of the control channel."""
        return {
            "ListLeases": self.list_leases,
            "RemoveLease": self.remove_lease,
            "ImportLeases": self.import_leases,
            "ExportLeases": self.export_leases,
        }

    def reload(self) -> None:
        """Go on from what is on the disk."""
        self._machine.reload(self._leases.load())
        self._six.reload()

    def announce(self, changes: Iterable[Change], now_s: float) -> None:
        """Tell who watches what happened to leases of IPv4."""
        wall_s = now_s + clock_offset_s()
        told = [{"action": action, "lease": lease.as_data(now_s, wall_s)} for action, lease in changes]
        if told:
            self._publish({"kind": "changes", "changes": told})

    def snapshot(self) -> Iterator[dict[str, Any]]:
        """Yield all active leases: the first events take the place of what was known, the others add."""
        now_s = boottime_s()
        active = [lease for lease in self._machine.table if lease.active(now_s)]
        active6 = [lease for lease in self._six.leases if lease.active(now_s)]
        entries = _as_data(active) + self._six.entries(active6, now_s)
        yield {"kind": "leases", "leases": entries[:SNAPSHOT]}
        for start in range(SNAPSHOT, len(entries), SNAPSHOT):
            more = [{"action": "granted", "lease": entry} for entry in entries[start : start + SNAPSHOT]]
            yield {"kind": "changes", "changes": more}

    def list_leases(self, parameters: dict[str, Any], _: tuple[int, ...]) -> dict[str, Any]:
        """Return the leases that somebody has, or ``all`` that are remembered."""
        now_s = boottime_s()
        everything = bool(parameters.get("all", False))
        found = [lease for lease in self._machine.table if everything or lease.held(now_s)]
        found6 = [lease for lease in self._six.leases if everything or lease.held(now_s)]
        return {"leases": _as_data(found) + self._six.entries(found6, now_s)}

    def remove_lease(self, parameters: dict[str, Any], _: tuple[int, ...]) -> dict[str, Any]:
        """Forget the leases of an address. Raises InvalidRequest, NotFound, StorageError."""
        try:
            given = ip_address(parameters["address"])
        except (KeyError, ValueError) as error:
            raise InvalidRequest("address: an address") from error
        if given.version == 6:
            if not self._six.remove(int(given), boottime_s()):
                raise NotFound(f"no lease of {given}")
            return {}
        address = int(given)
        found = [lease for lease in self._machine.table if lease.address == address]
        if not found:
            raise NotFound(f"no lease of {write_address(address)}")
        for lease in found:
            self._leases.remove(lease)
            self._machine.forget(lease)
            self.announce([("removed", lease)], boottime_s())
        return {}

    def import_leases(self, parameters: dict[str, Any], _: tuple[int, ...]) -> dict[str, Any]:
        """Take leases over from a backup, but none whose client or address has one here.

        Raises InvalidRequest, StorageError.
        """
        now_s = boottime_s()
        wall_s = now_s + clock_offset_s()
        try:
            given = [lease_from_data(item, now_s, wall_s) for item in parameters["leases"]]
            news6 = self._six.acceptable([lease for lease in given if lease.six], now_s)
        except (KeyError, ValueError, TypeError) as error:
            raise InvalidRequest(f"not leases: {error!r}") from error
        news = taken_over((lease for lease in given if not lease.six), self._machine.table, now_s)
        self._leases.write([*news, *news6])
        self.reload()
        self.announce([("granted", lease) for lease in news], now_s)
        self._six.announce([("granted", lease) for lease in news6], now_s)
        return {"imported": len(news) + len(news6)}

    def export_leases(self, _: dict[str, Any], __: tuple[int, ...]) -> dict[str, Any]:
        """Return the leases that have not ended as they are kept: those of IPv6 without their prefixes."""
        now_s = boottime_s()
        wall_s = now_s + clock_offset_s()
        found = [lease for lease in (*self._machine.table, *self._six.leases) if lease.held(now_s)]
        return {"leases": [lease.as_data(now_s, wall_s) for lease in found]}

    def pools(self) -> list[dict[str, Any]]:
        """Return how full each pool is."""
        now_s = boottime_s()
        held = [lease for lease in self._machine.table if lease.held(now_s)]
        four = [
            {
                "id": pool.id,
                "size": pool.size,
                "used": sum(
                    lease.network == pool.network and pool.in_ranges(lease.address) for lease in held
                ),
            }
            for pool in self._machine.config.pools
        ]
        return four + self._six.status(now_s)

    def sweep(self) -> None:
        """Announce the leases that ended since the last time, and follow the wall clock if it was set."""
        now_s = boottime_s()
        self.announce(self._ended(self._machine.table, now_s), now_s)
        self._six.announce(self._ended(self._six.leases, now_s), now_s)
        self._swept_s = now_s
        try:
            if self._leases.follow_clock([*self._machine.table, *self._six.leases]):
                log.info("the wall clock was set; the leases' ends follow it")
        except StorageError as error:
            log.error("%s", error)

    def _ended(self, leases: Iterable[Lease], now_s: float) -> list[Change]:
        return [
            ("expired", lease)
            for lease in leases
            if self._swept_s < lease.end_s <= now_s and lease.active(self._swept_s)
        ]


def _as_data(leases: Sequence[Lease]) -> list[dict[str, Any]]:
    now_s = boottime_s()
    wall_s = now_s + clock_offset_s()
    return [lease.as_data(now_s, wall_s) for lease in sorted(leases, key=lambda lease: lease.address)]
