# SPDX-License-Identifier: GPL-2.0-or-later
"""What other links and addresses would mean for who uses the router now. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from patronus.core.feature import Consequence
from patronus.core.link import IpInterface
from patronus.network.interfaces.plan import InterfacesPlan


def foresee(plan: InterfacesPlan, running: InterfacesPlan) -> Iterator[Consequence]:
    """Yield the router's addresses that go away."""
    for role, addresses in running.addresses.items():
        device, now = running.devices.get(role), plan.addresses.get(role, ())
        if device is None:
            continue
        stays = plan.devices.get(role) == device
        for address in addresses:
            if stays and address in now:
                continue
            before, after = f"{address} on {device}", _instead(role, plan, address)
            what = f"the router's address {address.ip} on {role}"
            yield Consequence("service", what, works=False, before=before, after=after)


def _instead(role: str, plan: InterfacesPlan, gone: IpInterface) -> str:
    if plan.devices.get(role) is None:
        return f"{role} has no device any more"
    found = [str(one.ip) for one in plan.addresses.get(role, ()) if one.version == gone.version]
    return f"found at {', '.join(found)} instead" if found else f"gone from {role}"
