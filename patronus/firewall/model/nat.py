# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``firewall/nat``: masquerade, source and destination translation; the first match decides."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, PlainValidator, model_validator

from patronus.core.model import Strict
from patronus.core.values import (
    Address,
    Id,
    Name,
    PortRange,
    Ports,
    Refused,
    ZoneId,
    metadata,
    parse_address,
    parse_port_range,
    shown,
)
from patronus.firewall.model.match import TCP, WITH_PORTS, Addresses, Protocol, Protocols

_TARGET_ALLOWED = "an address, address:port or address:first-last; IPv6 with ports as [address]:port"
SHIFT_LIMIT = 4096
"""Ports that one forward may move to other numbers: each is an entry of a map in the kernel."""


@dataclass(frozen=True)
class Target:
    """Where a forwarded connection goes; without ``ports`` it keeps the port that it came for."""

    address: IPv4Address | IPv6Address
    ports: PortRange | None = None

    def __str__(self) -> str:
        if self.ports is None:
            return str(self.address)
        return (
            f"[{self.address}]:{self.ports}" if self.address.version == 6 else f"{self.address}:{self.ports}"
        )


def parse_target(value: Any) -> Target:
    """Return ``192.168.1.30``, ``192.168.1.30:443`` or ``[fd00::1]:443``. Raises Refused."""
    if isinstance(value, Target):
        return value
    text = str(value).strip()
    address, ports = text, ""
    if text.startswith("["):
        address, bracket, ports = text[1:].partition("]")
        if not bracket or (ports and not ports.startswith(":")):
            raise Refused(f"{shown(value)} is not a target", _TARGET_ALLOWED)
        ports = ports.removeprefix(":")
    elif text.count(":") == 1:
        address, _, ports = text.partition(":")
    try:
        return Target(parse_address(address), parse_port_range(ports) if ports else None)
    except Refused as refused:
        raise Refused(f"{shown(value)} is not a target: {refused.message}", _TARGET_ALLOWED) from None


TargetText = Annotated[
    Target,
    PlainValidator(parse_target),
    PlainSerializer(str, return_type=str, when_used="json"),
    metadata.text(_TARGET_ALLOWED, "192.168.1.30:443"),
]
"""An address, perhaps with ports."""


class Masquerade(Strict):
    """Hide what leaves through ``out`` behind the address of the interface; IPv4 unless said otherwise."""

    id: Id = Field(description="stable name of the entry")
    name: Name | None = Field(default=None, description="what people call it")
    type: Literal["masquerade"] = Field(description="hide behind the address of the interface")
    out: ZoneId = Field(description="zone through which the packets leave")
    source: Addresses | None = Field(default=None, description="only from these addresses")
    family: Literal["ipv4", "ipv6", "both"] = Field(default="ipv4", description="which of IPv4 and IPv6")
    enabled: bool = Field(default=True, description="false: as if it were not there")


class Snat(Strict):
    """Give what leaves through ``out`` the source address ``to``."""

    id: Id = Field(description="stable name of the entry")
    name: Name | None = Field(default=None, description="what people call it")
    type: Literal["snat"] = Field(description="translate the source")
    out: ZoneId = Field(description="zone through which the packets leave")
    source: Addresses | None = Field(default=None, description="only from these addresses")
    destination: Addresses | None = Field(default=None, description="only to these addresses")
    to: Address = Field(description="the new source address")
    enabled: bool = Field(default=True, description="false: as if it were not there")


class Dnat(Strict):
    """Forward connections that arrive from ``in`` for the router (or for ``destination``) to a host inside.

    ``hairpin`` makes it work from inside too, by the outer address. ``rule`` lets the forwarded connections
    through the filter, after all rules have had their say.
    """

    id: Id = Field(description="stable name of the entry")
    name: Name | None = Field(default=None, description="what people call it")
    type: Literal["dnat"] = Field(description="forward to a host inside")
    in_: ZoneId = Field(alias="in", description="zone in which the connections arrive")
    source: Addresses | None = Field(default=None, description="only from these addresses")
    destination: Addresses | None = Field(
        default=None, description="the address that they are for; left out: the router's own"
    )
    protocol: Protocols = Field(default=(Protocol(TCP),), description="protocols that are forwarded")
    destination_port: Ports | None = Field(
        default=None, description="ports that are forwarded; left out: all"
    )
    to: TargetText = Field(description="host inside, perhaps with other ports")
    hairpin: bool = Field(default=False, description="whether it works from inside by the outer address")
    rule: bool = Field(default=True, description="whether the filter lets the forwarded connections through")
    enabled: bool = Field(default=True, description="false: as if it were not there")

    @model_validator(mode="after")
    def _ports_fit(self) -> Dnat:
        ported = all(protocol.number in WITH_PORTS for protocol in self.protocol)
        if not ported and (self.destination_port or self.to.ports):
            raise Refused("a port without tcp or udp", "protocol: tcp, udp or [tcp, udp]")
        wanted = self.to.ports
        if wanted is not None and wanted.first != wanted.last:
            given = self.destination_port
            if not given or len(given) != 1 or given[0].last - given[0].first != wanted.last - wanted.first:
                raise Refused(
                    f"the target has other ports than come in: {wanted}", "two ranges of the same size"
                )
            if wanted.last - wanted.first >= SHIFT_LIMIT and given[0] != wanted:
                raise Refused("too many ports to move to other numbers", f"at most {SHIFT_LIMIT}")
        return self


NatEntry = Annotated[Masquerade | Snat | Dnat, Field(discriminator="type")]
"""One translation, by its ``type``."""


class Nat(Strict):
    """All translations."""

    nat: tuple[NatEntry, ...] = Field(
        default=(), description="the translations; the first that matches decides"
    )
