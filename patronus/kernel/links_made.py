# SPDX-License-Identifier: GPL-2.0-or-later
"""What a link of each kind is made with, in the words of rtnetlink(7)."""

from __future__ import annotations

from typing import Any

from patronus.core.link import BondSettings, GreTunnel, LinkWanted, Tunnel
from patronus.kernel import bridges, gre, vxlan
from patronus.kernel.links_seen import HASHES, MODES, PROVIDERS
from patronus.kernel.rtnetlink import index_of


def words(route: Any, wanted: LinkWanted) -> dict[str, Any]:
    """Return what a link is made with beside its name."""
    if isinstance(wanted.tunnel, Tunnel):
        return {"kind": "vxlan", **vxlan.words(route, wanted.parent or "", wanted.tunnel)}
    if isinstance(wanted.tunnel, GreTunnel):
        return {"kind": wanted.tunnel.kind, **gre.words(route, wanted.parent or "", wanted.tunnel)}
    more: dict[str, Any] = {}
    if wanted.kind == "vlan":
        more = {"link": index_of(route, wanted.parent or ""), "vlan_id": wanted.tag}
        more |= {"vlan_protocol": PROVIDERS} if wanted.protocol == "802.1ad" else {}
    elif wanted.kind == "bridge":
        more = {"br_stp_state": int(wanted.stp), **(bridges.FILTERING if wanted.filters else {})}
    elif wanted.kind == "vrf":
        more = {"vrf_table": wanted.table}
    elif wanted.kind == "bond":
        more = _bond(wanted.bond or BondSettings())
    return {"kind": wanted.kind, **more}


def _bond(bond: BondSettings) -> dict[str, Any]:
    """Return the settings of a bond; its mode cannot be changed later."""
    made = {"bond_mode": MODES.index(bond.mode), "bond_miimon": bond.monitor_ms}
    if bond.hash != BondSettings.hash:
        made["bond_xmit_hash_policy"] = HASHES.index(bond.hash)
    if bond.lacp_fast:
        made["bond_ad_lacp_rate"] = 1
    return made
