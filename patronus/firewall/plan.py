# SPDX-License-Identifier: GPL-2.0-or-later
"""The firewall's plan: the policy, the table of nftables made from it, and what XDP drops early."""

from __future__ import annotations

from dataclasses import dataclass, field

from patronus.core.feature import Earlier, Plan
from patronus.core.model import Configuration
from patronus.firewall.addresses import IpNetwork
from patronus.firewall.compile_nft import compile_nft
from patronus.firewall.policy import Policy
from patronus.firewall.resolve import FirewallFacts, Surroundings, resolve
from patronus.firewall.ruleset import Ruleset
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.opening import Opening


@dataclass(frozen=True)
class FirewallPlan(Plan):
    """What the firewall shall be.

    ``blocked`` and ``never`` are what XDP is given, and ``watched`` the devices it stands on: those of every
    zone while something is blocked, none otherwise.
    """

    policy: Policy = field(default_factory=Policy)
    ruleset: Ruleset = field(default_factory=Ruleset)
    blocked: tuple[IpNetwork, ...] = ()
    never: tuple[IpNetwork, ...] = ()
    watched: tuple[str, ...] = ()


def plan(config: Configuration, facts: FirewallFacts, earlier: Earlier) -> FirewallPlan:
    """Return the plan. Pure."""
    links = earlier.find(InterfacesPlan) or InterfacesPlan()
    policy = resolve(config, Surroundings(links, earlier.contributions(Opening), facts))
    blocked = tuple(policy.blocked.networks())
    devices = tuple(sorted({device for devices in policy.zones.values() for device in devices}))
    return FirewallPlan(
        policy=policy,
        ruleset=compile_nft(policy),
        blocked=blocked,
        never=tuple(policy.never.networks()),
        watched=devices if blocked else (),
    )
