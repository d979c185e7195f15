# SPDX-License-Identifier: GPL-2.0-or-later
"""The tracked connections: which of them a filter means, and how they are shown. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from patronus.core.connection import Tracked, Way
from patronus.firewall.addresses import IpAddress, IpNetwork
from patronus.firewall.model.match import NAMES

Translated = Literal["source", "destination", "no"]
ZoneOf = Callable[[IpAddress], str | None]
"""The zone from which an address is reached, None where none is."""


@dataclass(frozen=True)
class Filter:
    """What a connection must be; None is any. Addresses and ports count before and after translation."""

    id: str | None = None
    address: IpNetwork | None = None
    source: IpNetwork | None = None
    destination: IpNetwork | None = None
    protocol: int | None = None
    port: int | None = None
    source_port: int | None = None
    destination_port: int | None = None
    state: str | None = None
    translated: Translated | None = None
    mark: int | None = None
    zone: str | None = None


ANY = Filter()


def identifier(one: Tracked) -> str:
    """Return the name of a connection: the same as long as it lives."""
    return sha256(one.connection.key).hexdigest()[:12]


def translation(one: Tracked) -> tuple[bool, bool]:
    """Return whether its source and whether its destination is translated."""
    way, back = one.connection.original, one.connection.reply
    source = (way.source, way.source_port) != (back.destination, back.destination_port)
    destination = (way.destination, way.destination_port) != (back.source, back.source_port)
    return source, destination


def matching(every: Iterable[Tracked], wanted: Filter, zone_of: ZoneOf) -> Iterator[Tracked]:
    """Yield the connections that a filter means."""
    return (one for one in every if _fits(one, wanted) and _is_from(one, wanted.zone, zone_of))


def _fits(one: Tracked, wanted: Filter) -> bool:
    way, back = one.connection.original, one.connection.reply
    sources, targets = (way.source, back.destination), (way.destination, back.source)
    source_ports = (way.source_port, back.destination_port)
    target_ports = (way.destination_port, back.source_port)
    return (
        wanted.protocol in (None, way.protocol)
        and wanted.state in (None, one.state or None)
        and wanted.mark in (None, one.mark)
        and _within(wanted.source, sources)
        and _within(wanted.destination, targets)
        and _within(wanted.address, (*sources, *targets))
        and (wanted.source_port is None or wanted.source_port in source_ports)
        and (wanted.destination_port is None or wanted.destination_port in target_ports)
        and (wanted.port is None or wanted.port in (*source_ports, *target_ports))
        and (wanted.translated is None or _is_translated(one, wanted.translated))
        and wanted.id in (None, identifier(one) if wanted.id else None)
    )


def _within(prefix: IpNetwork | None, addresses: Iterable[IpAddress]) -> bool:
    return prefix is None or any(address in prefix for address in addresses)


def _is_translated(one: Tracked, wanted: Translated) -> bool:
    source, destination = translation(one)
    return {"source": source, "destination": destination, "no": not source and not destination}[wanted]


def _is_from(one: Tracked, zone: str | None, zone_of: ZoneOf) -> bool:
    return zone is None or zone_of(one.connection.original.source) == zone


def zone_at(
    zones: Mapping[str, str], device_of: Callable[[IpAddress], str | None], address: IpAddress
) -> str | None:
    """Return the zone of the device by which an address is reached."""
    try:
        return zones.get(device_of(address) or "")
    except LookupError:
        return None


def protocol_name(way: Way) -> str:
    """Return the protocol's name, or its number as text."""
    return NAMES.get(way.protocol, str(way.protocol))
