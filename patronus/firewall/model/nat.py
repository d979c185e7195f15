# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``firewall/nat``: every translation of addresses, and exceptions; the first match decides."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from patronus.core.model import Strict
from patronus.core.values import Id, Name, Ports, Prefix, Refused, ZoneId
from patronus.firewall.model.helpers import HELPERS, HelperName
from patronus.firewall.model.match import NAMES, TCP, WITH_PORTS, Addresses, Protocol, Protocols
from patronus.firewall.model.nat_target import Pool, TargetText

SHIFT_LIMIT = 4096
"""Ports that one forward may move to other numbers: each is an entry of a map in the kernel."""
TRANSLATABLE = 64
"""The longest prefix of IPv6 that nptv6 takes: behind it stand the hosts' own numbers (RFC 6296)."""


class _Entry(Strict):
    """What every entry has."""

    id: Id = Field(description="stable name of the entry")
    name: Name | None = Field(default=None, description="what people call it")
    description: Name | None = Field(default=None, description="why it is there")
    tags: tuple[Id, ...] = Field(default=(), description="words to find it by", examples=[["voip", "office"]])
    enabled: bool = Field(default=True, description="false: as if it were not there")


class Masquerade(_Entry):
    """Hide what leaves through ``out`` behind the address of the interface; IPv4 unless said otherwise."""

    type: Literal["masquerade"] = Field(description="hide behind the address of the interface")
    out: ZoneId = Field(description="zone through which the packets leave")
    source: Addresses | None = Field(default=None, description="only from these addresses")
    destination: Addresses | None = Field(default=None, description="only to these addresses")
    family: Literal["ipv4", "ipv6", "both"] = Field(default="ipv4", description="which of IPv4 and IPv6")


class Snat(_Entry):
    """Give what leaves through ``out`` the source address ``to``, or one of several."""

    type: Literal["snat"] = Field(description="translate the source")
    out: ZoneId = Field(description="zone through which the packets leave")
    source: Addresses | None = Field(default=None, description="only from these addresses")
    destination: Addresses | None = Field(default=None, description="only to these addresses")
    to: Pool = Field(description="the new source address, or several to choose from")


class Dnat(_Entry):
    """Forward connections that arrive from ``in`` for the router (or for ``destination``) to a host inside.

    ``hairpin`` makes it work from inside too, by the outer address. ``rule`` lets the forwarded connections
    through the filter, after all rules have had their say.
    """

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
    helper: HelperName | None = Field(
        default=None, description="reads what the protocol agrees on; what it announces goes on as related"
    )

    @model_validator(mode="after")
    def _helper_fits(self) -> Dnat:
        if self.helper is None:
            return self
        if not self.rule:
            raise Refused("a helper stands in the rule of the forward, and there is none", "rule: true")
        reads = HELPERS[self.helper]
        if not {protocol.number for protocol in self.protocol} <= set(reads):
            names = [NAMES[number] for number in reads]
            raise Refused(f"{self.helper} reads {' and '.join(names)} alone", f"protocol: {', '.join(names)}")
        return self

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


class Mapped(_Entry):
    """Addresses inside and outside that stand for one another, each for its own, both ways.

    ``hairpin`` makes the outside ones work from inside too. ``rule`` opens the filter for all that arrives,
    after all rules have had their say; left out, the rules decide, on the addresses inside.
    """

    zone: ZoneId = Field(description="zone outside, through which the packets leave and arrive")
    inside: Prefix = Field(description="the addresses that the hosts have", examples=["192.168.1.16/28"])
    outside: Prefix = Field(description="as what they are seen", examples=["203.0.113.16/28"])
    hairpin: bool = Field(default=False, description="whether the outside ones work from inside")
    rule: bool = Field(default=False, description="whether the filter lets in all that arrives for them")

    @model_validator(mode="after")
    def _prefixes_fit(self) -> Mapped:
        if self.inside.version != self.outside.version:
            raise Refused("inside and outside are of different families", "both IPv4 or both IPv6")
        if self.inside.prefixlen != self.outside.prefixlen:
            found = f"/{self.inside.prefixlen} inside and /{self.outside.prefixlen} outside"
            raise Refused(f"the prefixes are of different sizes: {found}", "two prefixes of the same length")
        if self.inside.overlaps(self.outside):
            raise Refused("inside and outside have addresses in common", "two prefixes apart")
        return self


class OneToOne(Mapped):
    """Give hosts addresses of their own outside: one for one, or a prefix for a prefix."""

    type: Literal["one-to-one"] = Field(description="each address inside has its own outside")


class Nptv6(Mapped):
    """Show an IPv6 prefix as another outside; the rest of each address stays (after RFC 6296, with state)."""

    type: Literal["nptv6"] = Field(description="show an IPv6 prefix as another")

    @model_validator(mode="after")
    def _is_a_network(self) -> Nptv6:
        if self.inside.version != 6 or self.inside.prefixlen > TRANSLATABLE:
            wanted = f"two IPv6 prefixes of /{TRANSLATABLE} or shorter"
            raise Refused(f"{self.inside} is not a prefix for nptv6", wanted, "one-to-one takes any others")
        return self


class Exempt(_Entry):
    """Leave alone what fits: no entry behind this one translates it.

    With ``out`` it is about sources of what leaves, with ``in`` about destinations of what arrives.
    """

    type: Literal["exempt"] = Field(description="no translation")
    in_: ZoneId | None = Field(default=None, alias="in", description="zone in which the packets arrive")
    out: ZoneId | None = Field(default=None, description="zone through which the packets leave")
    source: Addresses | None = Field(default=None, description="only from these addresses")
    destination: Addresses | None = Field(
        default=None, description="only to these addresses; left out beside in: the router's own"
    )
    protocol: Protocols | None = Field(default=None, description="only these protocols")
    destination_port: Ports | None = Field(default=None, description="only these ports; needs tcp or udp")

    @model_validator(mode="after")
    def _has_one_side(self) -> Exempt:
        if (self.in_ is None) == (self.out is None):
            found = "neither" if self.in_ is None else "both"
            raise Refused(f"an exception has {found} of in and out", "either in or out")
        numbers = {protocol.number for protocol in self.protocol or ()}
        if self.destination_port and (not numbers or not numbers <= WITH_PORTS):
            raise Refused("a port without tcp or udp", "protocol: tcp, udp or [tcp, udp]")
        return self


NatEntry = Annotated[Masquerade | Snat | Dnat | OneToOne | Nptv6 | Exempt, Field(discriminator="type")]
"""One translation, by its ``type``."""


class Nat(Strict):
    """Translations of addresses: masquerading, forwarded ports, mappings, exceptions."""

    nat: tuple[NatEntry, ...] = Field(
        default=(), description="the translations; the first that matches decides"
    )
