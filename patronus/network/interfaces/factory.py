# SPDX-License-Identifier: GPL-2.0-or-later
"""The first configuration of a router that nobody has configured: the first NIC is LAN, the second WAN.

First means by place on the bus, which stays the same over boots, not by the order of discovery. Each file can
be replaced by the owner before the first boot; those that are not come from here. Only texts are made, as a
person would write them; the engine reads and checks them like any other. Pure.

The LAN has IPv6 too: a local prefix always, and one of the provider's where it delegates any. Only with the
latter is the router announced as a way out, so that hosts prefer IPv4 until IPv6 leads somewhere (RFC 6724).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from patronus.core.link import Nic

_HEADER = "# Made at the first boot. Change it as you like; see the manual for what can be written here.\n"

_LAN = """\
  - id: lan
    match: {match}
    zone: lan
    ipv4: {{method: static, addresses: [192.168.1.1/24]}}
    ipv6: {{method: delegated, {uplink}ula: true}}
"""
_WAN = """\
  - id: wan
    match: {match}
    zone: wan
    ipv4: {{method: dhcp}}
    ipv6: {{method: dhcp, prefix_delegation: {{hint: 56}}}}
"""

_DHCP = """\
pools:
  - id: lan
    interface: lan
    ranges: [192.168.1.100-192.168.1.199]
    lease_time: 12h
    options: {router: 192.168.1.1, dns_servers: [192.168.1.1], domain_name: home.arpa}
"""
_DNS = """\
listen: [lan]
upstreams:
  - {id: isp, from: wan}
local: {domain: home.arpa, leases: true}
"""
_DNS_ALONE = """\
listen: [lan]
local: {domain: home.arpa, leases: true}
"""
_FIXED = {
    "patronus.toml": """\
schema_version = 1

[system]
hostname = "patronus"

[web]
zones = ["lan"]
""",
    "firewall/zones.yaml": """\
zones:
  - {id: wan}
  - {id: lan, to: {wan: allow, self: allow}}
default: drop
""",
    "firewall/nat.yaml": """\
nat:
  - {id: masquerade, type: masquerade, out: wan}
""",
}


def _bus_order(nic: Nic) -> tuple[bool, tuple[tuple[int, str], ...], str]:
    """Return the key by which NICs are ordered: those on a bus first, numbers by value."""
    parts = re.findall(r"\d+|\D+", nic.path or nic.name)
    return (
        nic.path is None,
        tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts),
        nic.name,
    )


def by_bus(inventory: Iterable[Nic]) -> tuple[Nic, ...]:
    """Return the NICs in the order of their places on the bus."""
    return tuple(sorted(inventory, key=_bus_order))


def _match(nic: Nic) -> str:
    path = f', path: "{nic.path}"' if nic.path else ""
    return f'{{mac: "{nic.mac}"{path}}}'


def interfaces_text(inventory: Iterable[Nic]) -> str:
    """Return ``network/interfaces.yaml`` for these NICs; those beyond the second are named in a comment."""
    nics = by_bus(inventory)
    if not nics:
        return _HEADER + "interfaces: []\n"
    text = _HEADER + "interfaces:\n"
    uplink = "from: wan, " if len(nics) > 1 else ""
    for nic, template in zip(nics, (_LAN, _WAN), strict=False):
        text += template.format(match=_match(nic), uplink=uplink)
    for nic in nics[2:]:
        text += f"  # without a role: {nic.name}, match: {_match(nic)}\n"
    return text


def factory_texts(inventory: Iterable[Nic], overrides: Mapping[str, str]) -> dict[str, str]:
    """Return file → text of the first configuration.

    ``overrides``: file → text as the owner gave it; each takes the place of ours for the same section,
    whatever its suffix. A router with one NIC has no upstream servers, one with none serves nobody.
    """
    nics = by_bus(inventory)
    ours = {"network/interfaces.yaml": interfaces_text(nics)}
    ours |= {file: _HEADER + text for file, text in _FIXED.items()}
    if nics or "network/interfaces" in {_section(file) for file in overrides}:
        ours["network/dhcp.yaml"] = _HEADER + _DHCP
        ours["network/dns.yaml"] = _HEADER + (_DNS if len(nics) != 1 else _DNS_ALONE)
    given = {_section(file) for file in overrides}
    return {**{file: text for file, text in ours.items() if _section(file) not in given}, **overrides}


def _section(file: str) -> str:
    return file.rpartition(".")[0]
