# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that shows aliases whose addresses lie elsewhere, and what they hold. Pure but for its sources."""

from __future__ import annotations

from typing import Literal, cast

from pydantic import Field

from patronus.core.model import Configuration
from patronus.core.verb import Result
from patronus.firewall.sources import Held, Sources, held

Kind = Literal["list", "names", "countries"]


class SourceInfo(Result):
    """An alias whose addresses come from elsewhere. Addresses that touch count as one range."""

    alias: str
    kind: Kind
    source: str = Field(description="where they come from: a URL, a file, names or countries")
    ipv4: int = Field(description="ranges of IPv4 addresses that it holds")
    ipv6: int = Field(description="ranges of IPv6 addresses that it holds")
    fault: str | None = Field(default=None, description="why it holds nothing, or not what it should")


class SourceList(Result):
    """All such aliases, in the order of the file."""

    sources: list[SourceInfo]


def list_sources(config: Configuration, sources: Sources) -> SourceList:
    """Return the aliases of a configuration with what was found for them."""
    return SourceList(sources=[source_info(one) for one in held(config, sources)])


def source_info(held: Held) -> SourceInfo:
    """Return what was found for an alias that lives, in its wire form."""
    alias, found = held.alias, held.addresses
    return SourceInfo(
        alias=alias.id, kind=cast(Kind, alias.kind), source=alias.source,
        ipv4=len(found.ipv4), ipv6=len(found.ipv6), fault=held.fault,
    )  # fmt: skip
