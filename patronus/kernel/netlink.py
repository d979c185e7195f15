# SPDX-License-Identifier: GPL-2.0-or-later
"""Links, addresses and routes over rtnetlink(7). Needs CAP_NET_ADMIN to change anything, nothing to read.

Each method opens a socket of its own, so that all may be called from any thread. Routes are ours when their
protocol is ``static``; those of the kernel, of dhcpcd and of people are never returned and never touched.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, get_args

from patronus.core.errors import KernelError
from patronus.core.link import (
    Address,
    BondHash,
    BondMode,
    BondSettings,
    Counters,
    Link,
    LinkSettings,
    LinkWanted,
    Nic,
    Route,
    RouteKind,
)
from patronus.kernel import nics
from patronus.kernel.rtnetlink import IPRoute, NetlinkDumpInterrupted, NetlinkError

OURS = "patronus"
"""The alias that marks a link as made by us."""
_ETHERNET = 1
_UP = 0x1
_MAIN_TABLE = 254
_MODES: tuple[BondMode, ...] = get_args(BondMode)
_HASHES: tuple[BondHash, ...] = get_args(BondHash)
_STATIC = 4
"""RTPROT_STATIC in linux/rtnetlink.h: set by an administrator's program, not by the kernel or DHCP."""
_TYPES: dict[int, RouteKind] = {1: "unicast", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
"""RTN_ of linux/rtnetlink.h."""
_NUMBERS = {kind: number for number, kind in _TYPES.items()}
_NODAD = 0x02
"""IFA_F_NODAD: usable at once, so that servers can bind to it while the link comes up."""
_DUMP_TRIES = 5


@dataclass(frozen=True)
class Snapshot:
    """The links, addresses and our routes, as the kernel had them at one moment."""

    links: tuple[Link, ...]
    addresses: tuple[Address, ...]
    routes: tuple[Route, ...]


@contextmanager
def _asking(what: str) -> Iterator[Any]:
    """Lend a socket; translate what the kernel refuses. Raises KernelError."""
    try:
        with IPRoute() as route:
            yield route
    except NetlinkError as error:
        raise KernelError(f"cannot {what}: {os.strerror(abs(error.code))}") from error
    except OSError as error:
        raise KernelError(f"cannot {what}: {error}") from error


def _dump(route: Any, call: str, **filters: Any) -> list[Any]:
    """Return a whole dump; one that a change has interrupted is taken again."""
    for _ in range(_DUMP_TRIES):
        try:
            return list(getattr(route, call)(**filters))
        except NetlinkDumpInterrupted:
            continue
    raise KernelError(f"the kernel's tables change too fast to be read ({call})")


def _gone(route: Any, name: str) -> bool:
    """Return whether there is no such link: a NIC can be pulled out while it is being taken down."""
    return not route.link_lookup(ifname=name)


def _index(route: Any, name: str) -> int:
    found = route.link_lookup(ifname=name)
    if not found:
        raise KernelError(f"there is no link {name}")
    return int(found[0])


def _kind(message: Any) -> str:
    return message.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") or ""


def _counters(message: Any) -> Counters:
    stats = message.get_attr("IFLA_STATS64") or {}
    return Counters(**{name: int(stats.get(name, 0)) for name in Counters.__dataclass_fields__})


def _bond(data: Any) -> BondSettings | None:
    """Return a bond's settings; None for one that has others than ours can say."""
    mode, policy = data.get_attr("IFLA_BOND_MODE"), data.get_attr("IFLA_BOND_XMIT_HASH_POLICY") or 0
    if mode not in range(len(_MODES)) or policy not in range(len(_HASHES)):
        return None
    fast = bool(data.get_attr("IFLA_BOND_AD_LACP_RATE")) and _MODES[mode] == "802.3ad"
    return BondSettings(_MODES[mode], data.get_attr("IFLA_BOND_MIIMON"), _HASHES[policy], lacp_fast=fast)


def _made(route: Any, wanted: LinkWanted) -> dict[str, Any]:
    """Return what a link is made with, beside name and kind; a bond's mode cannot be changed later."""
    if wanted.kind == "vlan":
        return {"link": _index(route, wanted.parent or ""), "vlan_id": wanted.tag}
    if wanted.kind == "bridge":
        return {"br_stp_state": int(wanted.stp)}
    if wanted.kind != "bond":
        return {}
    bond = wanted.bond or BondSettings()
    made = {"bond_mode": _MODES.index(bond.mode), "bond_miimon": bond.monitor_ms}
    if bond.hash != BondSettings.hash:
        made["bond_xmit_hash_policy"] = _HASHES.index(bond.hash)
    if bond.lacp_fast:
        made["bond_ad_lacp_rate"] = 1
    return made


def _link(message: Any, names: dict[int, str]) -> Link:
    kind = _kind(message)
    data = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA")
    parent = message.get_attr("IFLA_LINK") if kind == "vlan" else None
    return Link(
        name=message.get_attr("IFLA_IFNAME"),
        index=message["index"],
        kind=kind,
        mac=message.get_attr("IFLA_ADDRESS") or "",
        mtu=message.get_attr("IFLA_MTU"),
        up=bool(message["flags"] & _UP),
        carrier=bool(message.get_attr("IFLA_CARRIER")),
        master=names.get(message.get_attr("IFLA_MASTER")),
        parent=names.get(parent) if parent else None,
        tag=data.get_attr("IFLA_VLAN_ID") if kind == "vlan" else None,
        stp=bool(data.get_attr("IFLA_BR_STP_STATE")) if kind == "bridge" else False,
        bond=_bond(data) if kind == "bond" else None,
        ours=message.get_attr("IFLA_IFALIAS") == OURS,
        counters=_counters(message),
    )


def _links(route: Any) -> tuple[Link, ...]:
    messages = [message for message in _dump(route, "get_links") if message["ifi_type"] == _ETHERNET]
    names = {message["index"]: message.get_attr("IFLA_IFNAME") for message in messages}
    return tuple(_link(message, names) for message in messages)


def _address(message: Any, names: dict[int, str]) -> Address:
    text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    return Address(names[message["index"]], ipaddress.ip_interface(f"{text}/{message['prefixlen']}"))


def _route(message: Any, names: dict[int, str]) -> Route:
    zero = "0.0.0.0" if message["family"] == 2 else "::"  # noqa: S104  # the default route, not a listener
    gateway, kind = message.get_attr("RTA_GATEWAY"), _TYPES[message["type"]]
    return Route(
        destination=ipaddress.ip_network(f"{message.get_attr('RTA_DST') or zero}/{message['dst_len']}"),
        device=names[message.get_attr("RTA_OIF")] if kind == "unicast" else "",
        gateway=ipaddress.ip_address(gateway) if gateway else None,
        metric=message.get_attr("RTA_PRIORITY") or 0,
        kind=kind,
    )


def _is_ours(message: Any, names: dict[int, str]) -> bool:
    if message["proto"] != _STATIC or message["table"] != _MAIN_TABLE:
        return False
    kind = _TYPES.get(message["type"])
    return kind is not None and (kind != "unicast" or message.get_attr("RTA_OIF") in names)


def _joins_bond(route: Any, index: int, master: int) -> bool:
    """Return whether the link is about to become a member of a bond that it is none of."""
    if not master or route.get_links(index)[0].get_attr("IFLA_MASTER") == master:
        return False
    return _kind(route.get_links(master)[0]) == "bond"


class Netlink:
    """The kernel's links in the network namespace of the calling thread. All methods raise KernelError."""

    def inventory(self) -> tuple[Nic, ...]:
        """Return the network cards: Ethernet links that nobody made, and veth ends, in the order of index."""
        with _asking("list the network cards") as route:
            messages = _dump(route, "get_links")
        return tuple(
            self._nic(message)
            for message in messages
            if message["ifi_type"] == _ETHERNET and _kind(message) in ("", "veth")
        )

    def _nic(self, message: Any) -> Nic:
        name = message.get_attr("IFLA_IFNAME")
        return Nic(
            name=name,
            mac=message.get_attr("IFLA_PERM_ADDRESS") or message.get_attr("IFLA_ADDRESS"),
            path=nics.bus_path(nics.ancestors(name)),
            driver=nics.driver(name),
            carrier=bool(message.get_attr("IFLA_CARRIER")),
        )

    def links(self) -> tuple[Link, ...]:
        """Return all Ethernet links with their counters."""
        with _asking("list the links") as route:
            return _links(route)

    def snapshot(self) -> Snapshot:
        """Return links, addresses and our routes; addresses of links that are not Ethernet are left out."""
        with _asking("read the links, addresses and routes") as route:
            links = _links(route)
            names = {link.index: link.name for link in links}
            addresses = [item for item in _dump(route, "get_addr") if item["index"] in names]
            routes = [item for item in _dump(route, "get_routes", table=_MAIN_TABLE) if _is_ours(item, names)]
        return Snapshot(
            links,
            tuple(_address(item, names) for item in addresses),
            tuple(_route(item, names) for item in routes),
        )

    def create_link(self, wanted: LinkWanted) -> None:
        """Make a link, down, and mark it as ours; nothing stays where marking fails."""
        with _asking(f"create the {wanted.kind} {wanted.name}") as route:
            route.link("add", ifname=wanted.name, kind=wanted.kind, **_made(route, wanted))
            try:
                route.link("set", index=_index(route, wanted.name), ifalias=OURS)
            except NetlinkError:
                route.link("del", index=_index(route, wanted.name))
                raise

    def delete_link(self, name: str) -> None:
        """Delete a link; its addresses and routes go with it. Harmless where it is gone."""
        with _asking(f"delete the link {name}") as route:
            if not _gone(route, name):
                route.link("del", index=_index(route, name))

    def configure_link(self, name: str, settings: LinkSettings) -> None:
        """Set MTU, master and state of a link in one request, a bridge's STP before.

        A card is taken down and joins a bond before that, since a bond refuses what is up, and kernels differ
        in whether one request sets the state or the master first. A link that is gone is down
        already; to set it up is an error.
        """
        with _asking(f"set {name} to {settings}") as route:
            if not settings.up and _gone(route, name):
                return
            index = _index(route, name)
            if settings.stp is not None:
                route.link("set", index=index, kind="bridge", br_stp_state=int(settings.stp))
            changed: dict[str, Any] = {"state": "up" if settings.up else "down"}
            changed["master"] = _index(route, settings.master) if settings.master else 0
            if _joins_bond(route, index, changed["master"]):
                route.link("set", index=index, state="down")
                route.link("set", index=index, master=changed["master"])
            if settings.mtu is not None:
                changed["mtu"] = settings.mtu
            route.link("set", index=index, **changed)

    def add_address(self, address: Address) -> None:
        """Add an address, without waiting for duplicate detection."""
        self._change_address("add", address)

    def delete_address(self, address: Address) -> None:
        """Delete an address; the kernel drops the routes on it. Harmless where the link is gone."""
        self._change_address("del", address)

    def _change_address(self, verb: str, address: Address) -> None:
        interface = address.interface
        extra: dict[str, Any] = {"flags": _NODAD} if verb == "add" and interface.version == 6 else {}
        if verb == "add" and interface.version == 4 and interface.network.prefixlen < 31:
            extra["broadcast"] = str(interface.network.broadcast_address)
        with _asking(f"{verb} the address {interface} on {address.device}") as route:
            if verb == "del" and _gone(route, address.device):
                return
            index = _index(route, address.device)
            route.addr(
                verb, index=index, address=str(interface.ip), prefixlen=interface.network.prefixlen, **extra
            )

    def add_route(self, wanted: Route) -> None:
        """Add a route of ours."""
        self._change_route("add", wanted)

    def delete_route(self, route: Route) -> None:
        """Delete a route of ours. Harmless where the link is gone."""
        self._change_route("del", route)

    def _change_route(self, verb: str, wanted: Route) -> None:
        way: dict[str, Any] = {"gateway": str(wanted.gateway)} if wanted.gateway else {}
        with _asking(f"{verb} the route {wanted}") as route:
            if wanted.kind == "unicast":
                if verb == "del" and _gone(route, wanted.device):
                    return
                way["oif"] = _index(route, wanted.device)
            route.route(
                verb,
                dst=str(wanted.destination),
                type=_NUMBERS[wanted.kind],
                priority=wanted.metric,
                proto=_STATIC,
                table=_MAIN_TABLE,
                **way,
            )
