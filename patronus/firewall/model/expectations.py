# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``firewall/tests``: what the rules shall come to, held against every change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, PlainValidator, model_validator

from patronus.core.model import Strict
from patronus.core.values import Address, Id, Name, Port, Refused, ZoneId, metadata, shown
from patronus.firewall.model.match import WITH_PORTS, Protocols
from patronus.firewall.model.schedule import DAYS
from patronus.firewall.model.zones import Verdict

_MOMENT = re.compile(r"(\w{3}) ([01]\d|2[0-3]):([0-5]\d)")
_MOMENT_ALLOWED = "a day and a time, such as mon 09:00"


@dataclass(frozen=True)
class Moment:
    """A minute of the week; ``weekday`` 0 is Monday."""

    weekday: int
    minute: int

    def __str__(self) -> str:
        return f"{DAYS[self.weekday]} {self.minute // 60:02}:{self.minute % 60:02}"


def parse_moment(value: Any) -> Moment:
    """Return the minute ``mon 09:00``. Raises Refused."""
    if isinstance(value, Moment):
        return value
    found = _MOMENT.fullmatch(str(value).strip().lower())
    if found is None or found[1] not in DAYS:
        raise Refused(f"{shown(value)} is not a moment of the week", _MOMENT_ALLOWED)
    return Moment(DAYS.index(found[1]), int(found[2]) * 60 + int(found[3]))


WeekMoment = Annotated[
    Moment,
    PlainValidator(parse_moment),
    PlainSerializer(str, return_type=str, when_used="json"),
    metadata.text(_MOMENT_ALLOWED, "mon 09:00", pattern=r"[A-Za-z]{3} [0-9]{2}:[0-9]{2}"),
]
"""A minute of the week."""


class Expectation(Strict):
    """A connection's first packet, and what shall become of it.

    Without an address one of the zone is taken: a host of its network, or one that is nobody's.
    """

    id: Id = Field(description="stable name; given when it is first written")
    name: Name | None = Field(default=None, description="what it makes sure of")
    from_: ZoneId = Field(alias="from", description="zone in which the packet arrives")
    to: ZoneId | None = Field(default=None, description="zone that it is for; self is the router")
    source: Address | None = Field(default=None, description="source address")
    destination: Address | None = Field(default=None, description="destination, before any translation")
    family: Literal["ipv4", "ipv6"] | None = Field(
        default=None, description="family of addresses that are left out; ipv4 unless an address says it"
    )
    protocol: Protocols = Field(description="protocol; of several, each shall come to the same")
    source_port: Port | None = Field(default=None, description="source port; 50000 if left out")
    destination_port: Port | None = Field(default=None, description="destination port, as for tcp and udp")
    icmp_type: Annotated[int, Field(ge=0, le=255)] | None = Field(
        default=None, description="ICMP type; an echo request if left out", examples=[8]
    )
    at: WeekMoment | None = Field(
        default=None, description="moment for rules with a schedule; left out: these rules are off"
    )
    expect: Verdict = Field(description="what shall become of it")
    by: Id | None = Field(default=None, description="the rule that shall decide it")

    @model_validator(mode="after")
    def _is_whole(self) -> Expectation:
        if self.to is None and self.destination is None:
            raise Refused("nothing says where the packet goes", "to, destination, or both")
        if self.destination_port is None and any(one.number in WITH_PORTS for one in self.protocol):
            raise Refused("the destination port is missing", "destination_port: 1-65535")
        if self.source and self.destination and self.source.version != self.destination.version:
            raise Refused("source and destination are not of one family", "two addresses of IPv4, or of IPv6")
        return self


class Expectations(Strict):
    """What the rules shall come to; a change that breaks an expectation is refused."""

    tests: tuple[Expectation, ...] = Field(default=(), description="what is tried on every change")
