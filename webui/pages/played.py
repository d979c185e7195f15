# SPDX-License-Identifier: GPL-2.0-or-later
"""What plays the role of an interface, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any


def plays(configuration: Mapping[str, Any]) -> str:
    """Return what plays a role, in words."""
    return next((said(configuration[kind]) for kind, said in _PLAYS.items() if kind in configuration), "")


def _vlan(vlan: Mapping[str, Any]) -> str:
    outer = ", a provider's" if vlan.get("protocol") == "802.1ad" else ""
    return f"VLAN {vlan['tag']} of {vlan['parent']}{outer}"


def _joins(what: str, joined: Mapping[str, Any]) -> str:
    apart = ", which keeps VLANs apart" if joined.get("vlans") else ""
    table = f", table {joined['table']}" if "table" in joined else ""
    return f"{what} of {', '.join(joined.get('members') or ()) or 'nothing yet'}{apart}{table}"


def _gre(gre: Mapping[str, Any]) -> str:
    inside = "frames" if gre.get("frames") else "packets"
    return f"GRE over {gre['parent']} to {gre['remote']}, for {inside}"


_PLAYS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "match": lambda _: "network card",
    "vlan": _vlan,
    "bridge": partial(_joins, "bridge"),
    "bond": partial(_joins, "bond"),
    "vrf": partial(_joins, "VRF"),
    "dummy": lambda _: "dummy link",
    "vxlan": lambda one: (
        f"VXLAN {one['vni']} over {one['parent']} to {', '.join((one['remote'], *one.get('others', ())))}"
    ),
    "gre": _gre,
    "nat64": lambda one: f"NAT64: {one.get('prefix', '64:ff9b::/96')} to IPv4 by {one['pool']}",
    "pppoe": lambda one: f"PPPoE over {one['parent']} as {one['user']}",
}
"""What is said of each kind's settings."""
