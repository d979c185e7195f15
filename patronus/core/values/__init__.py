# SPDX-License-Identifier: GPL-2.0-or-later
"""The values of the configuration: pydantic types that parse once, at the border, and write themselves back.

| type | written | inside |
|---|---|---|
| ``Id``, ``ZoneId``, ``InterfaceId``, ``Name`` | ``r-7f3a`` | str |
| ``Hostname``, ``DomainName``, ``TimeZone``, ``Url`` | ``nas.home.arpa`` | str, names in lower case |
| ``Address``, ``Ipv4Address``, ``Ipv6Address`` | ``192.168.1.1`` | ipaddress.IPv4Address or IPv6Address |
| ``Prefix`` | ``192.168.1.0/24``, ``192.168.1.30`` | ipaddress network; host bits are refused |
| ``AddressWithPrefix`` | ``192.168.1.1/24`` | ipaddress interface |
| ``AddressRange`` | ``192.168.1.100-192.168.1.199`` | Range(first, last) |
| ``MacAddress`` | ``"52:54:00:00:00:01"`` | str, lower case, colons |
| ``Port``, ``VlanTag`` | ``22`` | int |
| ``Ports`` | ``22``, ``"1000-2000"``, ``[80, "8000-8100"]`` | tuple of PortRange(first, last) |
| ``Duration`` | ``90s``, ``12h``, ``7d`` | int, seconds |
| ``Rate`` | ``10/s`` | Frequency(count, per_s) |
| ``BitRate`` | ``100mbit`` | int, bits per second |

Each has a parser of its own, ``parse_prefix`` and so on, that raises ``Refused`` (a ValueError) with message,
allowed and hint; raise ``Refused`` from your own validators too, so that the problem shows all three. A
default in a model is the inside value (``lease_time: Duration = 43200``). Pure.
"""

from patronus.core.values.addresses import (
    Address,
    AddressRange,
    AddressWithPrefix,
    Ipv4Address,
    Ipv6Address,
    MacAddress,
    Prefix,
    Range,
    parse_address,
    parse_address_range,
    parse_address_with_prefix,
    parse_ipv4_address,
    parse_ipv6_address,
    parse_mac_address,
    parse_prefix,
    write_prefix,
)
from patronus.core.values.names import (
    DomainName,
    Hostname,
    Id,
    InterfaceId,
    Name,
    TimeZone,
    Url,
    ZoneId,
    parse_domain_name,
    parse_hostname,
    parse_id,
    parse_interface_id,
    parse_name,
    parse_time_zone,
    parse_url,
)
from patronus.core.values.quantities import (
    BitRate,
    Duration,
    Frequency,
    Port,
    PortRange,
    Ports,
    Rate,
    VlanTag,
    parse_bit_rate,
    parse_duration,
    parse_port,
    parse_port_range,
    parse_ports,
    parse_rate,
    parse_vlan_tag,
    write_bit_rate,
    write_duration,
    write_ports,
)
from patronus.core.values.refusal import Refused, shown, text_of

__all__ = [
    "Address",
    "AddressRange",
    "AddressWithPrefix",
    "BitRate",
    "DomainName",
    "Duration",
    "Frequency",
    "Hostname",
    "Id",
    "InterfaceId",
    "Ipv4Address",
    "Ipv6Address",
    "MacAddress",
    "Name",
    "Port",
    "PortRange",
    "Ports",
    "Prefix",
    "Range",
    "Rate",
    "Refused",
    "TimeZone",
    "Url",
    "VlanTag",
    "ZoneId",
    "parse_address",
    "parse_address_range",
    "parse_address_with_prefix",
    "parse_bit_rate",
    "parse_domain_name",
    "parse_duration",
    "parse_hostname",
    "parse_id",
    "parse_interface_id",
    "parse_ipv4_address",
    "parse_ipv6_address",
    "parse_mac_address",
    "parse_name",
    "parse_port",
    "parse_port_range",
    "parse_ports",
    "parse_prefix",
    "parse_rate",
    "parse_time_zone",
    "parse_url",
    "parse_vlan_tag",
    "shown",
    "text_of",
    "write_bit_rate",
    "write_duration",
    "write_ports",
    "write_prefix",
]
