# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``network/uplinks``: the ways to the world, and how it is seen that one is well."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from patronus.core.model import Section, Strict
from patronus.core.route_table import MOST_UPLINKS
from patronus.core.values import Address, DomainName, Duration, InterfaceId, Port, Refused, write_duration
from patronus.network.routing.model import Weight

BOUNDS_S = {"interval": (1, 3600), "timeout": (1, 60), "fail_back": (0, 86400)}
"""Seconds: the least and the most."""
Times = Annotated[int, Field(ge=1, le=100, strict=True)]


class Check(Strict):
    """One question, sent out by the uplink itself; what answers is well."""

    kind: Literal["icmp", "tcp", "dns", "http"] = Field(
        default="icmp",
        description="icmp: an echo; tcp: a connection; dns: a question; http: a page, whatever it says",
    )
    target: Address | None = Field(default=None, description="who is asked; left out: the uplink's gateway")
    port: Port | None = Field(default=None, description="for tcp; dns and http have 53 and 80 unless given")
    name: DomainName | None = Field(
        default=None, description="name that is asked for, by dns; the host that http names"
    )


_GATEWAY = (Check.unsaid(),)


class Uplink(Strict):
    """An interface that leads out: when it is taken, and when it counts as down."""

    id: InterfaceId = Field(description="the interface")
    tier: Annotated[int, Field(ge=1, le=16, strict=True)] = Field(
        default=1, description="the lowest tier of which an uplink is well is taken"
    )
    weight: Weight = Field(default=1, description="its share of the connections in its tier")
    checks: tuple[Check, ...] = Field(
        default=_GATEWAY, max_length=8, description="how it is seen to be well; none: it always is"
    )
    needed: Literal["any", "all"] = Field(
        default="any", description="how many of the checks must be answered"
    )
    interval: Duration = Field(default=5, description="time between two rounds of checks")
    timeout: Duration = Field(default=2, description="how long an answer may take")
    down_after: Times = Field(default=3, description="rounds without an answer until it is down")
    up_after: Times = Field(default=3, description="rounds with one until it may be up again")
    fail_back: Duration = Field(
        default=30, description="how long it must have answered without a break until it is taken again"
    )
    enabled: bool = Field(default=True, description="false: it is no way out")

    @field_validator(*BOUNDS_S)
    @classmethod
    def _in_bounds(cls, seconds: int, info: ValidationInfo) -> int:
        least, most = BOUNDS_S[str(info.field_name)]
        if not least <= seconds <= most:
            allowed = f"{write_duration(least)} to {write_duration(most)}"
            raise Refused(
                f"{write_duration(seconds)} is too {'short' if seconds < least else 'long'}", allowed
            )
        return seconds


class Uplinks(Strict):
    """The ways to the world; without any, the default routes of the interfaces are taken as they are."""

    uplinks: tuple[Uplink, ...] = Field(
        default=(), max_length=MOST_UPLINKS, description="interfaces that lead out; add new ones at the end"
    )


SECTION = Section("network/uplinks", Uplinks)
