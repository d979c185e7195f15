# SPDX-License-Identifier: GPL-2.0-or-later
"""A rule as keys: the values of a few fields, so that one look-up among thousands of them finds the rule.

A rule that only names addresses, protocols and ports, and only decides, is as much as a few keys: one for
each combination of its values. Keys of one shape are about the same fields, so they can stand in one map.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise, product
from math import prod
from typing import NamedTuple

from patronus.core.values import PortRange
from patronus.firewall.addresses import VERSIONS, WIDTH, AddressSet, Interval
from patronus.firewall.model.rules import RuleAction
from patronus.firewall.optimise.fold import Kind
from patronus.firewall.policy import Match, PolicyRule

MOST_KEYS = 8
"""Keys of one rule: one that needs more stays a rule."""
ACTIONS: tuple[RuleAction, ...] = ("allow", "drop", "reject")
"""What a rule with keys may do."""
Value = int | Interval
"""One value of a field, or a range of at least two."""
Key = tuple[Value, ...]
"""The values of the fields of a shape, in its order."""


class Shape(NamedTuple):
    """The fields that a key holds: of addresses so many bits from the left, None for one that is left out.

    ``version`` is the family of the addresses, 0 where there are none; ``ranged``: a port is a range.
    """

    version: Kind
    source: int | None
    destination: int | None
    protocol: bool
    source_port: bool
    destination_port: bool
    ranged: bool


Keys = tuple[tuple[Shape, Key], ...]


def keys_of(rule: PolicyRule) -> Keys:
    """Return the keys that the rule fits, with their shapes; none where it is more, or too many."""
    if not _only_decides(rule) or not _names_fields(rule.match):
        return ()
    found: list[tuple[Shape, Key]] = []
    for version in _versions(rule.match):
        made = _of_family(rule.match, version)
        if made is None or len(found) + len(made) > MOST_KEYS:
            return ()
        found += made
    return tuple(found)


def _only_decides(rule: PolicyRule) -> bool:
    """Return whether a verdict is all that becomes of a packet, but for its being counted."""
    if rule.action not in ACTIONS or rule.limit is not None or rule.connections is not None:
        return False
    if rule.set_mark is not None or rule.set_dscp is not None or rule.helper is not None:
        return False
    return rule.reject_with is None and rule.log is None


def _names_fields(match: Match) -> bool:
    """Return whether the match asks for nothing but addresses that stay, protocols and ports."""
    if match.interfaces is not None or match.mac is not None or match.translated:
        return False
    if match.icmp is not None or match.icmpv6 is not None or match.tcp_flags is not None:
        return False
    if match.dscp is not None or match.mark is not None:
        return False
    if match.protocols is None and (match.source_ports is not None or match.destination_ports is not None):
        return False
    return _stays(match.source) and _stays(match.destination)


def _stays(side: AddressSet | None) -> bool:
    """Return whether the addresses are the same tomorrow."""
    return side is None or (side.alias is None and not side.lives)


def _versions(match: Match) -> Iterator[Kind]:
    """Yield the families that the rule can fit; 0 for both, where it names no address."""
    sides = [side for side in (match.source, match.destination) if side is not None]
    if not sides:
        yield 0
        return
    yield from (version for version in VERSIONS if all(side.intervals(version) for side in sides))


def _of_family(match: Match, version: Kind) -> list[tuple[Shape, Key]] | None:
    """Return the rule's keys for packets of a family; None where they are no prefixes, or too many."""
    sources, destinations = _prefixes(match.source, version), _prefixes(match.destination, version)
    if sources is None or destinations is None:
        return None
    protocols: tuple[int | None, ...] = match.protocols or (None,)
    ports = _ports(match.source_ports), _ports(match.destination_ports)
    if () in ports:
        return None
    fields = sources, destinations, protocols, *ports
    if prod(map(len, fields)) > MOST_KEYS:
        return None
    return [_key(version, *values) for values in product(*fields)]


Prefix = tuple[int, int]
"""First address, and bits of the prefix."""


def _prefixes(addresses: AddressSet | None, version: Kind) -> tuple[Prefix | None, ...] | None:
    """Return addresses as prefixes; (None,) for any, None where an interval is not one prefix."""
    if addresses is None or not version:
        return (None,)
    width, intervals = WIDTH[version], addresses.ipv4 if version == 4 else addresses.ipv6
    found = tuple([_prefix(interval, width) for interval in intervals])
    return None if None in found else found


def _prefix(interval: Interval, width: int) -> Prefix | None:
    first, last = interval
    size = last - first + 1
    if size & (size - 1) or first & (size - 1) or size >> width:
        return None
    return first, width - size.bit_length() + 1


def _ports(ports: tuple[PortRange, ...] | None) -> tuple[Value | None, ...]:
    """Return ports as values; (None,) for any, none where two of them overlap."""
    if ports is None:
        return (None,)
    order = sorted((port.first, port.last) for port in ports) if len(ports) > 1 else ()
    if any(one[1] >= other[0] for one, other in pairwise(order)):
        return ()
    return tuple([port.first if port.first == port.last else (port.first, port.last) for port in ports])


def _key(
    version: Kind,
    source: Prefix | None,
    destination: Prefix | None,
    protocol: int | None,
    source_port: Value | None,
    destination_port: Value | None,
) -> tuple[Shape, Key]:
    shape = _shape(
        version,
        source and source[1],
        destination and destination[1],
        protocol is not None,
        source_port is not None,
        destination_port is not None,
        isinstance(source_port, tuple) or isinstance(destination_port, tuple),
    )
    values = source and source[0], destination and destination[0], protocol, source_port, destination_port
    return shape, tuple([value for value in values if value is not None])


_shape = lru_cache(maxsize=4096)(Shape)
"""The same object for thousands of keys."""
