# SPDX-License-Identifier: GPL-2.0-or-later
"""A policy as the text of iptables-restore, for routers that have no nftables: an export, never applied here.

It has the chains of ``compile.nft``: one for each pair of zones, whose last rule is the pair's default. Each
address and port of a list becomes a rule; they do not overlap, so at most one of them fits a packet. What
iptables has no word for is left out, and a comment at the top of the text says so; so are the guards, which
count in sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

from patronus.core.errors import InvalidRequest
from patronus.firewall.addresses import AddressSet, Version, outside
from patronus.firewall.compile.nft import LISTENER_DISCOVERY, NEIGHBOUR_DISCOVERY
from patronus.firewall.exporting.match import limits_of, matches, unsaid
from patronus.firewall.exporting.nat import hairpin_marks, nat_lines
from patronus.firewall.model.queue import Queue
from patronus.firewall.model.zones import SELF
from patronus.firewall.policy import Policy, PolicyRule

REFUSALS = {
    "port-unreachable": ("icmp-port-unreachable", "icmp6-port-unreachable"),
    "host-unreachable": ("icmp-host-unreachable", "icmp6-addr-unreachable"),
    "no-route": ("icmp-net-unreachable", "icmp6-no-route"),
    "admin-prohibited": ("icmp-admin-prohibited", "icmp6-adm-prohibited"),
}
"""How a refusal is worded, in IPv4 and in IPv6."""
PREFIX_LENGTH = 29
"""Characters of a log prefix that the kernel takes."""
MOST = 100_000
"""Lines of an export, which iptables goes through one by one."""


@dataclass
class Export:
    """The text for one family, and the origins of what is not in it with the reason."""

    version: Version
    lines: int = 0
    left: dict[str, str] = field(default_factory=dict)
    chains: dict[str, list[str]] = field(default_factory=dict)
    own: dict[int, str] = field(default_factory=dict)
    """The chain of what a rule does, by the rule's identity."""

    def counted(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield lines that come of lists. Raises InvalidRequest where all together are too many."""
        for line in lines:
            self.lines += 1
            if self.lines > MOST:
                hint = "iptables has a line for each pair of two addresses or ports"
                raise InvalidRequest(f"the export would have more than {MOST} lines; {hint}")
            yield line

    @property
    def both(self) -> int:
        """Return the place of the family's word in a pair of words."""
        return 0 if self.version == 4 else 1


def iptables(policy: Policy, version: Version) -> tuple[str, dict[str, str]]:
    """Return the text for iptables-restore (6: ip6tables-restore), and what is left out with the reason.

    Raises InvalidRequest where it would have too many lines.
    """
    export = Export(version, left=dict(_guards(policy)))
    blocked = list(export.counted(_blocked(policy, version)))
    pairs = _pairs(export, policy)
    filtered = [
        *(f"-A INPUT {line}" for line in _input(version)),
        "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        *(f"-A FORWARD -m conntrack --ctstate DNAT -d {item} -j DROP" for item in blocked),
        "-A FORWARD -m conntrack --ctstate INVALID -j DROP",
        *(f"-A {chain} {line}" for chain, line in pairs),
        *(f"-A {chain} {line}" for chain in ("INPUT", "FORWARD") for line in _decide(policy.default)),
        *_reject(export),
        *(f"-A {name} {line}" for name, lines in export.chains.items() for line in lines),
    ]
    translated = export.counted(nat_lines(policy, version))
    chains = {"INPUT": "DROP", "FORWARD": "DROP", "OUTPUT": "ACCEPT", **dict.fromkeys(export.chains, "-")}
    text = [
        "# made by Patronus: the rules that run, at this moment of their schedules",
        *(f"# left out: {origin}: {reason}" for origin, reason in export.left.items()),
        *_table("raw", {"PREROUTING": "ACCEPT", "OUTPUT": "ACCEPT"}, _blocklist(blocked)),
        *_table("mangle", {"PREROUTING": "ACCEPT", "FORWARD": "ACCEPT"}, _marks(export, policy)),
        *_table(
            "nat",
            {"PREROUTING": "ACCEPT", "POSTROUTING": "ACCEPT"},
            translated,
        ),
        *_table("filter", {**chains, "reject": "-", "reset": "-"}, filtered),
    ]
    return "\n".join(text) + "\n", export.left


def _table(name: str, chains: dict[str, str], lines: Iterable[str]) -> Iterator[str]:
    yield f"*{name}"
    yield from (f":{chain} {verdict} [0:0]" for chain, verdict in chains.items())
    yield from lines
    yield "COMMIT"


def _blocked(policy: Policy, version: Version) -> Iterator[str]:
    """Yield the prefixes of the family that are blocked."""
    blocked = outside(policy.never.intervals(version), policy.blocked.intervals(version))
    whole = AddressSet(ipv4=blocked) if version == 4 else AddressSet(ipv6=blocked)
    return map(str, whole.networks())


def _blocklist(blocked: Sequence[str]) -> list[str]:
    return [f"-A PREROUTING {side} {item} -j DROP" for item in blocked for side in ("-s", "-d")]


def _guards(policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield the guards that stand: what they keep out comes in there."""
    reason = "guards have no words in iptables here"
    yield from ((f"guard/{name}", reason) for name, zones in policy.guards.where.items() if zones)


def _marks(export: Export, policy: Policy) -> list[str]:
    hairpins = list(export.counted(hairpin_marks(policy, export.version)))
    if all(rule.set_mark is None for rule in policy.rules):
        return hairpins
    return ["-A PREROUTING -m connmark ! --mark 0x0 -j CONNMARK --restore-mark", *hairpins]


def _input(version: Version) -> Iterator[str]:
    yield "-i lo -j ACCEPT"
    yield "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    if version == 6:
        for kind in NEIGHBOUR_DISCOVERY:
            yield f"-p 58 -m icmp6 --icmpv6-type {kind} -m hl --hl-eq 255 -j ACCEPT"
        for source, kind in product(("fe80::/10", "::/128"), LISTENER_DISCOVERY):
            yield f"-s {source} -p 58 -m icmp6 --icmpv6-type {kind} -j ACCEPT"
    yield "-m conntrack --ctstate INVALID -j DROP"


def _pairs(export: Export, policy: Policy) -> list[tuple[str, str]]:
    """Make a chain of each pair of zones, and return the rules that lead to them."""
    found: list[tuple[str, str]] = []
    for number, (left, right) in enumerate(policy.pairs, 1):
        if not policy.pair(left, right) and (left, right) not in policy.defaults:
            continue
        name = f"pair-{number}"
        lines = export.chains.setdefault(name, [f'-m comment --comment "{left} to {right}"'])
        for rule in policy.pair(left, right):
            lines += export.counted(_rule(export, rule))
        lines += _decide(policy.default_for(left, right))
        inside = [f"-i {device} -j {name}" for device in policy.zones[left]]
        if right == SELF:
            found += [("INPUT", line) for line in inside]
        else:
            outside = [f"-o {device}" for device in policy.zones[right]]
            found += [("FORWARD", f"{way} {line}") for way, line in product(outside, inside)]
    return found


def _decide(action: str) -> list[str]:
    return [{"allow": "-j ACCEPT", "drop": "-j DROP", "reject": "-j reject"}[action]]


def _reject(export: Export) -> list[str]:
    words = REFUSALS["admin-prohibited"][export.both]
    reset = "-p 6 -j REJECT --reject-with tcp-reset"
    return [f"-A reset {reset}", f"-A reject {reset}", f"-A reject -j REJECT --reject-with {words}"]


def _rule(export: Export, rule: PolicyRule) -> Iterator[str]:
    """Yield the lines of one rule; nothing where iptables cannot say it."""
    reason = unsaid(rule.match)
    if reason:
        export.left[rule.origin] = reason
        return
    if rule.helper is not None:
        export.left[f"{rule.origin} {rule.helper}"] = (
            "a helper is given in the table raw, which knows no zones"
        )
    if rule.set_dscp is not None:
        export.left[f"{rule.origin} dscp"] = (
            "a class of service is given in the table mangle, which knows no zones"
        )
    target: str | None = None
    for words in matches(rule.match, export.version):
        target = _target(export, rule) if target is None else target
        yield f"{words} {target}".strip()


def _target(export: Export, rule: PolicyRule) -> str:
    """Return where the rule's lines lead: a verdict, or a chain of its own, made for its first pair."""
    does, limits = list(_does(export, rule)), " ".join(limits_of(rule, export.version))
    if len(does) == 1 and not limits:
        return does[0]
    name = export.own.setdefault(id(rule), f"does-{len(export.own) + 1}")
    if name not in export.chains:
        if limits and len(does) > 1:
            export.chains[f"{name}-in"], does = does, [f"-j {name}-in"]
        title = f'-m comment --comment "{rule.origin}"'
        export.chains[name] = [title, *(f"{limits} {line}".strip() for line in does)]
    return f"-j {name}"


def _does(export: Export, rule: PolicyRule) -> Iterator[str]:
    if rule.log is not None:
        rate = f"{rule.log.rate.count}/{rule.log.rate.unit}"
        prefix = f"{rule.origin} {rule.action}"[: PREFIX_LENGTH - 1]
        yield f'-m limit --limit {rate} --limit-burst {rule.log.burst} -j LOG --log-prefix "{prefix} "'
    if rule.set_mark is not None:
        yield f"-j MARK --set-xmark {rule.set_mark.value:#x}/{rule.set_mark.mask:#x}"
        yield "-j CONNMARK --save-mark"
    if rule.decides is None:
        if rule.log is None and rule.set_mark is None:
            yield ""
        return
    if rule.queue is not None:
        yield _queue(rule.queue)
    elif rule.reject_with == "tcp-reset":
        yield "-j reset"
    elif rule.reject_with is not None:
        yield f"-j REJECT --reject-with {REFUSALS[rule.reject_with][export.both]}"
    else:
        yield from _decide(rule.action)


def _queue(queue: Queue) -> str:
    first, last = queue.numbers.first, queue.numbers.last
    which = f"--queue-num {first}" if first == last else f"--queue-balance {first}:{last}"
    fanout = " --queue-cpu-fanout" if queue.fanout and first < last else ""
    return f"-j NFQUEUE {which}{' --queue-bypass' if queue.bypass else ''}{fanout}"
