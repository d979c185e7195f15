# SPDX-License-Identifier: GPL-2.0-or-later
"""What other links and addresses would mean for who uses the router now. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from patronus.core.feature import Consequence
from patronus.core.link import IpAddress, IpInterface, LinkWanted, Seat
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


def foresee_seat(
    plan: InterfacesPlan, running: InterfacesPlan, visitor: IpAddress, seats: Sequence[Seat]
) -> Iterator[Consequence]:
    """Yield what other VLANs of its port would mean for who commits, where a bridge has heard it."""
    near = (role for role, nets in running.subnets().items() if any(visitor in net for net in nets))
    role = next(near, None)
    now, after = ({link.name: link for link in one.links} for one in (running, plan))
    network = now.get(running.devices.get(role or "") or "")
    network_after = after.get(plan.devices.get(role or "") or "")
    if network is None or network_after is None:
        return
    bridge = network.parent if network.kind == "vlan" else network.name
    for seat in seats:
        port = now.get(seat.port)
        if port is None or seat.bridge != bridge or seat.tag not in (None, network.tag):
            continue
        sent = None if network.tag == _untagged(port) else network.tag
        found = after.get(seat.port, LinkWanted("", seat.port))
        if not _meets(network_after, found, sent):
            what = f"your session from {visitor} through {seat.port}"
            yield Consequence(
                "session", what, works=False, before=_place(port, sent), after=_place(found, sent)
            )


def _untagged(port: LinkWanted) -> int | None:
    """Return the VLAN of frames without a tag; None where they are in none, or dropped."""
    return next((one.tag for one in port.vlans or () if one.arriving), None)


def _vlan(port: LinkWanted, sent: int | None) -> int | None:
    """Return the VLAN of the frames that a host sends with this tag, None for without."""
    if sent is None:
        return _untagged(port)
    return sent if port.vlans is None or any(one.tag == sent for one in port.vlans) else None


def _meets(network: LinkWanted, port: LinkWanted, sent: int | None) -> bool:
    """Return whether these frames come to the network, as far as bridges decide it."""
    if network.kind == "bridge":
        return port.master == network.name
    return network.kind != "vlan" or (port.master == network.parent and _vlan(port, sent) == network.tag)


def _place(port: LinkWanted, sent: int | None) -> str:
    if port.master is None:
        return f"{port.name} is in no bridge"
    tag = _vlan(port, sent)
    if tag is not None:
        return f"in VLAN {tag} of {port.master}"
    if port.vlans is None:
        return f"in {port.master}"
    return f"{port.name} drops frames {f'of VLAN {sent}' if sent else 'without a tag'}"
