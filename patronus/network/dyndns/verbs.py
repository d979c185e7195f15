# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked about outside names, and how an entry is shown. Pure."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from patronus.core.control import Change
from patronus.core.model import as_data
from patronus.core.values import Id
from patronus.core.verb import Parameters, Result
from patronus.network.dyndns.model import OutsideName
from patronus.network.dyndns.plan import Standing
from patronus.network.dyndns.record import GOOD, Record, due_in_s

Protocol = Literal["dyndns2", "url", "rfc2136"]
State = Literal["current", "awaited", "idle", "failed", "stopped", "off"]


class NameInfo(Result):
    """An entry, and how it stands."""

    id: str
    hostnames: list[str]
    provider: str = Field(description="host name of the provider")
    protocol: Protocol
    state: State = Field(
        description="current: the provider has the address of now; awaited: it is told soon; idle: there is "
        "nothing to tell; failed: it is tried again; stopped: it is not, until something is changed; off"
    )
    reason: str | None = Field(description="why it is not current, in plain words")
    interface: str | None = Field(description="whose address is told now")
    ipv4: str | None = Field(description="the interface's outside address of now; null: none, or asked for")
    ipv6: str | None
    asks: bool = Field(description="whether the outside address is asked for at `address_from`")
    told: list[str] = Field(description="addresses that the provider has, as far as we know")
    told_at: float | None = Field(description="when it took them, in seconds since the epoch")
    tried_at: float | None = Field(description="when it was tried last")
    answer: str | None = Field(description="what the provider said last")
    due_in_s: float | None = Field(description="seconds until it is told or asked for again; null: never")
    configuration: dict[str, Any]


class DyndnsStatus(Result):
    """The outside names."""

    running: bool = Field(description="whether providers are being told at the moment")
    names: list[NameInfo]


class UpdateNames(Parameters):
    """Which entry is told now."""

    id: Id | None = Field(default=None, description="left out: all that are enabled")


class AddName(Change):
    """An entry to add."""

    entry: dict[str, Any] = Field(description="as in network/dyndns; its id is given if it has none")


class ReplaceName(Change):
    """An entry in the place of another."""

    id: Id
    entry: dict[str, Any] = Field(description="the whole entry as in network/dyndns; the id stays")


def info(entry: OutsideName, standing: Standing | None, record: Record | None, wall_s: float) -> NameInfo:
    """Return how an entry stands; without a standing it is off."""
    state, reason = _state(entry, standing, record)
    protocol, provider = _provider(entry)
    return NameInfo(
        id=entry.id,
        hostnames=list(entry.hostnames),
        provider=provider,
        protocol=protocol,
        state=state,
        reason=reason,
        interface=standing.role if standing is not None else None,
        ipv4=str(standing.ipv4) if standing is not None and standing.ipv4 else None,
        ipv6=str(standing.ipv6) if standing is not None and standing.ipv6 else None,
        asks=standing is not None and standing.asks,
        told=[str(one) for one in record.known if one is not None] if record is not None else [],
        told_at=record.told if record is not None else None,
        tried_at=record.tried if record is not None else None,
        answer=(record.answer or None) if record is not None else None,
        due_in_s=due_in_s(standing, record, wall_s) if standing is not None else None,
        configuration=as_data(entry),
    )


def _provider(entry: OutsideName) -> tuple[Protocol, str]:
    """Return how a provider is told, and who it is."""
    if entry.rfc2136 is not None:
        return "rfc2136", entry.rfc2136.server
    if entry.dyndns2 is not None:
        return "dyndns2", urlsplit(entry.dyndns2.server).hostname or ""
    return "url", urlsplit(entry.url.address if entry.url is not None else "").hostname or ""


def _state(entry: OutsideName, standing: Standing | None, record: Record | None) -> tuple[State, str | None]:
    if not entry.enabled or standing is None:
        return "off", None
    if standing.reason is not None:
        return "idle", standing.reason
    if record is None:
        return "awaited", None
    if record.verdict not in GOOD:
        return "stopped" if record.verdict == "stop" else "failed", record.words
    return ("current" if record.seen == standing.seen else "awaited"), None
