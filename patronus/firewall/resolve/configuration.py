# SPDX-License-Identifier: GPL-2.0-or-later
"""Configuration, links and openings to a policy: names become addresses, numbers and kernel names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from patronus.core.kept import Kept
from patronus.core.link import Address
from patronus.core.model import Configuration
from patronus.firewall.addresses import AddressSet, IpAddress, IpNetwork, host_networks
from patronus.firewall.guards import guards
from patronus.firewall.model import Blocklist, Nat, Rule, Rules, Zones
from patronus.firewall.policy import Policy, PolicyRule
from patronus.firewall.resolve.names import Names
from patronus.firewall.resolve.nat import forward_rules, forwards, sources
from patronus.firewall.resolve.rules import apart_from_classes, mapped_rules, opening_rules, policy_rule
from patronus.firewall.resolve.schedule import asleep
from patronus.firewall.sources import NOTHING_FOUND, Sources
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.mappable import Mappable
from patronus.network.opening import Opening


@dataclass(frozen=True)
class FirewallFacts:
    """What the plan must know of the world.

    ``blocked`` are timed blocks that have not ended; ``now_s`` is the wall clock in seconds since the epoch;
    ``local`` are the router's addresses as the kernel has them; ``sources`` tells what lies elsewhere;
    ``memory_bytes`` is all memory that there is; ``no_flow_table`` tells why the kernel has no flow table,
    None where it has.
    """

    blocked: tuple[IpNetwork, ...] = ()
    now_s: float = 0.0
    local: tuple[Address, ...] = ()
    memory_bytes: int = 0
    sources: Sources = NOTHING_FOUND
    no_flow_table: Callable[[], str | None] = lambda: None


@dataclass(frozen=True)
class Surroundings:
    """What earlier plans and facts contribute."""

    links: InterfacesPlan = field(default_factory=InterfacesPlan)
    openings: Sequence[Opening] = ()
    mappable: Sequence[Mappable] = ()
    facts: FirewallFacts = field(default_factory=FirewallFacts)


Resolved = Kept[Rule, PolicyRule]
"""A rule with its names resolved."""


def resolve(
    config: Configuration,
    around: Surroundings,
    resolved: Resolved | None = None,
    off: frozenset[str] | None = None,
) -> Policy:
    """Return the policy that the configuration means at this moment. Never raises for checked files.

    ``off`` are the rules that their schedule puts off; left out, the moment of the facts says it. Pure but
    for what it keeps.
    """
    zones, rules, nat = config.get(Zones), config.get(Rules), config.get(Nat)
    names = Names(rules, around.links, around.facts.sources)
    local = AddressSet.of(host_networks(_local(around)))
    found = tuple(forwards(nat, names))
    off = asleep(config, around.facts.now_s) if off is None else off
    running = [rule for rule in rules.rules if rule.enabled and rule.id not in off]
    policy_rules = (resolved or Kept()).each(running, names.context, lambda rule: policy_rule(rule, names))
    if any(rule.set_dscp is not None for rule in policy_rules):
        policy_rules = [apart_from_classes(rule) for rule in policy_rules]
    return Policy(
        zones={zone.id: around.links.devices_of(zone.id) for zone in zones.zones},
        defaults={(zone.id, other): action for zone in zones.zones for other, action in zone.to.items()},
        default=zones.default,
        rules=(
            *policy_rules,
            *forward_rules(nat, found, frozenset(zone.id for zone in zones.zones), local),
            *opening_rules(zones.zones, around.openings, names),
            *mapped_rules(around.mappable),
        ),
        forwards=found,
        sources=tuple(sources(nat, names)),
        blocked=AddressSet.of([*_prefixes(config.get(Blocklist)), *around.facts.blocked]),
        never=never_blocked(config, around),
        local=local,
        counted=(*_origins(rules, running, policy_rules), *(f"nat/{entry.id}" for entry in nat.nat)),
        guards=guards(config, around.links),
        mapped=frozenset(one.outside for one in around.mappable),
    )


def _origins(rules: Rules, running: Sequence[Rule], resolved: Sequence[PolicyRule]) -> Iterator[str]:
    """Yield the origins of all rules: the very texts that those have that run, there may be thousands."""
    if len(running) == len(rules.rules):
        yield from (rule.origin for rule in resolved)
    else:
        yield from (f"rule/{rule.id}" for rule in rules.rules)


def never_blocked(config: Configuration, around: Surroundings) -> AddressSet:
    """Return what no blocklist reaches: the file's list, the router, its gateways and its DNS servers."""
    learned = around.links.learned.values()
    gateways = [found.gateway for found in learned if found.gateway is not None]
    routes = [route.gateway for route in around.links.routes if route.gateway is not None]
    servers = [server for found in learned for server in found.dns_servers]
    own = host_networks([*_local(around), *gateways, *routes, *servers, "127.0.0.1", "::1"])
    return AddressSet.of([*config.get(Blocklist).never, *own])


def _local(around: Surroundings) -> list[IpAddress]:
    """Return the router's addresses as they will be: what a file gives a device replaces what it has."""
    links = around.links
    asking = {client.device for client in links.clients}
    given = {device for device in links.devices.values() if device is not None} - asking
    staying = [
        item.interface.ip
        for item in around.facts.local
        if item.device not in given or item.interface.ip.is_link_local
    ]
    configured = [item.ip for addresses in links.addresses.values() for item in addresses]
    learned = [item.ip for found in links.learned.values() for item in found.addresses]
    return [*configured, *learned, *staying]


def _prefixes(blocklist: Blocklist) -> Iterator[IpNetwork]:
    return (entry.prefix for entry in blocklist.prefixes)
