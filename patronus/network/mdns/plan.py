# SPDX-License-Identifier: GPL-2.0-or-later
"""What avahi is told, avahi-daemon.conf(5), and the openings. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from patronus.core.feature import Plan
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.mdns.model import Mdns
from patronus.network.opening import Opening

WHY = "mdns"
"""What zones call the service in ``self_services``."""
PORT = 5353


@dataclass(frozen=True)
class MdnsPlan(Plan):
    """What avahi is told; None: it does not run."""

    text: str | None = None


def plan(model: Mdns, links: InterfacesPlan) -> MdnsPlan:
    """Return the plan; interfaces whose card is missing are left out until it is there."""
    zones = {role: zone for zone, roles in links.zones.items() for role in roles}
    devices = {role: device for role in model.between if (device := links.devices.get(role)) is not None}
    if len(devices) < 2:
        return MdnsPlan()
    served = dict.fromkeys(zones[role] for role in devices)
    openings = tuple(Opening(zone, "udp", (PORT,), WHY) for zone in served)
    return MdnsPlan(contributions=openings, text=render(devices.values(), model.only))


def render(devices: Iterable[str], only: Iterable[str]) -> str:
    """Return the configuration: repeat, and say nothing of the router itself."""
    kinds = ",".join(f"{kind}.local" for kind in only)
    filters = f"reflect-filters={kinds}\n" if kinds else ""
    return (
        "# Written by patronusd.\n"
        f"[server]\nallow-interfaces={','.join(devices)}\nuse-ipv4=yes\nuse-ipv6=yes\nenable-dbus=no\n"
        "[wide-area]\nenable-wide-area=no\n"
        "[publish]\ndisable-publishing=yes\ndisable-user-service-publishing=yes\n"
        "publish-addresses=no\npublish-hinfo=no\npublish-workstation=no\npublish-domain=no\n"
        f"[reflector]\nenable-reflector=yes\nreflect-ipv=no\n{filters}"
    )
