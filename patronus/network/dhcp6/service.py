# SPDX-License-Identifier: GPL-2.0-or-later
"""The sockets of DHCPv6, opened by patronusd for the server: one a device, in the group of all servers."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from patronus.core.errors import KernelError
from patronus.kernel.sockets import device_index, hardware_address, join_group, udp_socket, unless_gone
from patronus.network.dhcp6.plan import SERVER_PORT

ALL_SERVERS = "ff02::1:2"
"""All_DHCP_Relay_Agents_and_Servers (RFC 8415 section 7.1)."""


@dataclass(frozen=True)
class Held:
    """The socket of one device, and the index that the device had when it was bound to it."""

    index: int
    mac: bytes
    datagrams: socket.socket


class Sockets:
    """The sockets that the server has now; each change leaves those that stay as they are."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}

    def __contains__(self, device: str) -> bool:
        return device in self._held

    def current(self, devices: Sequence[str]) -> bool:
        """Return whether the sockets are bound to the devices as they are now."""
        return _present(devices) == {device: held.index for device, held in self._held.items()}

    def open(self, devices: Sequence[str]) -> None:
        """Bring the sockets to these devices; one that is missing is passed over. Raises KernelError."""
        wanted = _present(devices)
        for device in list(self._held):
            if wanted.get(device) != self._held[device].index:
                self._held.pop(device).datagrams.close()
        for device, index in wanted.items():
            if device not in self._held:
                with unless_gone(device):
                    self._held[device] = _open(device, index)

    def hand_over(self, descriptors: list[int]) -> list[dict[str, Any]]:
        """Add the descriptors to the list, and return what the server is told of each."""
        told: list[dict[str, Any]] = []
        for name, held in self._held.items():
            told.append({"name": name, "mac": held.mac.hex(), "datagrams": len(descriptors)})
            descriptors.append(held.datagrams.fileno())
        return told

    def close(self) -> None:
        """Close our copies; the server has its own."""
        for held in self._held.values():
            held.datagrams.close()
        self._held = {}


def _present(devices: Sequence[str]) -> dict[str, int]:
    return {device: index for device in devices if (index := device_index(device))}


def _open(device: str, index: int) -> Held:
    datagrams = udp_socket(device, SERVER_PORT, socket.AF_INET6)
    try:
        join_group(datagrams, ALL_SERVERS, index)
        return Held(index, hardware_address(device), datagrams)
    except KernelError:
        datagrams.close()
        raise
