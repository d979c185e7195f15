# SPDX-License-Identifier: GPL-2.0-or-later
"""What clients of one policy are told without asking anyone, and the source of all else. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv6Network

from patronus.network.dns.answer import Answer
from patronus.network.dns.blocklist import Names, blocked
from patronus.network.dns.config import Dns64, LeaseName, Policy, ServerConfig
from patronus.network.dns.dns64 import Translation, known_records
from patronus.network.dns.names import parents, wire_name
from patronus.network.dns.sources import EVERYONES, source_of
from patronus.network.dns.wire import CLASS_IN, Query
from patronus.network.dns.zone import Zone

Lists = Mapping[str, Names]
"""Blocklists by name."""
Decided = Mapping[bytes, bool]
"""Names in lower-case wire form that people decided on, and whether each is blocked with all below it."""


class View:
    """The names of the router as some clients see them, what people decided for them, their lists and source.

    Of ``decided`` the first that has the name or one above it counts, and in it the longest. What none has is
    blocked where nothing is but what is allowed, else where a list has it.
    """

    def __init__(
        self,
        zone: Zone,
        lists: Iterable[Names] = (),
        decided: Sequence[Decided] = (),
        *,
        only: bool = False,
        source: bytes = EVERYONES,
        translation: Translation | None = None,
    ) -> None:
        self.zone = zone
        self.source = source
        self.translation = translation
        self._tag = translation.tag if translation is not None else b""
        self._lists = tuple(names for names in lists if names)
        self._decided = tuple(names for names in decided if names)
        self._only_allowed = only

    def tag(self, query: Query) -> bytes:
        """Return what tells the answer to these clients from that to others, beside its source."""
        return self._tag if self.translation is not None and self.translation.concerns(query) else b""

    def own(self, query: Query, now_s: float) -> Answer | None:
        """Return what the router answers these clients itself, or None where somebody else is asked."""
        zone = self.zone
        found = zone.answer(query.name, query.qtype, query.qclass, now_s)
        if self.translation is None or not self.translation.concerns(query):
            return found
        return self.translation.local(
            query, found, lambda name, qtype: zone.answer(name, qtype, CLASS_IN, now_s), now_s
        )

    def blocks(self, name: bytes) -> bool:
        """Return whether the name, in lower-case wire form, does not exist for these clients."""
        for decided in self._decided:
            for parent in parents(name):
                if parent in decided:
                    return decided[parent]
        return self._only_allowed or any(blocked(name, names) for names in self._lists)


def views(config: ServerConfig, leases: Sequence[LeaseName], lists: Lists) -> Iterator[View]:
    """Yield the view of those without a policy, then one for each policy."""
    shared: dict[bool, Zone] = {}
    for_everyone, translation = _decided(config), _translation(config.dns64)
    zone = _zone(config, None, leases, shared)
    yield View(zone, _chosen(config.lists, lists), (for_everyone,), translation=translation)
    for policy in config.policies:
        zone = _zone(config, policy, leases, shared)
        theirs = _decided(policy)
        decided = (theirs,) if policy.only_allowed else (theirs, for_everyone)
        chosen, source = _chosen(policy.lists, lists), source_of(policy)
        translation = _translation(policy.dns64)
        yield View(zone, chosen, decided, only=policy.only_allowed, source=source, translation=translation)


def _translation(told: Dns64 | None) -> Translation | None:
    return Translation(IPv6Network(told.prefix), tuple(map(IPv6Network, told.exclude))) if told else None


def _decided(told: ServerConfig | Policy) -> Decided:
    allowed = {wire_name(name): False for name in told.allow}
    return allowed | {wire_name(name): True for name in told.block}


def _zone(
    config: ServerConfig, policy: Policy | None, leases: Sequence[LeaseName], shared: dict[bool, Zone]
) -> Zone:
    """Return the names for some clients; ``shared`` are those for all who have none of their own."""
    translated = (config if policy is None else policy).dns64 is not None
    records = policy.records if policy is not None else ()
    if not records and translated in shared:
        return shared[translated]
    theirs = {record.name for record in records}
    others = (record for record in config.records if record.name not in theirs)
    known = known_records() if translated else ()
    zone = Zone(config.domain, (*records, *others, *known), leases, config.elsewhere)
    return zone if records else shared.setdefault(translated, zone)


def _chosen(names: Iterable[str], lists: Lists) -> Iterator[Names]:
    return (lists[name] for name in names if name in lists)
