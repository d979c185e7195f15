# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``network/dhcp``: pools, what their clients are told, and addresses kept for single hosts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from patronus.core.model import Section, Strict
from patronus.core.values import (
    AddressRange,
    DomainName,
    Duration,
    Hostname,
    Id,
    InterfaceId,
    Ipv4Address,
    MacAddress,
    Prefix,
    Refused,
    Url,
    exactly_one,
)
from patronus.network.dhcp6.model import WHOSE, Ipv6Pool

ClientId = Annotated[str, Field(pattern=r"^([0-9a-f]{2}){2,255}$")]
"""The bytes of option 61 in lower-case hex, its type byte first (RFC 2132 section 9.14)."""
RawCode = Annotated[int, Field(ge=1, le=254, strict=True)]
"""An option's number; 0 and 255 are padding and end."""
HexBytes = Annotated[str, Field(pattern=r"^([0-9a-f]{2}){1,255}$")]
"""1 to 255 bytes in lower-case hex."""
PrintableText = Annotated[str, Field(pattern=r"^[!-~]{1,128}$")]
"""Visible ASCII without spaces: a host or the path of a file."""


class RawOption(Strict):
    """An option that has no name here, by number and bytes."""

    code: RawCode = Field(description="number of the option")
    hex: HexBytes = Field(description="its bytes in hexadecimal")


class StaticRoute(Strict):
    """A network that clients reach by another router than the default one."""

    to: Prefix = Field(description="the network", examples=["10.9.0.0/24"])
    via: Ipv4Address = Field(description="the router to it, in the clients' own network")


class Options(Strict):
    """What clients are told (RFC 2132); left out, router, DNS server and domain are this router's own."""

    router: Ipv4Address | None = Field(
        default=None, description="default gateway; left out: this router's address"
    )
    dns_servers: tuple[Ipv4Address, ...] = Field(default=(), description="DNS servers; left out: this router")
    domain_name: DomainName | None = Field(
        default=None, description="domain of the network; left out: that of the DNS server"
    )
    domain_search: tuple[DomainName, ...] = Field(
        default=(), description="domains that are tried after a short name"
    )
    ntp_servers: tuple[Ipv4Address, ...] = Field(default=(), description="time servers")
    interface_mtu: Annotated[int, Field(ge=68, le=65535, strict=True)] | None = Field(
        default=None, description="MTU in bytes"
    )
    static_routes: tuple[StaticRoute, ...] = Field(
        default=(), description="networks behind other routers; the default gateway is told with them"
    )
    captive_portal: Url | None = Field(
        default=None, description="page that says how to get to the Internet from here"
    )
    next_server: Ipv4Address | None = Field(
        default=None, description="address of the server to boot from (siaddr)"
    )
    tftp_server: PrintableText | None = Field(default=None, description="server to boot from, by name")
    boot_file: PrintableText | None = Field(default=None, description="file to boot")
    raw: tuple[RawOption, ...] = Field(default=(), description="options that have no name here")


class ClientClass(Strict):
    """Hosts that say what they are, and what they are told in place of what the others are."""

    id: Id = Field(description="stable name of the class")
    vendor: PrintableText | None = Field(
        default=None,
        description="how the vendor class identifier (option 60) begins",
        examples=["PXEClient:Arch:00007"],
    )
    user: PrintableText | None = Field(
        default=None, description="a user class (option 77)", examples=["iPXE"]
    )
    options: Options = Field(default=Options.unsaid(), description="what they are told")

    @model_validator(mode="after")
    def _has_a_mark(self) -> ClientClass:
        if self.vendor is None and self.user is None:
            raise Refused(f"{self.id} does not say who belongs to it", "vendor, user or both")
        return self


class Reservation(Strict):
    """An address that only one host gets, known by its MAC or by its client identifier."""

    id: Id = Field(description="stable name of the reservation")
    mac: MacAddress | None = Field(default=None, description="MAC of the host")
    client_id: ClientId | None = Field(
        default=None, description="client identifier of the host in hexadecimal, in place of its MAC"
    )
    address: Ipv4Address = Field(description="the address")
    hostname: Hostname | None = Field(default=None, description="name of the host")

    @model_validator(mode="after")
    def _names_a_host(self) -> Reservation:
        exactly_one(WHOSE.format(self.id), mac=self.mac, client_id=self.client_id)
        return self


class Pool(Strict):
    """The addresses of one interface's subnet that hosts may have, and for how long."""

    id: Id = Field(description="stable name of the pool")
    interface: InterfaceId = Field(description="interface that it serves, or behind which its relays are")
    relays: tuple[Ipv4Address, ...] = Field(
        default=(), description="relay agents that may ask for hosts of their network; no other is believed"
    )
    subnet: Prefix | None = Field(
        default=None,
        description="network behind the relays; left out: the interface's own",
        examples=["10.9.0.0/24"],
    )
    ranges: tuple[AddressRange, ...] = Field(default=(), description="addresses that are given out")
    lease_time: Duration = Field(default=43200, description="how long a client may keep its address")
    leases_per_mac: Annotated[int, Field(ge=1, le=65535, strict=True)] = Field(
        default=8, description="addresses that one MAC may hold, whatever client identifiers it shows"
    )
    probe: bool = Field(
        default=True, description="ask whether an address is in use before a new host is offered it"
    )
    options: Options = Field(default=Options.unsaid(), description="what clients are told")
    classes: tuple[ClientClass, ...] = Field(
        default=(), description="hosts that are told something else; the first class that fits counts"
    )
    reservations: tuple[Reservation, ...] = Field(default=(), description="addresses for single hosts")


class Dhcp(Strict):
    """The pools of DHCP: ranges, lease times, options, reservations."""

    pools: tuple[Pool, ...] = Field(default=(), description="the pools of IPv4")
    ipv6_pools: tuple[Ipv6Pool, ...] = Field(
        default=(), description="what DHCPv6 gives: addresses, or settings for hosts that number themselves"
    )


SECTION = Section("network/dhcp", Dhcp)
