# SPDX-License-Identifier: GPL-2.0-or-later
"""What clients of one policy are told without asking anyone, and the source of all else. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from patronus.network.dns.blocklist import Names, blocked
from patronus.network.dns.config import LeaseName, Policy, ServerConfig
from patronus.network.dns.names import parents, wire_name
from patronus.network.dns.sources import EVERYONES, source_of
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
    ) -> None:
        self.zone = zone
        self.source = source
        self._lists = tuple(names for names in lists if names)
        self._decided = tuple(names for names in decided if names)
        self._only_allowed = only

    def blocks(self, name: bytes) -> bool:
        """Return whether the name, in lower-case wire form, does not exist for these clients."""
        for decided in self._decided:
            for parent in parents(name):
                if parent in decided:
                    return decided[parent]
        return self._only_allowed or any(blocked(name, names) for names in self._lists)


def views(config: ServerConfig, leases: Sequence[LeaseName], lists: Lists) -> Iterator[View]:
    """Yield the view of those without a policy, then one for each policy."""
    everyones = Zone(config.domain, config.records, leases, config.elsewhere)
    for_everyone = _decided(config)
    yield View(everyones, _chosen(config.lists, lists), (for_everyone,))
    for policy in config.policies:
        zone = _zone(config, policy, leases) if policy.records else everyones
        theirs = _decided(policy)
        decided = (theirs,) if policy.only_allowed else (theirs, for_everyone)
        chosen, source = _chosen(policy.lists, lists), source_of(policy)
        yield View(zone, chosen, decided, only=policy.only_allowed, source=source)


def _decided(told: ServerConfig | Policy) -> Decided:
    allowed = {wire_name(name): False for name in told.allow}
    return allowed | {wire_name(name): True for name in told.block}


def _zone(config: ServerConfig, policy: Policy, leases: Sequence[LeaseName]) -> Zone:
    theirs = {record.name for record in policy.records}
    others = (record for record in config.records if record.name not in theirs)
    return Zone(config.domain, (*policy.records, *others), leases, config.elsewhere)


def _chosen(names: Iterable[str], lists: Lists) -> Iterator[Names]:
    return (lists[name] for name in names if name in lists)
