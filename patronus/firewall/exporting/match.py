# SPDX-License-Identifier: GPL-2.0-or-later
"""What a rule fits, in the words of iptables: its matches and limits. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from patronus.firewall.addresses import Version
from patronus.firewall.exporting.words import ANY, ports_of, side
from patronus.firewall.model.flags import FLAGS, FlagMatch
from patronus.firewall.model.limits import ConnectionLimit, Limit
from patronus.firewall.model.match import ICMP, ICMPV6
from patronus.firewall.policy import Match, PolicyRule

KNOWN_FLAGS = FLAGS["fin"] | FLAGS["syn"] | FLAGS["rst"] | FLAGS["psh"] | FLAGS["ack"] | FLAGS["urg"]


def unsaid(match: Match) -> str | None:
    """Return why iptables cannot say a match, or None."""
    if match.tcp_flags is not None and match.tcp_flags.mask & ~KNOWN_FLAGS:
        return "iptables knows no ece and cwr among the flags of TCP"
    return None


def limits_of(rule: PolicyRule, version: Version) -> Iterator[str]:
    """Yield what keeps a rule from fitting more connections, or packets, than it may."""
    if rule.connections is not None:
        yield _open(rule.connections, version)
    if rule.limit is not None:
        yield _rate(rule.limit, rule.origin)


def _open(limit: ConnectionLimit, version: Version) -> str:
    whole = 32 if version == 4 else 128
    side = "daddr" if limit.per == "destination" else "saddr"
    mask = 0 if limit.per is None else whole
    what = "above" if limit.over else "upto"
    return f"-m connlimit --connlimit-{what} {limit.most} --connlimit-mask {mask} --connlimit-{side}"


def _rate(limit: Limit, origin: str) -> str:
    rate = f"{limit.rate.count}/{limit.rate.unit}"
    if limit.per is None and not limit.over:
        return f"-m limit --limit {rate} --limit-burst {limit.burst}"
    rate += f" --hashlimit-burst {limit.burst}"
    mode = "" if limit.per is None else f"--hashlimit-mode {'srcip' if limit.per == 'source' else 'dstip'} "
    what, name = "above" if limit.over else "upto", origin.rpartition("/")[2][-15:]
    return f"-m hashlimit --hashlimit-{what} {rate} {mode}--hashlimit-name {name}"


def matches(match: Match, version: Version) -> Iterator[str]:
    """Yield the matches that together say what the match says; none of them overlaps another."""
    sides = (_devices(match), side("src", match.source, version), side("dst", match.destination, version))
    rest = " ".join(_single(match))
    marked = ANY if match.dscp is None else tuple(f"-m dscp --dscp {item:#x}" for item in match.dscp)
    for transport in _transport(match, version):
        for words in product(*sides, (transport,), marked):
            yield " ".join(word for word in (*words, rest) if word)


def _devices(match: Match) -> tuple[str, ...]:
    return ANY if match.interfaces is None else tuple(f"-i {item}" for item in sorted(match.interfaces))


def _single(match: Match) -> Iterator[str]:
    if match.mac is not None:
        yield f"-m mac --mac-source {match.mac}"
    if match.mark is not None:
        yield f"-m mark --mark {match.mark.value:#x}/{match.mark.mask:#x}"
    if match.translated:
        yield "-m conntrack --ctstate DNAT"


def _transport(match: Match, version: Version) -> Iterator[str]:
    types = match.icmp if version == 4 else match.icmpv6
    if match.icmp is not None or match.icmpv6 is not None:
        asked = f"-p {ICMP} -m icmp --icmp-type" if version == 4 else f"-p {ICMPV6} -m icmp6 --icmpv6-type"
        yield from (f"{asked} {kind}" for kind in types or ())
        return
    if match.protocols is None:
        yield ""
        return
    for protocol in match.protocols:
        flags = _flags(match.tcp_flags) if match.tcp_flags is not None else ""
        ports = product(
            ports_of("source", match.source_ports), ports_of("destination", match.destination_ports)
        )
        for words in ports:
            yield " ".join(word for word in (f"-p {protocol}", *words, flags) if word)


def _flags(flags: FlagMatch) -> str:
    def names(bits: int) -> str:
        return ",".join(name.upper() for name, bit in FLAGS.items() if bits & bit) or "NONE"

    return f"-m tcp --tcp-flags {names(flags.mask)} {names(flags.value)}"
