# SPDX-License-Identifier: GPL-2.0-or-later
"""dhcpcd's configuration for one uplink, dhcpcd.conf(5). One process serves one device."""

from __future__ import annotations

from collections.abc import Iterator

from patronus.network.interfaces.plan import DhcpClient

ONE_FAMILY = ("ipv4only", "ipv6only")
"""Lines of a client that serves one family alone."""


def unit(device: str) -> str:
    """Return the unit of the client on a device."""
    return f"patronus-dhcpcd@{device}.service"


def render(client: DhcpClient) -> str:
    """Return the text of the client's configuration."""
    return "\n".join(_lines(client)) + "\n"


def _lines(client: DhcpClient) -> Iterator[str]:
    yield f"# {client.role}: written by patronusd, and written again with each change"
    if client.mac is not None:
        yield f"# the card shows {client.mac}"
    yield f"allowinterfaces {client.device}"
    yield f"metric {client.metric}"
    yield "timeout 0"  # ask for ever: an uplink may come back at any time
    yield "nodelay"
    if client.ipv4:
        yield from _ipv4_lines()
    if client.ipv6 is None:
        yield "ipv4only"
    else:
        yield from _ipv6_lines(client)
    if not client.ipv4:
        yield "ipv6only"


def _ipv4_lines() -> Iterator[str]:
    yield "clientid"
    yield "noipv4ll"
    yield "noarp"  # the provider answers for its addresses; the probe would delay each boot by seconds
    yield "require dhcp_server_identifier"
    yield "option domain_name_servers, domain_name, classless_static_routes, ntp_servers"


def _ipv6_lines(client: DhcpClient) -> Iterator[str]:
    yield "ipv6rs"
    yield "slaac hwaddr"
    if client.ipv6 == "dhcp":
        yield "ia_na 1"
    if client.prefix_hint is not None:
        yield f"ia_pd 1/::/{client.prefix_hint} -"  # numbering the networks from it is the plan's work
    elif client.ipv6 != "dhcp":
        yield "nodhcp6"
