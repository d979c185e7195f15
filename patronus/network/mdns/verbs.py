# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked about multicast DNS between networks: parameters and results. Pure."""

from __future__ import annotations

from pydantic import Field

from patronus.core.control import Change
from patronus.core.values import InterfaceId
from patronus.core.verb import Result
from patronus.network.mdns.model import ServiceKind


class MdnsStatus(Result):
    """Between which networks hosts find each other."""

    running: bool = Field(description="whether it is repeated now")
    reason: str | None = Field(description="why it is not, where it should be")
    between: list[str] = Field(description="interfaces whose hosts find each other; empty: off")
    only: list[str] = Field(description="kinds of services that are repeated; empty: all")


class RepeatMdns(Change):
    """Between which networks it is repeated, in place of those before; none: off."""

    between: tuple[InterfaceId, ...] = Field(
        description="interfaces whose hosts find each other; at least two"
    )
    only: tuple[ServiceKind, ...] | None = Field(
        default=None, description="kinds of services that are repeated; empty: all; left out: as it is"
    )
