# SPDX-License-Identifier: GPL-2.0-or-later
"""Links, addresses and routes over rtnetlink(7). Needs CAP_NET_ADMIN to change anything, nothing to read.

Each method opens a socket of its own, so that all may be called from any thread. Routes are ours when their
protocol is ``static``; those of the kernel, of dhcpcd and of people are never returned and never touched.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, get_args

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
    VlanProtocol,
)
from patronus.kernel import nics
from patronus.kernel.rtnetlink import NetlinkError, asking, dump, harmless, index_of

OURS = "patronus"
"""The alias that marks a link as made by us."""
_ETHERNET, _PPP = 1, 512
"""ARPHRD_ of linux/if_arp.h."""
_UP, _TO_PEER = 0x1, 0x10
"""IFF_UP and IFF_POINTOPOINT of linux/if.h."""
_PROVIDERS = 0x88A8
"""ETH_P_8021AD: the type of a frame with a provider's tag."""
_MAIN_TABLE = 254
_MODES: tuple[BondMode, ...] = get_args(BondMode)
_HASHES: tuple[BondHash, ...] = get_args(BondHash)
_STATIC = 4
"""RTPROT_STATIC in linux/rtnetlink.h: set by an administrator's program, not by the kernel or DHCP."""
_TOLD = frozenset({11, 186, 188})
"""RTPROT_ZEBRA, RTPROT_BGP and RTPROT_OSPF: FRR gives each of its routes the metric 20."""
_TYPES: dict[int, RouteKind] = {1: "unicast", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
"""RTN_ of linux/rtnetlink.h."""
_NUMBERS = {kind: number for number, kind in _TYPES.items()}
_NODAD = 0x02
"""IFA_F_NODAD: usable at once, so that servers can bind to it while the link comes up."""


@dataclass(frozen=True)
class Snapshot:
    """The links, addresses and our routes, as the kernel had them at one moment."""

    links: tuple[Link, ...]
    addresses: tuple[Address, ...]
    routes: tuple[Route, ...]


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
        outer = {"vlan_protocol": _PROVIDERS} if wanted.protocol == "802.1ad" else {}
        return {"link": index_of(route, wanted.parent or ""), "vlan_id": wanted.tag, **outer}
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


def _protocol(data: Any) -> VlanProtocol:
    return "802.1ad" if data.get_attr("IFLA_VLAN_PROTOCOL") == _PROVIDERS else "802.1q"


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
        protocol=_protocol(data) if kind == "vlan" else "802.1q",
        stp=bool(data.get_attr("IFLA_BR_STP_STATE")) if kind == "bridge" else False,
        bond=_bond(data) if kind == "bond" else None,
        ours=message.get_attr("IFLA_IFALIAS") == OURS,
        to_peer=bool(message["flags"] & _TO_PEER),
        counters=_counters(message),
    )


def _known(route: Any) -> list[Any]:
    return [message for message in dump(route, "get_links") if message["ifi_type"] in (_ETHERNET, _PPP)]


def _names(links: list[Any]) -> dict[int, str]:
    return {message["index"]: message.get_attr("IFLA_IFNAME") for message in links}


def _links(route: Any) -> tuple[Link, ...]:
    messages = _known(route)
    names = _names(messages)
    return tuple(_link(message, names) for message in messages)


def _addresses(route: Any, names: dict[int, str]) -> tuple[Address, ...]:
    return tuple(_address(item, names) for item in dump(route, "get_addr") if item["index"] in names)


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


def _is_told(route: Any, wanted: Route) -> bool:
    """Return whether a route that other routers told stands where one of ours shall: it makes room."""
    family = socket.AF_INET if wanted.destination.version == 4 else socket.AF_INET6
    key = (str(wanted.destination.network_address), wanted.destination.prefixlen, wanted.metric)
    zero = "0.0.0.0" if wanted.destination.version == 4 else "::"  # noqa: S104  # the default route
    return any(
        item["proto"] in _TOLD
        and (item.get_attr("RTA_DST") or zero, item["dst_len"], item.get_attr("RTA_PRIORITY") or 0) == key
        for item in dump(route, "get_routes", family=family, table=_MAIN_TABLE)
    )


class Netlink:
    """The kernel's links in the network namespace of the calling thread. All methods raise KernelError."""

    def inventory(self) -> tuple[Nic, ...]:
        """Return the network cards: Ethernet links that nobody made, and veth ends, in the order of index."""
        with asking("list the network cards") as route:
            messages = dump(route, "get_links")
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
        """Return all links of Ethernet and PPP with their counters."""
        with asking("list the links") as route:
            return _links(route)

    def addresses(self) -> tuple[Address, ...]:
        """Return the addresses of links of Ethernet and PPP."""
        with asking("read the addresses") as route:
            return _addresses(route, _names(_known(route)))

    def snapshot(self) -> Snapshot:
        """Return links, addresses and our routes; those of other links than Ethernet and PPP are left out."""
        with asking("read the links, addresses and routes") as route:
            links = _links(route)
            names = {link.index: link.name for link in links}
            addresses = _addresses(route, names)
            routes = [item for item in dump(route, "get_routes", table=_MAIN_TABLE) if _is_ours(item, names)]
        return Snapshot(links, addresses, tuple(_route(item, names) for item in routes))

    def create_link(self, wanted: LinkWanted) -> None:
        """Make a link, down, and mark it as ours; nothing stays where marking fails."""
        with asking(f"create the {wanted.kind} {wanted.name}") as route:
            route.link("add", ifname=wanted.name, kind=wanted.kind, **_made(route, wanted))
            try:
                route.link("set", index=index_of(route, wanted.name), ifalias=OURS)
            except NetlinkError:
                route.link("del", index=index_of(route, wanted.name))
                raise

    def delete_link(self, name: str) -> None:
        """Delete a link; its addresses and routes go with it. Harmless where it is gone."""
        with asking(f"delete the link {name}") as route, harmless():
            route.link("del", index=index_of(route, name))

    def configure_link(self, name: str, settings: LinkSettings) -> None:
        """Set MTU, master and state of a link in one request, a bridge's STP before.

        A card is taken down and joins a bond before that, since a bond refuses what is up, and kernels differ
        in whether one request sets the state or the master first. A link that is gone is down
        already; to set it up is an error.
        """
        with asking(f"set {name} to {settings}") as route, nullcontext() if settings.up else harmless():
            index = index_of(route, name)
            if settings.stp is not None:
                route.link("set", index=index, kind="bridge", br_stp_state=int(settings.stp))
            changed: dict[str, Any] = {"state": "up" if settings.up else "down"}
            changed["master"] = index_of(route, settings.master) if settings.master else 0
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
        """Delete an address; the kernel drops the routes on it. Harmless where it, or the link, is gone."""
        self._change_address("del", address)

    def _change_address(self, verb: str, address: Address) -> None:
        interface = address.interface
        extra: dict[str, Any] = {"flags": _NODAD} if verb == "add" and interface.version == 6 else {}
        if verb == "add" and interface.version == 4 and interface.network.prefixlen < 31:
            extra["broadcast"] = str(interface.network.broadcast_address)
        gone = harmless(errno.EADDRNOTAVAIL, errno.ENXIO) if verb == "del" else nullcontext()
        with asking(f"{verb} the address {interface} on {address.device}") as route, gone:
            index = index_of(route, address.device)
            route.addr(
                verb, index=index, address=str(interface.ip), prefixlen=interface.network.prefixlen, **extra
            )

    def add_route(self, wanted: Route) -> None:
        """Add a route of ours."""
        self._change_route("add", wanted)

    def delete_route(self, route: Route) -> None:
        """Delete a route of ours. Harmless where it, or the link, is gone."""
        self._change_route("del", route)

    def _change_route(self, verb: str, wanted: Route) -> None:
        way: dict[str, Any] = {"gateway": str(wanted.gateway)} if wanted.gateway else {}
        gone = harmless(errno.ESRCH) if verb == "del" else nullcontext()
        with asking(f"{verb} the route {wanted}") as route, gone:
            if wanted.kind == "unicast":
                way["oif"] = index_of(route, wanted.device)
            words = {
                "dst": str(wanted.destination),
                "type": _NUMBERS[wanted.kind],
                "priority": wanted.metric,
                "proto": _STATIC,
                "table": _MAIN_TABLE,
                **way,
            }
            try:
                route.route(verb, **words)
            except NetlinkError as error:
                if abs(error.code) != errno.EEXIST or not _is_told(route, wanted):
                    raise
                route.route("replace", **words)
