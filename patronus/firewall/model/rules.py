# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``firewall/rules``: aliases, and the rules in the order in which the first match decides."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from patronus.core.model import Strict
from patronus.core.values import Frequency, Id, InterfaceId, MacAddress, Name, Ports, Rate, Refused, ZoneId
from patronus.firewall.model.match import Addresses, IcmpTypes, LiteralAddresses, PortMatches, Protocols
from patronus.firewall.model.schedule import Schedule
from patronus.firewall.model.zones import Action


class Alias(Strict):
    """A name for addresses or for ports, used as ``@id``. One that is empty matches nothing."""

    id: Id
    addresses: LiteralAddresses | None = None
    ports: Ports | None = None
    description: Name | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Alias:
        if (self.addresses is None) == (self.ports is None):
            found = "neither" if self.addresses is None else "both"
            raise Refused(f"the alias {self.id} has {found}", "either addresses or ports")
        return self


class Endpoint(Strict):
    """One side of a rule. ``mac`` belongs to the source: a packet carries the sender's MAC alone."""

    zone: ZoneId | None = None
    source: Addresses | None = None
    mac: MacAddress | None = None


def _endpoint(value: Any) -> Any:
    return {"zone": value} if isinstance(value, str) else value


def _written(value: Endpoint) -> Any:
    if value.model_fields_set == {"zone"}:
        return value.zone
    return value.model_dump(mode="json", by_alias=True, exclude_unset=True)


From = Annotated[Endpoint, BeforeValidator(_endpoint), PlainSerializer(_written, when_used="json")]
"""A zone's id, or a mapping."""


class Limit(Strict):
    """The rule fits only while packets stay within the rate; what exceeds it goes on to the next rule.

    ``per`` counts for each source or destination address of its own. ``burst`` may come at once.
    """

    rate: Rate
    burst: Annotated[int, Field(ge=1, le=100_000, strict=True)] = 5
    per: Literal["source", "destination"] | None = None


class Log(Strict):
    """Write what the rule decides to the journal, at most so often."""

    rate: Rate = Frequency(10, 1)
    burst: Annotated[int, Field(ge=1, le=1000, strict=True)] = 20


class Rule(Strict):
    """One rule. Match fields that are left out mean any; the first rule that fits decides.

    ``interface`` is the short form of ``from``: what arrives at that interface. ``to: self`` is the router.
    """

    id: Id
    name: Name | None = None
    from_: From | None = Field(default=None, alias="from")
    to: ZoneId | None = None
    interface: InterfaceId | None = None
    source: Addresses | None = None
    destination: Addresses | None = None
    protocol: Protocols | None = None
    source_port: PortMatches | None = None
    destination_port: PortMatches | None = None
    icmp_type: IcmpTypes | None = None
    action: Action
    log: bool | Log = False
    schedule: Schedule | None = None
    limit: Limit | None = None
    enabled: bool = True

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
    """Aliases and rules."""

    aliases: tuple[Alias, ...] = ()
    rules: tuple[Rule, ...] = ()
