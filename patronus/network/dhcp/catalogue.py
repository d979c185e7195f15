# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on leases, pools and reservations. Loaded when callers are received."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from patronus.core.control import CommitReport, Control
from patronus.core.edit import Insert, Remove
from patronus.core.errors import InvalidRequest, NotFound, Unavailable
from patronus.core.model import as_data
from patronus.core.verb import Caller, Done, Nothing, Role, Verb
from patronus.kernel.channel import Channel
from patronus.network.dhcp.check import SECTION_PATH
from patronus.network.dhcp.model import Dhcp, Pool
from patronus.network.dhcp.pool_verbs import PoolVerbs
from patronus.network.dhcp.verbs import (
    AddReservation,
    LeaseInfo,
    LeaseList,
    ListLeases,
    PoolInfo,
    PoolList,
    RemoveLease,
    RemoveReservation,
    ReservationInfo,
    ServerStatus,
)
from patronus.network.dhcp6.config import write_identifier
from patronus.network.dhcp6.model import Ipv6Pool, PrefixReservation
from patronus.network.dhcp6.prefixes import IDENTIFIER


class Catalogue:
    """Answers callers out of the configuration and of what the server says."""

    def __init__(self, control: Control, server: Channel) -> None:
        self._control = control
        self._server = server

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs on leases, pools and reservations."""
        return (
            Verb(
                "dhcp.ListLeases",
                ListLeases,
                LeaseList,
                self.list_leases,
                route="GET /dhcp/leases",
            ),
            Verb("dhcp.ListPools", Nothing, PoolList, self.list_pools, route="GET /dhcp/pools"),
            *PoolVerbs(self._control).verbs(),
            Verb("dhcp.Status", Nothing, ServerStatus, self.status, route="GET /dhcp/status"),
            Verb(
                "dhcp.AddReservation",
                AddReservation,
                CommitReport,
                self.add_reservation,
                role=Role.ADMIN,
                route="POST /dhcp/reservations",
                changes=True,
            ),
            Verb(
                "dhcp.RemoveReservation",
                RemoveReservation,
                CommitReport,
                self.remove_reservation,
                role=Role.ADMIN,
                route="DELETE /dhcp/reservations/{id}",
                changes=True,
            ),
            Verb(
                "dhcp.RemoveLease",
                RemoveLease,
                Done,
                self.remove_lease,
                role=Role.OPERATOR,
                route="DELETE /dhcp/leases/{address}",
                changes=True,
            ),
        )

    def list_leases(self, _: Caller, given: ListLeases) -> LeaseList:
        """List who has which address, and until when."""
        reserved = {(pool.interface, int(item.address)) for pool in self._all() for item in pool.reservations}
        reserved |= {(pool.interface, -1 - item.subnet) for pool in self._all() for item in _kept(pool)}
        found = self._server.call("ListLeases", {"all": given.all})["leases"]
        return LeaseList(leases=[LeaseInfo(**item, reserved=_place(item) in reserved) for item in found])

    def list_pools(self, _: Caller, __: Nothing) -> PoolList:
        """List the pools, their reservations, and how full they are."""
        try:
            found = {pool["id"]: pool for pool in self._server.call("Status")["pools"]}
        except Unavailable:
            found = {}
        return PoolList(pools=[_pool_info(pool, found.get(pool.id, {})) for pool in self._all()])

    def status(self, _: Caller, __: Nothing) -> ServerStatus:
        """Show whether the server runs, where it serves, and what it has counted."""
        try:
            found = self._server.call("Status")
        except Unavailable:
            return ServerStatus(running=False, devices=[], counters={})
        devices = dict.fromkeys((*found["devices"], *found["devices6"]))
        return ServerStatus(running=True, devices=list(devices), counters=found["counters"])

    def add_reservation(self, caller: Caller, given: AddReservation) -> CommitReport:
        """Keep an address for one host, or a prefix for one router; it comes with its next renewal."""
        pool = next((pool for pool in self._all() if pool.id == given.pool), None)
        if pool is None:
            raise NotFound(f"no pool is called {given.pool}")
        value = given.model_dump(mode="json", exclude={"pool"}, exclude_none=True)
        if given.address is None:
            return self._keep_prefix(caller, pool, given, value)
        if given.subnet is not None:
            raise InvalidRequest("address and subnet exclude each other")
        if isinstance(pool, Ipv6Pool) and given.address.version == 6:
            value["address"] = write_identifier(int(given.address) & IDENTIFIER)
        edit = Insert(SECTION_PATH, (_key(pool), given.pool, "reservations"), value)
        return CommitReport.of(self._control.submit([edit], caller, comment=f"reserve {given.address}"))

    def _keep_prefix(
        self, caller: Caller, pool: Pool | Ipv6Pool, given: AddReservation, value: dict[str, Any]
    ) -> CommitReport:
        if given.subnet is None or given.hostname is not None:
            raise InvalidRequest("say an address, or the subnet of a router, which has no hostname")
        if not isinstance(pool, Ipv6Pool) or pool.delegation is None:
            raise InvalidRequest(f"{pool.id} gives routers no prefixes")
        edit = Insert(SECTION_PATH, (_key(pool), pool.id, "delegation", "reservations"), value)
        return CommitReport.of(self._control.submit([edit], caller, comment=f"reserve subnet {given.subnet}"))

    def remove_reservation(self, caller: Caller, given: RemoveReservation) -> CommitReport:
        """Free a reserved address or prefix; who has it keeps its lease until that ends."""
        for pool in self._all():
            at: tuple[str, ...] = (_key(pool), pool.id)
            if any(item.id == given.id for item in _kept(pool)):
                at = (*at, "delegation")
            if len(at) > 2 or any(item.id == given.id for item in pool.reservations):
                edit = Remove(SECTION_PATH, (*at, "reservations", given.id))
                comment = f"remove reservation {given.id}"
                return CommitReport.of(self._control.submit([edit], caller, comment=comment))
        raise NotFound(f"no reservation is called {given.id}")

    def remove_lease(self, _: Caller, given: RemoveLease) -> Done:
        """Forget a lease; its host learns of it at its next renewal, and another may get the address."""
        self._server.call("RemoveLease", {"address": str(given.address)})
        return Done()

    def _all(self) -> tuple[Pool | Ipv6Pool, ...]:
        dhcp = self._control.config.get(Dhcp)
        return *dhcp.pools, *dhcp.ipv6_pools


def _key(pool: Pool | Ipv6Pool) -> str:
    """Return the list of the file that the pool stands in."""
    return "ipv6_pools" if isinstance(pool, Ipv6Pool) else "pools"


def _kept(pool: Pool | Ipv6Pool) -> tuple[PrefixReservation, ...]:
    """Return the prefixes that the pool keeps for single routers."""
    given = pool.delegation if isinstance(pool, Ipv6Pool) else None
    return given.reservations if given is not None else ()


def _place(lease: Mapping[str, Any]) -> tuple[str, int]:
    """Return interface and address as a reservation is written: of IPv6 the lower half.

    Of a prefix it is a number below 0, which no address has.
    """
    if lease.get("via"):
        return lease["interface"], -1 - int(lease["subnet"])
    return lease["interface"], int(ip_address(lease["address"])) & IDENTIFIER


def _delegation(pool: Pool | Ipv6Pool) -> str | None:
    """Return in words what routers are given."""
    given = pool.delegation if isinstance(pool, Ipv6Pool) else None
    if given is None:
        return None
    return f"/{given.length} of {given.from_ or given.prefix}"


def _pool_info(pool: Pool | Ipv6Pool, found: Mapping[str, Any]) -> PoolInfo:
    return PoolInfo(
        id=pool.id,
        family=6 if isinstance(pool, Ipv6Pool) else 4,
        interface=pool.interface,
        ranges=[str(part) for part in pool.ranges],
        lease_time_s=pool.lease_time,
        size=sum(part.size for part in pool.ranges),
        used=found.get("used"),
        delegation=_delegation(pool),
        routers=found.get("routers"),
        reservations=[
            ReservationInfo(
                id=item.id,
                address=str(item.address),
                mac=item.mac,
                client_id=getattr(item, "client_id", None),
                duid=getattr(item, "duid", None),
                hostname=item.hostname,
            )
            for item in pool.reservations
        ]
        + [
            ReservationInfo(
                id=item.id,
                address=None,
                subnet=item.subnet,
                mac=item.mac,
                client_id=None,
                duid=item.duid,
                hostname=None,
            )
            for item in _kept(pool)
        ],
        configuration=as_data(pool),
    )
