# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong with the section, and what follows from it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from patronus.core.feature import Earlier, Plan
from patronus.core.model import Configuration
from patronus.core.problem import Problem
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus_wol.model import SECTION, WakeOnLan


@dataclass(frozen=True)
class Sleeper:
    """One machine and the device behind which it sleeps; None where the router's network card is missing."""

    id: str
    name: str
    mac: str
    device: str | None


@dataclass(frozen=True)
class WakePlan(Plan):
    """Whom the router can wake."""

    port: int = 9
    sleepers: tuple[Sleeper, ...] = ()


def check(config: Configuration) -> Iterator[Problem]:
    """Yield interfaces that do not exist, and machines that are listed twice."""
    roles = [interface.id for interface in config.get(Interfaces).interfaces]
    seen: dict[str, str] = {}
    for position, target in enumerate(config.get(WakeOnLan).targets):
        path = (SECTION.path, "targets", position)
        if target.interface not in roles:
            message = f"there is no interface {target.interface}"
            yield Problem((*path, "interface"), message, target.interface, ", ".join(roles))
        if (other := seen.setdefault(target.mac, target.id)) != target.id:
            yield Problem((*path, "mac"), f"{other} has the same MAC", target.mac)


def plan(config: Configuration, earlier: Earlier) -> WakePlan:
    """Return whom the router can wake, and through which device."""
    file = config.get(WakeOnLan)
    links = earlier.find(InterfacesPlan) or InterfacesPlan()
    return WakePlan(
        port=file.port,
        sleepers=tuple(
            Sleeper(one.id, one.name or one.id, one.mac, links.devices.get(one.interface))
            for one in file.targets
        ),
    )


def magic_packet(mac: str) -> bytes:
    """Return six bytes of ones and the MAC sixteen times, which a sleeping card listens for."""
    return b"\xff" * 6 + bytes.fromhex(mac.replace(":", "")) * 16
