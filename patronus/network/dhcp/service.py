# SPDX-License-Identifier: GPL-2.0-or-later
"""The DHCP feature inside patronusd: opens the sockets, tells the server, relays leases to the bus."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from patronus.core.errors import Unavailable
from patronus.core.feature import Difference, Earlier, Feature, Step
from patronus.core.model import Configuration
from patronus.core.problem import Problem
from patronus.core.verb import Verb
from patronus.kernel.channel import Channel
from patronus.kernel.host import Host
from patronus.kernel.sockets import (
    arp_socket,
    device_index,
    hardware_address,
    sending_socket,
    udp_socket,
    unless_gone,
)
from patronus.network.dhcp.check import check
from patronus.network.dhcp.config import CONTROL_INTERFACE
from patronus.network.dhcp.events import LeaseChanged, LeaseEntry, LeasesKnown
from patronus.network.dhcp.frame import SERVER_PORT
from patronus.network.dhcp.model import SECTION
from patronus.network.dhcp.plan import DhcpPlan, plan
from patronus.network.dhcp6.service import Sockets

if TYPE_CHECKING:
    from patronus.network.dhcp.catalogue import Catalogue

ANSWER_TIME_S = 5.0
"""How long a change waits for a server that is just restarting."""


@dataclass(frozen=True)
class Held:
    """The sockets of one device, and the index that the device had when they were bound to it."""

    index: int
    mac: bytes
    sockets: tuple[socket.socket, socket.socket, socket.socket]
    """For datagrams, for frames that are sent, and for replies of ARP."""

    def close(self) -> None:
        """Close our copies; the server has its own."""
        for sock in self.sockets:
            sock.close()


class DhcpFeature(Feature[DhcpPlan, None]):
    """Pools and reservations in, leases out."""

    name = "dhcp"
    sections = (SECTION,)

    def __init__(self, host: Host) -> None:
        self._host = host
        self._held: dict[str, Held] = {}
        self._six = Sockets()
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
        pools = len(plan.config.pools) + len(plan.config.six.pools)
        yield Step(
            f"DHCP: serve {pools} pools",
            do=lambda: self._tell(plan, patient=running is not None),
            undo=lambda: self._tell(running or DhcpPlan(), patient=False),
        )

    def _current(self, plan: DhcpPlan) -> bool:
        """Return whether our sockets are bound to the devices as they are now."""
        now = {device: index for device in plan.devices if (index := device_index(device))}
        mine = {device: held.index for device, held in self._held.items()}
        return now == mine and self._six.current(plan.devices6)

    def _tell(self, plan: DhcpPlan, *, patient: bool) -> None:
        """Push the configuration with its sockets. Raises KernelError.

        At boot the server may come later: it gets its configuration then. A change by a person waits for
        it, and fails where it does not come.
        """
        self._channel.start()
        self._open(plan)
        data = plan.config.as_data()
        data["pools"] = [pool for pool in data["pools"] if pool["device"] in self._held]
        data["six"] = [pool for pool in data["six"] if pool["device"] in self._six]
        devices: list[dict[str, Any]] = []
        descriptors: list[int] = []
        for name, held in self._held.items():
            devices.append({"name": name, "mac": held.mac.hex(), "sockets": len(descriptors)})
            descriptors += [sock.fileno() for sock in held.sockets]
        pushed = {"config": data, "devices": devices, "devices6": self._six.hand_over(descriptors)}
        self._channel.push(pushed, descriptors, ANSWER_TIME_S if patient else 0.0)

    def _open(self, plan: DhcpPlan) -> None:
        """Bring the sockets to the plan's devices; a device that is missing is passed over."""
        wanted = {device: index for device in plan.devices if (index := device_index(device))}
        for device in list(self._held):
            if wanted.get(device) != self._held[device].index:
                self._held.pop(device).close()
        for device, index in wanted.items():
            if device not in self._held:
                with unless_gone(device):
                    self._held[device] = _open(device, index)
        self._six.open(plan.devices6)

    def observe(self, plan: DhcpPlan) -> Iterator[Difference]:
        """Ask the server on which devices it serves."""
        if not self._channel.connected:
            return
        try:
            status = self._channel.call("Status")
        except Unavailable as error:
            yield Difference("dhcp server", "answers", str(error))
            return
        for what, devices in (("devices", plan.devices), ("devices6", plan.devices6)):
            wanted = sorted(device for device in devices if device_index(device))
            found = sorted(status[what])
            if wanted != found:
                refuses = not set(wanted) <= set(found)  # a device that has gone since refuses nothing
                yield Difference(f"dhcp {what}", ", ".join(wanted), ", ".join(found), refuses=refuses)

    def close(self) -> None:
        """Leave the server to itself: it serves on with what it has."""
        self._channel.stop()
        for held in self._held.values():
            held.close()
        self._held = {}
        self._six.close()

    def _on_event(self, event: dict[str, Any]) -> None:
        if event.get("kind") == "leases":
            leases = tuple(LeaseEntry.from_data(item) for item in event["leases"])
            self._host.control.publish(LeasesKnown(leases))
        elif event.get("kind") == "changes":
            for item in event["changes"]:
                self._host.control.publish(LeaseChanged(item["action"], LeaseEntry.from_data(item["lease"])))

    def export_leases(self) -> list[dict[str, Any]]:
        """Return the leases that have not ended, as data for a backup. Raises Unavailable."""
        leases: list[dict[str, Any]] = self._channel.call("ExportLeases")["leases"]
        return leases

    def import_leases(self, leases: Sequence[Mapping[str, Any]]) -> int:
        """Take leases over from a backup, but none whose client or address has one here; return how many.

        Raises Unavailable, InvalidRequest, StorageError.
        """
        return int(self._channel.call("ImportLeases", {"leases": [*leases]})["imported"])

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs."""
        return self.catalogue().verbs()

    def catalogue(self) -> Catalogue:
        """Return what answers callers."""
        from patronus.network.dhcp.catalogue import Catalogue  # no packet waits for it to be loaded

        return Catalogue(self._host.control, self._channel)


def _open(device: str, index: int) -> Held:
    with ExitStack() as opened:
        mac = hardware_address(device)
        datagrams = opened.enter_context(udp_socket(device, SERVER_PORT))
        frames = opened.enter_context(sending_socket(device))
        held = Held(index, mac, (datagrams, frames, arp_socket(device)))
        opened.pop_all()
        return held


def create(host: Host) -> DhcpFeature:
    """Make the feature; called once by the daemon."""
    return DhcpFeature(host)
