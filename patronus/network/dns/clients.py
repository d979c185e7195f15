# SPDX-License-Identifier: GPL-2.0-or-later
"""Which policy a client has: the first that fits where and from which address it asks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from patronus.network.dns.config import Policy

REMEMBERED = 4096
"""Clients whose policy is known without looking; addresses can be invented."""


@dataclass(frozen=True)
class _Group:
    devices: frozenset[str]
    prefixes: tuple[IPv4Network | IPv6Network, ...]

    def has(self, device: str, address: str) -> bool:
        if self.devices and device not in self.devices:
            return False
        return not self.prefixes or any(ip_address(address) in prefix for prefix in self.prefixes)


class Clients:
    """Numbers clients by their policy: 0 for those who have none, else its place in the list, from 1."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        """Take policies in. Raises ValueError where the clients of one are no prefixes."""
        self._names = ("", *(item.id for item in policies))
        self._groups = [
            _Group(frozenset(item.devices), tuple(map(ip_network, item.clients))) for item in policies
        ]
        self._known: dict[tuple[str, str], int] = {}

    def __bool__(self) -> bool:
        """Return whether clients differ at all."""
        return bool(self._groups)

    def view(self, device: str, address: str) -> int:
        """Return the number of whoever asks on the device from the address, which may name its scope."""
        known = self._known.get((device, address))
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[device, address] = self._find(device, address.partition("%")[0])
        return known

    def policy(self, view: int) -> str:
        """Return the name of the policy with that number; 0 has none."""
        return self._names[view]

    def _find(self, device: str, address: str) -> int:
        fitting = (number for number, group in enumerate(self._groups, 1) if group.has(device, address))
        return next(fitting, 0)
