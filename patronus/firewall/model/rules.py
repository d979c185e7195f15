# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``firewall/rules``: aliases, and the rules in the order in which the first match decides."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, ValidationError, model_validator

from patronus.core.model import Strict
from patronus.core.values import Dscp, Id, InterfaceId, MacAddress, MarkMatch, Name, Refused, ZoneId
from patronus.firewall.model.alias import Alias
from patronus.firewall.model.flags import TcpFlags
from patronus.firewall.model.helpers import HelperName
from patronus.firewall.model.limits import ConnectionLimit, Limit, Log
from patronus.firewall.model.match import (
    Addresses,
    ConnectionStates,
    DscpClasses,
    IcmpTypes,
    PortMatches,
    Protocols,
)
from patronus.firewall.model.queue import Queue
from patronus.firewall.model.schedule import Schedule


class Endpoint(Strict):
    """One side of a rule. ``mac`` belongs to the source: a packet carries the sender's MAC alone."""

    zone: ZoneId | None = Field(default=None, description="the zone")
    source: Addresses | None = Field(default=None, description="source addresses or aliases")
    mac: MacAddress | None = Field(default=None, description="MAC of the sender")


@lru_cache(maxsize=256)
def _zone(zone: str) -> Endpoint:
    """Return the endpoint that is a zone alone, the same for all rules."""
    return Endpoint(zone=zone)


def _endpoint(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return _zone(value)
    except ValidationError:
        return {"zone": value}  # refused where it stands


def _written(value: Endpoint) -> Any:
    if value.model_fields_set == {"zone"}:
        return value.zone
    return value.model_dump(mode="json", by_alias=True, exclude_unset=True)


RuleAction = Literal["allow", "drop", "reject", "queue", "log", "count", "mark", "dscp"]
"""What a rule does. The last four do not decide: the packet goes on to the next rule."""
RejectWith = Literal["tcp-reset", "port-unreachable", "host-unreachable", "no-route", "admin-prohibited"]
"""What the sender of a refused packet is told."""
From = Annotated[Endpoint, BeforeValidator(_endpoint), PlainSerializer(_written, when_used="json")]
"""A zone's id, or a mapping."""


class Rule(Strict):
    """One rule. Match fields that are left out mean any; the first rule that fits decides.

    ``interface`` is the short form of ``from``: what arrives at that interface. ``to: self`` is the router.
    """

    id: Id = Field(description="stable name of the rule; given when it is first written")
    name: Name | None = Field(default=None, description="what people call it")
    description: Name | None = Field(default=None, description="why it is there")
    group: Id | None = Field(default=None, description="heading under which it is shown")
    tags: tuple[Id, ...] = Field(default=(), description="words to find it by", examples=[["voip", "office"]])
    from_: From | None = Field(
        default=None, alias="from", description="zone in which the packet arrives; left out: any"
    )
    to: ZoneId | None = Field(default=None, description="zone into which it goes; left out: any")
    interface: InterfaceId | None = Field(
        default=None, description="interface at which the packet arrives, in place of from"
    )
    source: Addresses | None = Field(default=None, description="source addresses or aliases")
    destination: Addresses | None = Field(default=None, description="destination addresses or aliases")
    protocol: Protocols | None = Field(default=None, description="protocol above IP, such as tcp, or several")
    source_port: PortMatches | None = Field(
        default=None, description="source ports or aliases; needs tcp or udp"
    )
    destination_port: PortMatches | None = Field(
        default=None, description="destination ports or aliases; needs tcp or udp"
    )
    icmp_type: IcmpTypes | None = Field(
        default=None, description="ICMP or ICMPv6 types; needs icmp or icmpv6"
    )
    tcp_flags: TcpFlags | None = Field(
        default=None, description="TCP flags that are set, or with ! are not; needs tcp"
    )
    dscp: DscpClasses | None = Field(default=None, description="classes of service in the packet's header")
    state: ConnectionStates | None = Field(
        default=None, description="state of the connection; rules see new ones, so that is what it may say"
    )
    mark: MarkMatch | None = Field(default=None, description="mark that a rule before has set")
    action: RuleAction = Field(
        description="what happens to what matches; after log, count, mark and dscp the next rules are tried"
    )
    reject_with: RejectWith | None = Field(
        default=None, description="what reject tells the sender; left out: what suits the protocol"
    )
    queue: Queue | None = Field(
        default=None, description="whom the action queue leaves the decision to, by the queue that it reads"
    )
    set_mark: MarkMatch | None = Field(
        default=None, description="the mark that the action mark gives the connection"
    )
    set_dscp: Dscp | None = Field(
        default=None, description="the class of service that the action dscp gives the connection's packets"
    )
    helper: HelperName | None = Field(
        default=None, description="reads what the protocol agrees on; what it announces goes on as related"
    )
    log: bool | Log = Field(default=False, description="whether matches are logged")
    schedule: Schedule | None = Field(default=None, description="when it applies; left out: always")
    limit: Limit | None = Field(default=None, description="how often it may match")
    connections: ConnectionLimit | None = Field(
        default=None, description="for how many connections at a time it may match"
    )
    enabled: bool = Field(default=True, description="false: as if it were not there")

    @model_validator(mode="after")
    def _has_one_origin(self) -> Rule:
        if self.interface and self.from_ and self.from_.zone:
            raise Refused("a rule has either an interface or a zone to come from", "from or interface")
        if self.source and self.from_ and self.from_.source:
            raise Refused("the source stands twice", "source, or from: {source: …}")
        return self

    @property
    def title(self) -> str:
        """Return what a person calls the rule."""
        return self.name or self.id


class Rules(Strict):
    """The rules, of which the first that fits decides, and the aliases that they name."""

    aliases: tuple[Alias, ...] = Field(default=(), description="names for addresses or ports")
    rules: tuple[Rule, ...] = Field(default=(), description="the rules; the first that matches decides")
