# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``firewall/protection``: guards that stand before the rules, against the first packets alone.

What belongs to an open connection passes them; only the ICMP limit also counts that. A guard without
``zones`` takes those that suit it: spoofing is looked for where no uplink is, the others watch the uplinks.
Floods are counted by source, which is an address of IPv4 or a /64 of IPv6: one host has all of that.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from patronus.core.model import Strict
from patronus.core.values import Duration, Frequency, Rate, ZoneId
from patronus.firewall.model.match import LiteralAddresses

Burst = Annotated[int, Field(ge=1, le=100_000, strict=True)]


class _Guard(Strict):
    """What every guard has."""

    zones: tuple[ZoneId, ...] | None = Field(
        default=None, description="zones in which the packets arrive; left out: those that suit the guard"
    )


class _Flood(_Guard):
    """What the guards against floods have."""

    early: bool = Field(
        default=False,
        description="whether XDP holds the limit too, for each card by itself, before nftables",
    )


class AntiSpoofing(_Guard):
    """Drop what comes from an address to which no route leads back by the same interface (RFC 3704)."""

    enabled: bool = Field(default=True, description="whether it stands; without zones: where no uplink is")


class Bogons(_Guard):
    """Drop what comes from addresses that nobody on the internet has (RFC 6890).

    The networks of the zone's own interfaces, gateways and name servers are never meant: behind a provider
    that gives private addresses, its network still reaches the router. ``allow`` names more.
    """

    enabled: bool = Field(default=False, description="whether it stands; without zones: at the uplinks")
    allow: LiteralAddresses = Field(default=(), description="addresses that may come nevertheless")


class SynFlood(_Flood):
    """Drop new TCP connections of a source beyond a rate."""

    enabled: bool = Field(default=True, description="whether it stands; without zones: at the uplinks")
    rate: Rate = Field(default=Frequency(200, 1), description="most new connections of one source in a time")
    burst: Burst = Field(default=500, description="connections beyond that at once")


class UdpFlood(_Flood):
    """Drop new UDP flows of a source beyond a rate."""

    enabled: bool = Field(default=False, description="whether it stands; without zones: at the uplinks")
    rate: Rate = Field(default=Frequency(200, 1), description="most new flows of one source in a time")
    burst: Burst = Field(default=500, description="flows beyond that at once")


class IcmpFlood(_Flood):
    """Drop echo requests of a source beyond a rate, those of an open exchange too."""

    enabled: bool = Field(default=False, description="whether it stands; without zones: at the uplinks")
    rate: Rate = Field(default=Frequency(50, 1), description="most echo requests of one source in a time")
    burst: Burst = Field(default=100, description="requests beyond that at once")


class PortScan(_Guard):
    """Drop all new connections of a source for a time, once it has knocked at too many closed ports.

    A knock is a first packet of TCP or UDP that no rule fits and the zones drop or reject. The router's
    gateways and name servers never count as scanners.
    """

    enabled: bool = Field(default=False, description="whether it stands; without zones: at the uplinks")
    rate: Rate = Field(default=Frequency(20, 60), description="most knocks of one source in a time")
    burst: Burst = Field(default=20, description="knocks beyond that at once")
    for_: Duration = Field(default=600, alias="for", ge=10, description="how long the source is shut out")


Guard = AntiSpoofing | Bogons | SynFlood | UdpFlood | IcmpFlood | PortScan


class Protection(Strict):
    """Guards before the rules: forged sources, floods, scans."""

    anti_spoofing: AntiSpoofing = Field(default=AntiSpoofing.unsaid(), description="against forged sources")
    bogons: Bogons = Field(default=Bogons.unsaid(), description="against sources that cannot be")
    syn_flood: SynFlood = Field(default=SynFlood.unsaid(), description="against floods of new connections")
    udp_flood: UdpFlood = Field(default=UdpFlood.unsaid(), description="against floods of new UDP flows")
    icmp_flood: IcmpFlood = Field(default=IcmpFlood.unsaid(), description="against floods of echo requests")
    port_scan: PortScan = Field(default=PortScan.unsaid(), description="against who tries all ports")
