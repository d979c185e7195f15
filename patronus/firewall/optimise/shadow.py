# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules that never decide, because one before them fits all that they fit: found, and left out.

Only a single rule is held against another, not several together, so some that never decide stay: that costs a
comparison and no meaning. To find the candidates among thousands, each rule lies in an index under the
smallest prefixes around its addresses, and its port; what covers a rule lies under the same ones or above.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from patronus.firewall.addresses import AddressSet, Interval
from patronus.firewall.optimise.cover import covers, decides_always
from patronus.firewall.policy import Policy, PolicyRule

MOST = 1000
"""Rules that are looked through in a change; with more, the time that it takes counts for more."""
CANDIDATES = 24
"""Rules that are held against one at most: thousands that the index cannot tell apart stay fast."""
Prefix = tuple[int, int, int]
"""Family, length, and the leading bits as a number."""
ANY: Prefix = (0, 0, 0)
WIDTH = {4: 32, 6: 128}
Shape = tuple[int, int, int, int, bool]
Place = tuple[Prefix, Prefix, int]
"""Under which source and destination, and under which port; 0 where it is any or several."""


def shadows(
    rules: Sequence[PolicyRule], find_fickle: Callable[[], frozenset[str]] = frozenset
) -> Mapping[str, str]:
    """Return origin → the origin of the rule before it that leaves it nothing, for rules of people.

    ``find_fickle`` returns origins that are not always there, such as rules with a schedule: they shadow
    nothing. Nothing is found among more than ``MOST`` rules.
    """
    if len(rules) > MOST:
        return {}
    fickle = find_fickle()
    index = _Index()
    found: dict[str, str] = {}
    for rule in rules:
        if not rule.origin.startswith("rule/") or _fits_nothing(rule):
            continue
        before = index.covering(rule)
        if before is not None:
            found[rule.origin] = before.origin
        elif decides_always(rule) and rule.origin not in fickle:
            index.add(rule)
    return found


def without(policy: Policy, shadowed: Mapping[str, str]) -> Policy:
    """Return the policy without the rules that never decide; the same object where there are none."""
    if not shadowed:
        return policy
    return replace(policy, rules=tuple(rule for rule in policy.rules if rule.origin not in shadowed))


def _fits_nothing(rule: PolicyRule) -> bool:
    """Return whether the rule fits no packet by itself: an empty alias, a missing NIC; said elsewhere."""
    match = rule.match
    sides = (side for side in (match.source, match.destination) if side is not None)
    return match.interfaces == frozenset() or any(not side.versions for side in sides)


@dataclass
class _Index:
    """``shapes`` are the families and lengths that occur, so that only these are looked up."""

    places: dict[Place, list[PolicyRule]] = field(default_factory=dict)
    shapes: dict[Shape, None] = field(default_factory=dict)

    def add(self, rule: PolicyRule) -> None:
        """Put a rule under its prefixes; one with addresses of both families under each of them."""
        port = _port(rule)
        for source in _hulls(rule.match.source):
            for destination in _hulls(rule.match.destination):
                self.places.setdefault((source, destination, port), []).append(rule)
                self.shapes[(*source[:2], *destination[:2], port > 0)] = None

    def covering(self, rule: PolicyRule) -> PolicyRule | None:
        """Return a rule of the index that fits all that this one fits, or None."""
        left = CANDIDATES
        for place in self._above(rule):
            for candidate in self.places.get(place, ())[:left]:
                left -= 1
                if covers(candidate, rule):
                    return candidate
        return None

    def _above(self, rule: PolicyRule) -> Iterator[Place]:
        """Yield the places where a rule that covers this one may lie."""
        source, destination = _first(rule.match.source), _first(rule.match.destination)
        port = _port(rule)
        for family, length, other, its_length, one_port in self.shapes:
            one = _cut(source, family, length)
            two = _cut(destination, other, its_length)
            if one is not None and two is not None and (port or not one_port):
                yield one, two, port if one_port else 0


def _hulls(addresses: AddressSet | None) -> Iterator[Prefix]:
    if addresses is None:
        yield ANY
        return
    for version in addresses.versions:
        yield _hull(version, addresses.intervals(version))


def _first(addresses: AddressSet | None) -> Prefix:
    """Return the prefix around the first interval."""
    if addresses is None:
        return ANY
    version = addresses.versions[0]
    return _hull(version, addresses.intervals(version)[:1])


def _port(rule: PolicyRule) -> int:
    ports = rule.match.destination_ports
    return ports[0].first if ports and len(ports) == 1 and ports[0].first == ports[0].last else 0


def _hull(family: int, intervals: Sequence[Interval]) -> Prefix:
    """Return the smallest prefix around all intervals; no interval is any."""
    if not intervals:
        return ANY
    first, last = intervals[0][0], intervals[-1][1]
    free = (first ^ last).bit_length()
    return family, WIDTH[family] - free, first >> free


def _cut(prefix: Prefix, family: int, length: int) -> Prefix | None:
    """Return the prefix of a family and length that holds this one, or None where there is none."""
    if length == 0:
        return family, 0, 0
    if prefix[0] != family or prefix[1] < length:
        return None
    return family, length, prefix[2] >> (prefix[1] - length)
