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
    Refused,
)

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

    code: RawCode
    hex: HexBytes


class Options(Strict):
    """What clients are told (RFC 2132); left out, router, DNS server and domain are this router's own."""

    router: Ipv4Address | None = None
    dns_servers: tuple[Ipv4Address, ...] = ()
    domain_name: DomainName | None = None
    domain_search: tuple[DomainName, ...] = ()
    ntp_servers: tuple[Ipv4Address, ...] = ()
    interface_mtu: Annotated[int, Field(ge=68, le=65535, strict=True)] | None = None
    tftp_server: PrintableText | None = None
    boot_file: PrintableText | None = None
    raw: tuple[RawOption, ...] = ()


class Reservation(Strict):
    """An address that only one host gets, known by its MAC or by its client identifier."""

    id: Id
    mac: MacAddress | None = None
    client_id: ClientId | None = None
    address: Ipv4Address
    hostname: Hostname | None = None

    @model_validator(mode="after")
    def _names_a_host(self) -> Reservation:
        if (self.mac is None) == (self.client_id is None):
            raise Refused(f"{self.id} does not say whose the address is", "exactly one of mac, client_id")
        return self


class Pool(Strict):
    """The addresses of one interface's subnet that hosts may have, and for how long."""

    id: Id
    interface: InterfaceId
    ranges: tuple[AddressRange, ...] = ()
    lease_time: Duration = 43200
    options: Options = Options()
    reservations: tuple[Reservation, ...] = ()


class Dhcp(Strict):
    """All pools."""

    pools: tuple[Pool, ...] = ()


SECTION = Section("network/dhcp", Dhcp)
