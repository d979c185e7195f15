# SPDX-License-Identifier: GPL-2.0-or-later
"""What a rule does, and the keys beside it that belong to another action or protocol."""

from __future__ import annotations

from collections.abc import Iterator

from patronus.core.problem import Path, Problem
from patronus.firewall.check.known import warning
from patronus.firewall.model import Rule
from patronus.firewall.model.helpers import HELPERS, HelperName
from patronus.firewall.model.limits import ConnectionLimit
from patronus.firewall.model.match import NAMES, TCP
from patronus.firewall.model.rules import RuleAction

_DECIDING: frozenset[RuleAction] = frozenset({"allow", "drop", "reject"})
_BESIDE = frozenset({"reject_with", "set_mark", "set_dscp", "queue", "helper", "tcp_flags", "connections"})
"""Keys that suit some actions or protocols alone."""


def check_action(rule: Rule, path: Path) -> Iterator[Problem]:
    """Return the problems of one rule's action."""
    plain = rule.action in _DECIDING and _BESIDE.isdisjoint(rule.model_fields_set)
    return iter(()) if plain else _problems(rule, path)


def _problems(rule: Rule, path: Path) -> Iterator[Problem]:
    only_tcp = rule.protocol is not None and {protocol.number for protocol in rule.protocol} == {TCP}
    if rule.reject_with is not None and rule.action != "reject":
        hint = "action: reject, or leave the key out"
        yield Problem((*path, "reject_with"), f"{rule.action} tells nobody", rule.reject_with, hint=hint)
    elif rule.reject_with == "tcp-reset" and not only_tcp:
        hint = "protocol: tcp"
        yield Problem((*path, "reject_with"), "a reset is for TCP alone", rule.reject_with, hint=hint)
    if rule.action == "mark" and rule.set_mark is None:
        hint = "set_mark: 0x10, or 0x10/0xff to leave other bits as they are"
        yield Problem((*path, "action"), "the rule does not say which mark it sets", "mark", hint=hint)
    elif rule.action != "mark" and rule.set_mark is not None:
        hint = "action: mark, and another rule to decide"
        yield Problem((*path, "set_mark"), f"{rule.action} sets no mark", str(rule.set_mark), hint=hint)
    if rule.action == "dscp" and rule.set_dscp is None:
        hint = "set_dscp: ef, or another class"
        yield Problem((*path, "action"), "the rule does not say which class it gives", "dscp", hint=hint)
    elif rule.action != "dscp" and rule.set_dscp is not None:
        hint = "action: dscp, and another rule to decide"
        yield Problem((*path, "set_dscp"), f"{rule.action} gives no class", rule.set_dscp, hint=hint)
    yield from _check_queue(rule, path)
    if rule.helper is not None:
        yield from _check_helper(rule, rule.helper, path)
    if rule.tcp_flags is not None and not only_tcp:
        yield Problem((*path, "tcp_flags"), "TCP flags without TCP", hint="protocol: tcp")
    if rule.connections is not None:
        yield from _check_connections(rule, rule.connections, path)


def _check_connections(rule: Rule, limit: ConnectionLimit, path: Path) -> Iterator[Problem]:
    """Warn where a rule stops what is within a limit, or allows what exceeds it."""
    if rule.action in ("drop", "reject") and not limit.over:
        message = f"the rule stops the first {limit.most} connections and lets more go on"
        yield warning((*path, "connections"), message, hint="over: true, to stop those beyond that")
    if rule.action == "allow" and limit.over:
        message = f"the rule allows what is beyond {limit.most} connections, and the first ones go on"
        yield warning((*path, "connections"), message, hint="over: false, to allow so many and no more")


def _check_queue(rule: Rule, path: Path) -> Iterator[Problem]:
    if rule.action == "queue" and rule.queue is None:
        hint = "queue: {numbers: 0}, or a range such as 0-3"
        yield Problem((*path, "action"), "the rule does not say which queue", "queue", hint=hint)
    elif rule.action != "queue" and rule.queue is not None:
        hint = "action: queue, or leave the key out"
        yield Problem((*path, "queue"), f"{rule.action} asks no program", str(rule.queue.numbers), hint=hint)
    elif rule.queue is not None and rule.queue.fanout and rule.queue.numbers.first == rule.queue.numbers.last:
        hint = 'numbers: "0-3", a queue for each processor'
        yield warning((*path, "queue", "fanout"), "there is one queue alone to choose from", hint=hint)


def _check_helper(rule: Rule, helper: HelperName, path: Path) -> Iterator[Problem]:
    reads = HELPERS[helper]
    if rule.action != "allow":
        hint = "action: allow, for what the helper shall read"
        yield Problem((*path, "helper"), f"{rule.action} leaves nothing to read", helper, hint=hint)
    elif not rule.protocol or not {protocol.number for protocol in rule.protocol} <= set(reads):
        names = [NAMES[number] for number in reads]
        hint = f"protocol: {', '.join(names)}" + (f" or [{', '.join(names)}]" if len(names) > 1 else "")
        message = f"{helper} reads {' and '.join(names)} alone"
        yield Problem((*path, "helper"), message, helper, hint=hint)
