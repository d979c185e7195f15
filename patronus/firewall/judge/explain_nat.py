# SPDX-License-Identifier: GPL-2.0-or-later
"""What translation does to the first packet of a connection, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from patronus.core.values import Range
from patronus.firewall.addresses import end_of
from patronus.firewall.judge.verdict import Packet, Route, source_translation, translate
from patronus.firewall.policy import Forward, Policy, SourceTranslation


@dataclass(frozen=True)
class Translations:
    """Where the packet goes and from whom it seems to come, each with the entry that says so; None: as is."""

    translated_to: str | None = None
    translated_by: str | None = None
    source_becomes: str | None = None
    source_by: str | None = None


def translations(policy: Policy, packet: Packet, route: Route) -> Translations:
    """Return what becomes of both addresses of a packet that nothing drops. Raises LookupError."""
    inner, forward = translate(policy, packet)
    inner = replace(inner, leaves_by=route(inner))
    found = Translations()
    if forward is not None:
        there = end_of(inner.destination, inner.destination_port)
        found = Translations(there, f"nat/{forward.id}")
    if forward is not None and _comes_back(policy, forward, packet, inner):
        return replace(found, source_becomes=_own(inner), source_by=f"nat/{forward.id}")
    source = source_translation(policy, inner)
    if source is None:
        return found
    return replace(found, source_becomes=_becomes(source, inner), source_by=f"nat/{source.id}")


def _comes_back(policy: Policy, forward: Forward, packet: Packet, inner: Packet) -> bool:
    """Return whether client and server share an interface, so that the router stands in as source."""
    inside = packet.arrives_on not in policy.zones.get(forward.from_zone, ())
    return inside and forward.hairpin is not None and inner.leaves_by == packet.arrives_on


def _becomes(source: SourceTranslation, packet: Packet) -> str:
    if source.to is None:
        return _own(packet)
    if isinstance(source.to, Range):
        return str(source.to)
    return str(source.to.network_address + (int(packet.source) & int(source.to.hostmask)))


def _own(packet: Packet) -> str:
    return f"the address of {packet.leaves_by}"
