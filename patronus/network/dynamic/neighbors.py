# SPDX-License-Identifier: GPL-2.0-or-later
"""How it is with the neighbours, from what the daemons say as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from patronus.network.dynamic.model import Neighbor
from patronus.network.dynamic.plan import DynamicPlan

Protocol = Literal["bgp", "ospf", "ospf3"]
_SETTLED = ("full", "2-way", "twoway")
"""States in which two routers of OSPF stay: of those on one link only the elected tell each other routes."""
_BEFORE_AN_ANSWER = "No AFI/SAFI activated for peer"
"""What FRR also says of a session that stands, when a try before it was not answered."""
_REASONS = {
    _BEFORE_AN_ANSWER: "no family of routes is agreed on",
    "Admin. shutdown": "it is waiting for its secret",
    "Peer closed the session": "it closed the session",
    "Interface down": "the interface is down",
    "Hold Timer Expired": "it gave no sign of life in time",
    "BFD down received": "it was seen to be gone (BFD)",
    "Waiting for NHT": "no route leads to it",
    "Waiting for Peer IPv6 LLA": "no router has announced itself there",
}
"""What FRR calls the end of a session or the wait for one."""


@dataclass(frozen=True)
class Heard:
    """What is known of a neighbour. ``since_s`` is how long it is up, None while it is not.

    ``received`` are its routes that were taken, ``sent`` ours that it was told, None where nobody counts
    them; ``reason`` says why it is not up, or was not the last time.
    """

    protocol: Protocol
    id: str
    address: str
    interface: str | None
    up: bool
    state: str
    since_s: float | None = None
    received: int | None = None
    sent: int | None = None
    reason: str | None = None
    remote_as: int | None = None


def of_bgp(plan: DynamicPlan, said: Mapping[str, Any], wrong_passwords: int) -> Iterator[Heard]:
    """Yield the neighbours of the file with what ``show bgp neighbors json`` says of each.

    ``wrong_passwords`` is how many packets the kernel threw away for theirs.
    """
    for one in plan.bgp.neighbors if plan.bgp else ():
        seen = said.get(plan.name(one) or "")
        address = str(one.address or (seen or {}).get("bgpNeighborAddr") or "")
        if not one.enabled or not isinstance(seen, Mapping):
            state = "off" if not one.enabled else "silent"
            missing = "bgpd does not know it" if plan.name(one) else "its interface is not there"
            reason = missing if one.enabled else None
            yield Heard("bgp", one.id, address, one.interface, up=False, state=state, reason=reason,
                        remote_as=one.remote_as)  # fmt: skip
            continue
        state = str(seen.get("bgpState", "")).lower() or "idle"
        up = state == "established"
        counts = [
            item for item in (seen.get("addressFamilyInfo") or {}).values() if isinstance(item, Mapping)
        ]
        yield Heard(
            "bgp", one.id, address, one.interface, up=up, state=state,
            since_s=_seconds(seen.get("bgpTimerUpMsec")) if up else None,
            received=sum(int(item.get("acceptedPrefixCounter", 0)) for item in counts) if up else None,
            sent=sum(int(item.get("sentPrefixCounter", 0)) for item in counts) if up else None,
            reason=_reason(one, seen, wrong_passwords, up=up),
            remote_as=one.remote_as,
        )  # fmt: skip


def _reason(one: Neighbor, seen: Mapping[str, Any], wrong_passwords: int, *, up: bool) -> str | None:
    """Return in plain words why a session is not up, or why it ended the last time.

    bgpd calls it an end as well that it could not begin while it was being told of the neighbour.
    """
    told = str(seen.get("lastNotificationReason") or "").strip()
    ended = str(seen.get("lastResetDueTo") or "").strip()
    if up and (not seen.get("connectionsDropped") or (ended == _BEFORE_AN_ANSWER and not told)):
        return None
    if seen.get("adminShutDown"):
        return "it waits for its secret"
    if not up and one.password is not None and wrong_passwords:
        return f"it does not answer; {wrong_passwords} packets came with another password than ours, or none"
    if told:
        return f"the session ended: {told}"
    if not up and not seen.get("connectionsEstablished"):
        extra = " or has another password" if one.password is not None else ""
        waits = _REASONS.get(ended)
        return (
            waits if waits and ended.startswith("Waiting") else f"it does not answer on TCP port 179{extra}"
        )
    return _REASONS.get(ended, ended) or None


def of_ospf(plan: DynamicPlan, said: Mapping[str, Any]) -> Iterator[Heard]:
    """Yield the neighbours of ``show ip ospf neighbor json``: router id → its adjacencies."""
    roles = {device: role for role, device in plan.devices.items()}
    for router, links in (said.get("neighbors") or {}).items():
        for one in links if isinstance(links, list) else [links]:
            device = str(one.get("ifaceName", "")).partition(":")[0]
            state = str(one.get("nbrState") or one.get("state") or "").partition("/")[0].lower()
            since_s = _seconds(one.get("upTimeInMsec"))
            yield _adjacency(
                "ospf", str(router), str(one.get("ifaceAddress", "")), roles.get(device), state, since_s
            )


def of_ospf3(plan: DynamicPlan, said: Mapping[str, Any]) -> Iterator[Heard]:
    """Yield the neighbours of ``show ipv6 ospf6 neighbor json``."""
    roles = {device: role for role, device in plan.devices.items()}
    for one in said.get("neighbors") or ():
        state, device = str(one.get("state", "")).lower(), str(one.get("interfaceName", ""))
        yield _adjacency(
            "ospf3", str(one.get("neighborId", "")), "", roles.get(device), state, _clock(one.get("duration"))
        )


def _adjacency(
    protocol: Protocol, router: str, address: str, role: str | None, state: str, since_s: float | None
) -> Heard:
    up = state in _SETTLED
    reason = None if up else "it is heard; the two have not agreed yet"
    return Heard(
        protocol, router, address, role, up=up, state=state, since_s=since_s if up else None, reason=reason
    )


def _seconds(milliseconds: Any) -> float | None:
    return milliseconds / 1000 if isinstance(milliseconds, int | float) else None


def _clock(text: Any) -> float | None:
    """Return the seconds of ``01:02:03``; None for what is none."""
    parts = str(text).split(":")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        return None
    return float(int(parts[0]) * 3600 + int(parts[1]) * 60 + int(parts[2]))


@dataclass(frozen=True)
class Told:
    """A route that a neighbour told and the kernel has."""

    destination: str
    protocol: str
    gateways: tuple[str, ...]
    devices: tuple[str, ...]
    distance: int
    metric: int
    taken: bool


_OF: Mapping[str, str] = {"bgp": "bgp", "ospf": "ospf", "ospf6": "ospf3"}


def of_table(said: Mapping[str, Any]) -> Iterator[Told]:
    """Yield the routes of ``show ip route json`` that BGP and OSPF brought."""
    for destination, routes in said.items():
        for one in routes if isinstance(routes, list) else ():
            if one.get("protocol") not in _OF:
                continue
            hops = [
                hop
                for hop in one.get("nexthops") or ()
                if isinstance(hop, Mapping) and not hop.get("recursive")
            ]
            yield Told(
                destination, _OF[one["protocol"]],
                tuple(str(hop["ip"]) for hop in hops if hop.get("ip")),
                tuple(dict.fromkeys(str(hop["interfaceName"]) for hop in hops if hop.get("interfaceName"))),
                int(one.get("distance", 0)), int(one.get("metric", 0)), bool(one.get("installed")),
            )  # fmt: skip
