# SPDX-License-Identifier: GPL-2.0-or-later
"""What one file alone cannot show: names that nothing has, matches that cannot be, a lock-out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from patronus.core.kept import Kept
from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem, Severity
from patronus.firewall.addresses import AddressSet
from patronus.firewall.check.action import check_action
from patronus.firewall.check.known import Known, same_family, unknown, versions, warning
from patronus.firewall.check.lock_out import check_lock_out
from patronus.firewall.check.mappings import check_mappings
from patronus.firewall.check.marks import check_marks
from patronus.firewall.check.nat import check_nat
from patronus.firewall.check.protection import check_protection
from patronus.firewall.check.state import check_state
from patronus.firewall.judge.expect import Tried, check_expectations
from patronus.firewall.model import SELF, Blocklist, Rule, Rules, Zones
from patronus.firewall.model.match import ICMP, ICMP_TYPES, ICMPV6, ICMPV6_TYPES, WITH_PORTS
from patronus.network.interfaces.model import Interfaces

Checked = Kept[Rule, bool]
"""Whether a rule has problems."""


def check(
    config: Configuration, checked: Checked | None = None, tried: Tried | None = None
) -> Iterator[Problem]:
    """Yield every problem of the files, each with its place. Pure but for what it keeps.

    Rules that do not come to what the tests beside them expect are a problem too; they are tried once the
    files are sound.
    """
    sound = True
    for problem in check_rules(config, checked):
        sound = sound and problem.severity is not Severity.ERROR
        yield problem
    for problem in check_expectations(config, tried) if sound else ():
        yield replace(problem, location=config.locate(problem.path))


def check_rules(config: Configuration, checked: Checked | None = None) -> Iterator[Problem]:
    """Yield every problem but that of an expectation. Pure but for what it keeps."""
    for problem in _problems(config, Known.of(config), checked or Kept()):
        yield replace(problem, location=config.locate(problem.path))


def _problems(config: Configuration, known: Known, checked: Checked) -> Iterator[Problem]:
    yield from _check_zones(config, known)
    rules = config.get(Rules).rules
    has_problems = checked.each(
        rules, (known.zones, known.roles, known.aliases), lambda rule: any(check_rule(rule, (), known))
    )
    for position, rule in enumerate(rules):
        if has_problems[position]:
            yield from check_rule(rule, ("firewall/rules", "rules", position), known)
    yield from check_marks(config)
    yield from check_nat(config, known)
    yield from check_mappings(config)
    yield from check_protection(config, known)
    yield from _check_blocklist(config)
    yield from check_lock_out(config)


def _check_zones(config: Configuration, known: Known) -> Iterator[Problem]:
    for position, zone in enumerate(config.get(Zones).zones):
        path: Path = ("firewall/zones", "zones", position)
        if zone.id == SELF:
            yield Problem((*path, "id"), "self is the router itself", zone.id, hint="choose another id")
        for other in zone.to:
            yield from known.zone(other, (*path, "to", other), router=True)
    for position, interface in enumerate(config.get(Interfaces).interfaces):
        if interface.zone is not None and interface.zone not in known.zones:
            path = ("network/interfaces", "interfaces", position, "zone")
            message = f"firewall/zones has no zone {interface.zone}, so nothing passes {interface.id}"
            yield warning(path, message, interface.zone, f"add {{id: {interface.zone}}} to firewall/zones")


def check_rule(rule: Rule, path: Path, known: Known) -> Iterator[Problem]:
    """Yield the problems of one rule. Nothing is asked of what it does not say: there may be ten thousand."""
    yield from _check_way(rule, path, known)
    for key, addresses in (("source", rule.source), ("destination", rule.destination)):
        if addresses is not None:
            yield from known.addresses(addresses, (*path, key))
    for key, ports in (("source_port", rule.source_port), ("destination_port", rule.destination_port)):
        if ports is not None:
            yield from known.ports(ports, (*path, key))
            yield from _check_protocol(rule, ports, (*path, key))
    if rule.icmp_type is not None:
        yield from _check_icmp(rule, rule.icmp_type, (*path, "icmp_type"))
    yield from _check_families(rule, path, known)
    yield from check_action(rule, path)
    if rule.state is not None:
        yield from check_state(rule, path)


def _check_way(rule: Rule, path: Path, known: Known) -> Iterator[Problem]:
    """Yield the problems of where it comes from, and of where it goes."""
    origin = rule.from_
    if origin is not None:
        if origin.zone not in known.zones:
            yield from known.zone(origin.zone, (*path, "from"), router=False)
        yield from known.addresses(origin.source, (*path, "from", "source"))
    if rule.to not in known.zones:
        yield from known.zone(rule.to, (*path, "to"), router=True)
    if rule.interface is not None:
        yield from _check_interface(rule.interface, path, known)


def _check_interface(interface: str, path: Path, known: Known) -> Iterator[Problem]:
    if interface not in known.roles:
        yield unknown("interface", interface, tuple(known.roles), (*path, "interface"))
    elif known.vrfs.get(interface, interface) != interface:
        vrf = known.vrfs[interface]
        message = f"what comes in by {interface} comes to the rules by its VRF {vrf}"
        yield Problem((*path, "interface"), message, interface, hint=f"interface: {vrf}")
    elif known.roles[interface] is None:
        message = f"the interface {interface} is in no zone, so the rule fits nothing"
        yield warning((*path, "interface"), message, interface)


def _check_protocol(rule: Rule, ports: tuple[object, ...], path: Path) -> Iterator[Problem]:
    if not rule.protocol or not all(protocol.number in WITH_PORTS for protocol in rule.protocol):
        hint = "protocol: tcp, udp or [tcp, udp]"
        yield Problem(path, "a port without a protocol that has ports", _shown(ports), hint=hint)


def _check_icmp(rule: Rule, types: tuple[str | int, ...], path: Path) -> Iterator[Problem]:
    numbers = {protocol.number for protocol in rule.protocol or ()}
    if not numbers or not numbers <= {ICMP, ICMPV6}:
        hint = "protocol: icmp, icmpv6 or [icmp, icmpv6]"
        yield Problem(path, "an ICMP type without icmp", _shown(types), hint=hint)
        return
    for name in types:
        fits = (ICMP in numbers and name in ICMP_TYPES) or (ICMPV6 in numbers and name in ICMPV6_TYPES)
        if isinstance(name, str) and not fits:
            yield Problem(path, f"{name} is not a type of {'/'.join(_names(rule))}", name)


def _names(rule: Rule) -> list[str]:
    return [str(protocol) for protocol in rule.protocol or ()]


def _shown(items: tuple[object, ...]) -> str:
    return ", ".join(map(str, items))


def _check_families(rule: Rule, path: Path, known: Known) -> Iterator[Problem]:
    """Refuse what no packet can be: IPv4 to IPv6, or ICMP between addresses of the other family."""
    origin = rule.from_
    sources = rule.source or (origin.source if origin else None)
    numbers = [protocol.number for protocol in rule.protocol or ()]
    if (sources is None or rule.destination is None) and numbers not in ([ICMP], [ICMPV6]):
        return
    source, destination = known.names.addresses(sources), known.names.addresses(rule.destination)
    key = "destination" if rule.destination else "source"
    if not same_family(source, destination):
        hint = "one is IPv4 and the other IPv6: give both for each family"
        yield Problem((*path, key), "source and destination have no family in common", hint=hint)
    for only, version in ((ICMP, 4), (ICMPV6, 6)):
        if numbers == [only] and any(version not in versions(side) for side in (source, destination)):
            name = _names(rule)[0]
            yield Problem((*path, key), f"{name} does not exist between addresses of the other family")


def _check_blocklist(config: Configuration) -> Iterator[Problem]:
    blocklist = config.get(Blocklist)
    never = AddressSet.of(blocklist.never)
    for position, entry in enumerate(blocklist.prefixes):
        path: Path = ("firewall/blocklist", "prefixes", position, "prefix")
        if entry.prefix.prefixlen == 0:
            hint = "to close a zone, change firewall/zones"
            yield Problem(path, f"{entry.prefix} is every address there is", str(entry.prefix), hint=hint)
        elif never.covers(entry.prefix):
            yield warning(path, f"{entry.prefix} has no effect: `never` covers it", str(entry.prefix))
