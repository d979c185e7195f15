# SPDX-License-Identifier: GPL-2.0-or-later
"""The DHCP feature inside patronusd: opens the sockets, tells the server, relays leases to the bus."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patronus.core.control import CommitReport
from patronus.core.edit import Insert, Remove
from patronus.core.errors import KernelError, NotFound, Unavailable
from patronus.core.feature import Difference, Earlier, Feature, Step
from patronus.core.model import Configuration
from patronus.core.problem import Problem
from patronus.core.verb import Caller, Done, Nothing, Role, Verb
from patronus.kernel.channel import Channel
from patronus.kernel.host import Host
from patronus.kernel.sockets import device_index, hardware_address, sending_socket, udp_socket
from patronus.network.dhcp.check import SECTION_PATH, check
from patronus.network.dhcp.config import CONTROL_INTERFACE
from patronus.network.dhcp.events import LeaseChanged, LeaseEntry, LeasesKnown
from patronus.network.dhcp.frame import SERVER_PORT
from patronus.network.dhcp.model import SECTION, Dhcp, Pool
from patronus.network.dhcp.plan import DhcpPlan, plan
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

ANSWER_TIME_S = 5.0
"""How long a change waits for a server that is just restarting."""


@dataclass(frozen=True)
class Held:
    """The sockets of one device, and the index that the device had when they were bound to it."""

    index: int
    mac: bytes
    datagrams: socket.socket
    frames: socket.socket

    def close(self) -> None:
        """Close our copies; the server has its own."""
        self.datagrams.close()
        self.frames.close()


class DhcpFeature(Feature[DhcpPlan, None]):
    """Pools and reservations in, leases out."""

    name = "dhcp"
    sections = (SECTION,)

    def __init__(self, host: Host) -> None:
        self._host = host
        self._held: dict[str, Held] = {}
        path = host.places.run.with_name("patronus-dhcp") / "control.sock"
        self._channel = Channel(path, CONTROL_INTERFACE, self._on_event)

    def check(self, config: Configuration) -> Iterable[Problem]:
        """Yield what is wrong with the pools."""
        return check(config)

    def facts(self) -> None:
        """Need nothing of the world."""

    def plan(self, config: Configuration, facts: None, earlier: Earlier) -> DhcpPlan:  # noqa: ARG002
        """Return what the server shall serve."""
        return plan(config, earlier)

    def steps(self, plan: DhcpPlan, running: DhcpPlan | None) -> Iterator[Step]:
        """Tell the server, where the plan, a device or the server itself has changed since."""
        if plan == running and self._current(plan) and (self._channel.taken or not self._channel.connected):
            return
        yield Step(
            f"DHCP: serve {len(plan.config.pools)} pools",
            do=lambda: self._tell(plan, patient=running is not None),
            undo=lambda: self._tell(running or DhcpPlan(), patient=False),
        )

    def _current(self, plan: DhcpPlan) -> bool:
        """Return whether our sockets are bound to the devices as they are now."""
        now = {device: index for device in plan.devices if (index := device_index(device))}
        return now == {device: held.index for device, held in self._held.items()}

    def _tell(self, plan: DhcpPlan, *, patient: bool) -> None:
        """Push the configuration with its sockets. Raises KernelError.

        At boot the server may come later: it gets its configuration then. A change by a person waits for
        it, and fails where it does not come.
        """
        self._channel.start()
        self._open(plan)
        data = plan.config.as_data()
        data["pools"] = [pool for pool in data["pools"] if pool["device"] in self._held]
        devices: list[dict[str, Any]] = []
        descriptors: list[int] = []
        for name, held in self._held.items():
            at = len(descriptors)
            devices.append({"name": name, "mac": held.mac.hex(), "datagrams": at, "frames": at + 1})
            descriptors += [held.datagrams.fileno(), held.frames.fileno()]
        pushed = {"config": data, "devices": devices}
        self._channel.push(pushed, descriptors, ANSWER_TIME_S if patient else 0.0)

    def _open(self, plan: DhcpPlan) -> None:
        """Bring the sockets to the plan's devices; a device that is missing is passed over."""
        wanted = {device: index for device in plan.devices if (index := device_index(device))}
        for device in list(self._held):
            if wanted.get(device) != self._held[device].index:
                self._held.pop(device).close()
        for device, index in wanted.items():
            if device not in self._held:
                self._held[device] = _open(device, index)

    def observe(self, plan: DhcpPlan) -> Iterator[Difference]:
        """Ask the server on which devices it serves."""
        if not self._channel.connected:
            return
        wanted = sorted(device for device in plan.devices if device_index(device))
        try:
            found = sorted(self._channel.call("Status")["devices"])
        except Unavailable as error:
            yield Difference("dhcp server", "answers", str(error))
            return
        if wanted != found:
            yield Difference("dhcp devices", ", ".join(wanted), ", ".join(found))

    def close(self) -> None:
        """Leave the server to itself: it serves on with what it has."""
        self._channel.stop()
        for held in self._held.values():
            held.close()
        self._held = {}

    def _on_event(self, event: dict[str, Any]) -> None:
        if event.get("kind") == "leases":
            leases = tuple(LeaseEntry.from_data(item) for item in event["leases"])
            self._host.control.publish(LeasesKnown(leases))
        elif event.get("kind") == "lease":
            self._host.control.publish(LeaseChanged(event["action"], LeaseEntry.from_data(event["lease"])))

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
        reserved = {str(item.address) for pool in self._pools() for item in pool.reservations}
        found = self._channel.call("ListLeases", {"all": given.all})["leases"]
        return LeaseList(leases=[LeaseInfo(**item, reserved=item["address"] in reserved) for item in found])

    def export_leases(self) -> list[dict[str, Any]]:
        """Return the leases that have not ended, as data for a backup. Raises Unavailable."""
        leases: list[dict[str, Any]] = self._channel.call("ListLeases", {"all": False})["leases"]
        return leases

    def import_leases(self, leases: Sequence[Mapping[str, Any]]) -> int:
        """Take leases over from a backup, but none whose client or address has one here; return how many.

        Raises Unavailable, InvalidRequest, StorageError.
        """
        return int(self._channel.call("ImportLeases", {"leases": [*leases]})["imported"])

    def list_pools(self, _: Caller, __: Nothing) -> PoolList:
        """List the pools, their reservations, and how full they are."""
        try:
            used = {pool["id"]: pool["used"] for pool in self._channel.call("Status")["pools"]}
        except Unavailable:
            used = {}
        return PoolList(pools=[_pool_info(pool, used.get(pool.id)) for pool in self._pools()])

    def status(self, _: Caller, __: Nothing) -> ServerStatus:
        """Show whether the server runs, where it serves, and what it has counted."""
        try:
            found = self._channel.call("Status")
        except Unavailable:
            return ServerStatus(running=False, devices=[], counters={})
        return ServerStatus(running=True, devices=found["devices"], counters=found["counters"])

    def add_reservation(self, caller: Caller, given: AddReservation) -> CommitReport:
        """Keep an address for one host; it gets it when it next renews its lease."""
        if all(pool.id != given.pool for pool in self._pools()):
            raise NotFound(f"no pool is called {given.pool}")
        value = given.model_dump(mode="json", exclude={"pool"}, exclude_none=True)
        edit = Insert(SECTION_PATH, ("pools", given.pool, "reservations"), value)
        return CommitReport.of(self._host.control.submit([edit], caller, comment=f"reserve {given.address}"))

    def remove_reservation(self, caller: Caller, given: RemoveReservation) -> CommitReport:
        """Free a reserved address; the host keeps its lease until that ends."""
        for pool in self._pools():
            if any(item.id == given.id for item in pool.reservations):
                edit = Remove(SECTION_PATH, ("pools", pool.id, "reservations", given.id))
                comment = f"remove reservation {given.id}"
                return CommitReport.of(self._host.control.submit([edit], caller, comment=comment))
        raise NotFound(f"no reservation is called {given.id}")

    def remove_lease(self, _: Caller, given: RemoveLease) -> Done:
        """Forget a lease; its host learns of it at its next renewal, and another may get the address."""
        self._channel.call("RemoveLease", {"address": str(given.address)})
        return Done()

    def _pools(self) -> tuple[Pool, ...]:
        return self._host.control.config.get(Dhcp).pools


def _open(device: str, index: int) -> Held:
    datagrams = udp_socket(device, SERVER_PORT)
    try:
        return Held(index, hardware_address(device), datagrams, sending_socket(device))
    except KernelError:
        datagrams.close()
        raise


def _pool_info(pool: Pool, used: int | None) -> PoolInfo:
    return PoolInfo(
        id=pool.id,
        interface=pool.interface,
        ranges=[str(part) for part in pool.ranges],
        lease_time_s=pool.lease_time,
        size=sum(part.size for part in pool.ranges),
        used=used,
        reservations=[
            ReservationInfo(
                id=item.id,
                address=str(item.address),
                mac=item.mac,
                client_id=item.client_id,
                hostname=item.hostname,
            )
            for item in pool.reservations
        ],
    )


def create(host: Host) -> DhcpFeature:
    """Make the feature; called once by the daemon."""
    return DhcpFeature(host)
