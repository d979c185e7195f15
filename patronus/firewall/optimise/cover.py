# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether one rule fits all that another fits. False where that is not certain."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from operator import itemgetter

from patronus.core.values import PortRange
from patronus.firewall.addresses import AddressSet, Interval
from patronus.firewall.policy import Match, PolicyRule


def decides_always(rule: PolicyRule) -> bool:
    """Return whether the rule decides whatever fits it: no limit, and no mark that a rule between may set."""
    limited = rule.limit is not None or rule.connections is not None
    return rule.decides is not None and not limited and rule.match.mark is None


def covers(wide: PolicyRule, narrow: PolicyRule) -> bool:
    """Return whether every packet that fits ``narrow`` fits ``wide``, which decides always."""
    return (
        _subset(narrow.from_zones, wide.from_zones)
        and _subset(narrow.to_zones, wide.to_zones)
        and _match(wide.match, narrow.match)
    )


def _match(wide: Match, narrow: Match) -> bool:
    return (
        _subset(narrow.protocols, wide.protocols)
        and _ports(narrow.destination_ports, wide.destination_ports)
        and _ports(narrow.source_ports, wide.source_ports)
        and _addresses(narrow.source, wide.source)
        and _addresses(narrow.destination, wide.destination)
        and wide.mac in (None, narrow.mac)
        and _subset(narrow.interfaces, wide.interfaces)
        and _subset(narrow.dscp, wide.dscp)
        and _icmp(narrow, wide)
        and _flags(narrow, wide)
        and (narrow.translated or not wide.translated)
    )


def _subset(narrow: Collection[object] | None, wide: Collection[object] | None) -> bool:
    """Return whether the one set is within the other; None is any."""
    if wide is None or narrow is None:
        return wide is None
    return narrow is wide or all(item in wide for item in narrow)


def _icmp(narrow: Match, wide: Match) -> bool:
    """Return whether the ICMP types are within the others; a family without types has none."""
    if wide.icmp is None and wide.icmpv6 is None:
        return True
    if narrow.icmp is None and narrow.icmpv6 is None:
        return False
    return _subset(narrow.icmp or (), wide.icmp or ()) and _subset(narrow.icmpv6 or (), wide.icmpv6 or ())


def _flags(narrow: Match, wide: Match) -> bool:
    if wide.tcp_flags is None:
        return True
    if narrow.tcp_flags is None:
        return False
    mask = wide.tcp_flags.mask
    return narrow.tcp_flags.mask & mask == mask and narrow.tcp_flags.value & mask == wide.tcp_flags.value


def _ports(narrow: Sequence[PortRange] | None, wide: Sequence[PortRange] | None) -> bool:
    if wide is None or narrow is None:
        return wide is None
    return _within([(one.first, one.last) for one in narrow], [(one.first, one.last) for one in wide])


def _addresses(narrow: AddressSet | None, wide: AddressSet | None) -> bool:
    if wide is None or narrow is None:
        return wide is None
    if narrow.lives or wide.lives:
        return False
    return narrow is wide or (_within(narrow.ipv4, wide.ipv4) and _within(narrow.ipv6, wide.ipv6))


def _within(narrow: Sequence[Interval], wide: Sequence[Interval]) -> bool:
    """Return whether each interval lies in one of the others, which neither overlap nor touch."""
    return all(_holds(wide, first, last) for first, last in narrow)


def _holds(wide: Sequence[Interval], first: int, last: int) -> bool:
    at = bisect_right(wide, first, key=itemgetter(0)) - 1
    return at >= 0 and last <= wide[at][1]
