# SPDX-License-Identifier: GPL-2.0-or-later
"""The values of the configuration: pydantic types that parse once, at the border, and write themselves back.

| type | written | inside |
|---|---|---|
| ``Id``, ``ZoneId``, ``InterfaceId``, ``Name`` | ``r-7f3a`` | str |
| ``Hostname``, ``DomainName``, ``TimeZone``, ``Url`` | ``nas.home.arpa`` | str, names in lower case |
| ``Address``, ``Ipv4Address``, ``Ipv6Address`` | ``192.168.1.1`` | ipaddress.IPv4Address or IPv6Address |
| ``Prefix`` | ``192.168.1.0/24``, ``192.168.1.30`` | ipaddress network; host bits are refused |
| ``TranslationPrefix`` | ``64:ff9b::/96`` | ipaddress.IPv6Network of 32, 40, 48, 56, 64 or 96 bits |
| ``AddressWithPrefix`` | ``192.168.1.1/24`` | ipaddress interface |
| ``AddressRange`` | ``192.168.1.100-192.168.1.199`` | Range(first, last) |
| ``MacAddress`` | ``"52:54:00:00:00:01"`` | str, lower case, colons |
| ``Port``, ``VlanTag`` | ``22`` | int |
| ``Ports`` | ``22``, ``"1000-2000"``, ``[80, "8000-8100"]`` | tuple of PortRange(first, last) |
| ``Duration`` | ``90s``, ``12h``, ``7d`` | int, seconds |
| ``Rate`` | ``10/s`` | Frequency(count, per_s) |
| ``BitRate`` | ``100mbit`` | int, bits per second |
| ``Percentage``, ``ByteSize`` | ``40%``, ``64MiB`` | int, percent or bytes |
| ``AsNumber``, ``Dscp`` | ``64512``, ``ef`` | int |
| ``MarkMatch`` | ``0x10/0xff`` | Mark(value, mask) |
| ``HexBytes``, ``Duid`` | ``0a:1b`` | str, lower-case hex without separators |
| ``Iaid`` | ``1``, ``00:00:00:01`` | int |
| ``DevicePath``, ``PublicKey`` | ``pci-0000:00:02.0``, base64 | str |
| ``Certificates`` | ``-----BEGIN CERTIFICATE-----`` … | str |
| ``Country``, ``MailAddress`` | ``DE``, ``a@b.example`` | str |
| ``Account`` | ``router`` | str |
| ``HostPort`` | ``vpn.example:51820`` | Socket(host, port) |
| ``InterfaceSuffix`` | ``::1`` | ipaddress.IPv6Address, first 64 bits zero |

Each has a parser of its own, ``parse_prefix`` and so on, that raises ``Refused`` (a ValueError) with message,
allowed and hint; raise ``Refused`` from your own validators too, so that the problem shows all three. A
default in a model is the inside value (``lease_time: Duration = 43200``). Values that one room alone has
(protocols, schedules, record types) are in that room's model. Pure.
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
    ipv6_text,
    parse_address,
    parse_address_range,
    parse_address_with_prefix,
    parse_ipv4_address,
    parse_ipv6_address,
    parse_mac_address,
    parse_prefix,
    plain_prefix,
    write_prefix,
)
from patronus.core.values.certificates import Certificates, parse_certificates
from patronus.core.values.embedded import TranslationPrefix, parse_translation_prefix
from patronus.core.values.identifiers import (
    Country,
    DevicePath,
    Duid,
    HexBytes,
    HostPort,
    Iaid,
    InterfaceSuffix,
    MailAddress,
    PublicKey,
    Socket,
    parse_country,
    parse_device_path,
    parse_duid,
    parse_hex_bytes,
    parse_host_port,
    parse_iaid,
    parse_interface_suffix,
    parse_mail_address,
    parse_public_key,
)
from patronus.core.values.names import (
    Account,
    DomainName,
    Hostname,
    Id,
    InterfaceId,
    Name,
    TimeZone,
    Url,
    ZoneId,
    parse_account,
    parse_domain_name,
    parse_hostname,
    parse_id,
    parse_interface_id,
    parse_name,
    parse_time_zone,
    parse_url,
)
from patronus.core.values.numbers import (
    AsNumber,
    ByteSize,
    Dscp,
    Mark,
    MarkMatch,
    Percentage,
    parse_as_number,
    parse_byte_size,
    parse_dscp,
    parse_mark,
    parse_percentage,
    write_byte_size,
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
from patronus.core.values.refusal import Refused, exactly_one, message_of, shown, text_of

__all__ = [
    "Account",
    "Address",
    "AddressRange",
    "AddressWithPrefix",
    "AsNumber",
    "BitRate",
    "ByteSize",
    "Certificates",
    "Country",
    "DevicePath",
    "DomainName",
    "Dscp",
    "Duid",
    "Duration",
    "Frequency",
    "HexBytes",
    "HostPort",
    "Hostname",
    "Iaid",
    "Id",
    "InterfaceId",
    "InterfaceSuffix",
    "Ipv4Address",
    "Ipv6Address",
    "MacAddress",
    "MailAddress",
    "Mark",
    "MarkMatch",
    "Name",
    "Percentage",
    "Port",
    "PortRange",
    "Ports",
    "Prefix",
    "PublicKey",
    "Range",
    "Rate",
    "Refused",
    "Socket",
    "TimeZone",
    "TranslationPrefix",
    "Url",
    "VlanTag",
    "ZoneId",
    "exactly_one",
    "ipv6_text",
    "message_of",
    "parse_account",
    "parse_address",
    "parse_address_range",
    "parse_address_with_prefix",
    "parse_as_number",
    "parse_bit_rate",
    "parse_byte_size",
    "parse_certificates",
    "parse_country",
    "parse_device_path",
    "parse_domain_name",
    "parse_dscp",
    "parse_duid",
    "parse_duration",
    "parse_hex_bytes",
    "parse_host_port",
    "parse_hostname",
    "parse_iaid",
    "parse_id",
    "parse_interface_id",
    "parse_interface_suffix",
    "parse_ipv4_address",
    "parse_ipv6_address",
    "parse_mac_address",
    "parse_mail_address",
    "parse_mark",
    "parse_name",
    "parse_percentage",
    "parse_port",
    "parse_port_range",
    "parse_ports",
    "parse_prefix",
    "parse_public_key",
    "parse_rate",
    "parse_time_zone",
    "parse_translation_prefix",
    "parse_url",
    "parse_vlan_tag",
    "plain_prefix",
    "shown",
    "text_of",
    "write_bit_rate",
    "write_byte_size",
    "write_duration",
    "write_ports",
    "write_prefix",
]
