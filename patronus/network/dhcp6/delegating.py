# SPDX-License-Identifier: GPL-2.0-or-later
"""Prefixes for routers behind this one (RFC 8415 section 6.3): which one each gets, and when it ends. Pure.

Such a lease holds which part of what we have it is, whatever that is at the moment: the number of its first
/64, and its length. So a router hears of the provider's new prefix when it next renews, as hosts do.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from ipaddress import IPv6Address

from patronus.network.dhcp.lease import Lease, State, Table, released
from patronus.network.dhcp6.codec import Association, Given, Kind, Status
from patronus.network.dhcp6.config import write_identifier
from patronus.network.dhcp6.prefixes import IDENTIFIER_BITS, Delegation, Part
from patronus.network.dhcp6.question import Question, taken_back

_NETWORK = "/pd"


def network_of(interface: str) -> str:
    """Return the network under which leases of prefixes are kept, beside those of the addresses."""
    return interface + _NETWORK


def is_prefix(lease: Lease) -> bool:
    """Return whether the lease is of a prefix."""
    return lease.network.endswith(_NETWORK)


def without_overlaps(given: Iterable[Lease], here: Iterable[Lease], now_s: float) -> list[Lease]:
    """Return leases without those of prefixes that have something of another's. Raises ValueError.

    ``here`` are those that there are already; a lease of a prefix must say which router's it is.
    """
    held = [(one.network, Part.of(one.address)) for one in here if is_prefix(one) and one.held(now_s)]
    found = []
    for lease in given:
        if is_prefix(lease):
            part = Part.of(lease.address)
            IPv6Address(lease.mac)
            if not part.length <= IDENTIFIER_BITS:
                raise ValueError(f"a prefix of {part.length} bits")
            if any(lease.network == network and part.overlaps(other) for network, other in held):
                continue
            held.append((lease.network, part))
        found.append(lease)
    return found


class Delegating:
    """Answers associations of prefixes; ``table`` has the leases."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def give(self, question: Question, asked: Association, *, commit: bool) -> None:
        """Answer by the prefixes that the router may have (sections 18.3.1 and 18.3.2)."""
        delegation = question.pool.delegation
        part = self._choose(question, delegation, asked) if delegation is not None else None
        if delegation is None or part is None:
            question.say(asked, problem=Status.NO_PREFIXES)
            return
        given = _given(delegation, part, question.pool.lease_time_s)
        if commit:
            self._keep(question, asked.iaid, part, max(one.valid_s for one in given))
        question.parts.add(part)
        question.say(asked, [*given, *(taken_back(asked, given) if commit else ())])

    def renew(self, question: Question, asked: Association) -> None:
        """Prolong what the router has (sections 18.3.4 and 18.3.5)."""
        lease = self.table.of_client(network_of(question.pool.interface), question.client.key(asked.iaid))
        if lease is not None and lease.state is State.ACTIVE:
            self.give(question, asked, commit=True)
        else:
            question.say(asked, problem=Status.NO_BINDING)

    def give_up(self, question: Question, asked: Association) -> None:
        """Take a prefix back; to decline one is not foreseen (sections 18.3.7 and 18.3.8)."""
        now_s, delegation = question.now_s, question.pool.delegation
        lease = self.table.of_client(network_of(question.pool.interface), question.client.key(asked.iaid))
        held = lease is not None and lease.active(now_s)
        if lease is None or delegation is None or not held or question.packet.kind != Kind.RELEASE:
            question.say(asked, problem=Status.NO_BINDING)
            return
        if not {int(one.network_address) for one, _ in delegation.cut(Part.of(lease.address))} & set(
            asked.addresses
        ):
            question.say(asked, problem=Status.NO_BINDING)
            return
        change = released(lease, now_s)
        self.table.put(change)
        question.changes.append((change.state.value, change))

    def _choose(self, question: Question, delegation: Delegation, asked: Association) -> Part | None:
        """Return the part for an association: what is kept for it, its last one, its wish, then a free one.

        What is kept for a router that somebody has had since before is its own when that one asks again.
        """
        pool, now_s, client = question.pool, question.now_s, question.client
        network, key = network_of(pool.interface), question.client.key(asked.iaid)
        others = [lease for lease in self.table if lease.network == network and lease.client != key]
        held = [Part.of(lease.address) for lease in others if lease.held(now_s)]
        taken = delegation.places_of((*held, *question.parts))
        kept = delegation.kept_for(client.duid, client.host)
        if kept is not None and kept not in taken:
            return delegation.part_at(kept)
        taken |= delegation.kept_from(client.duid, client.host)
        former = self.table.of_client(network, key)
        own = delegation.place_of(Part.of(former.address)) if former is not None else None
        if former is not None and former.active(now_s) and own is not None and own not in taken:
            return delegation.part_at(own)
        mine = self.table.of_mac(network, write_identifier(question.client.source), now_s)
        elsewhere = {Part.of(one.address) for one in mine if one.client != key}
        if len(elsewhere | question.parts) >= pool.leases_per_mac:
            return None
        wishes = [own, *(delegation.place_with(one) for one in asked.addresses)]
        for place in wishes:
            if place is not None and place not in taken:
                return delegation.part_at(place)
        return _search(delegation, key, taken, others)

    def _keep(self, question: Question, iaid: int, part: Part, valid_s: int) -> None:
        network, key = network_of(question.pool.interface), question.client.key(iaid)
        former = self.table.of_client(network, key)
        prolonged = former is not None and former.address == part.number and former.active(question.now_s)
        lease = Lease(
            network=network,
            client=key,
            address=part.number,
            mac=write_identifier(question.client.source),
            hostname="",
            interface=question.pool.interface,
            start_s=former.start_s if former is not None and prolonged else question.now_s,
            end_s=question.now_s + valid_s,
            six=True,
        )
        self.table.put(lease)
        question.changes.append(("renewed" if prolonged else "granted", lease))


def _search(delegation: Delegation, key: str, taken: set[int], others: Iterable[Lease]) -> Part | None:
    """Return a free part, one that nobody ever had before one that has been given back longest.

    The search begins at a place that the router's name decides: it gets the same again although the leases
    were lost.
    """
    ended: dict[int, float] = {}
    for lease in others:
        for place in delegation.places_of([Part.of(lease.address)]):
            ended[place] = max(ended.get(place, 0.0), lease.end_s)
    count = delegation.count
    start = zlib.crc32(key.encode()) % count if count else 0
    free = [place for index in range(count) if (place := (start + index) % count) not in taken]
    best = min(free, key=lambda place: ended.get(place, 0.0), default=None)
    return delegation.part_at(best) if best is not None else None


def _given(delegation: Delegation, part: Part, lease_time_s: int) -> list[Given]:
    """Return the part of each prefix that we have; none lives longer than that or than the lease."""
    return [
        Given(
            int(prefix.network_address),
            min(source.preferred_s, lease_time_s * 3 // 4),
            min(source.valid_s, lease_time_s),
            prefix.prefixlen,
        )
        for prefix, source in delegation.cut(part)
    ]
