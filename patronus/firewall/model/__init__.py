# SPDX-License-Identifier: GPL-2.0-or-later
"""The sections of the firewall: zones, rules (with aliases), nat, blocklist, protection, tests of it all."""

from patronus.core.model import Section
from patronus.firewall.model.alias import Alias
from patronus.firewall.model.blocklist import BlockedPrefix, Blocklist
from patronus.firewall.model.conntrack import Tracking
from patronus.firewall.model.expectations import Expectation, Expectations
from patronus.firewall.model.limits import ConnectionLimit, Limit, Log
from patronus.firewall.model.match import AliasName, Protocol
from patronus.firewall.model.nat import Dnat, Exempt, Mapped, Masquerade, Nat, NatEntry, Nptv6, OneToOne, Snat
from patronus.firewall.model.protection import Protection
from patronus.firewall.model.rules import Endpoint, Rule, Rules
from patronus.firewall.model.schedule import Schedule
from patronus.firewall.model.zones import SELF, Zone, Zones

SECTIONS = (
    Section("firewall/zones", Zones),
    Section("firewall/rules", Rules),
    Section("firewall/nat", Nat),
    Section("firewall/blocklist", Blocklist),
    Section("firewall/protection", Protection),
    Section("firewall/conntrack", Tracking),
    Section("firewall/tests", Expectations),
)

__all__ = [
    "SECTIONS",
    "SELF",
    "Alias",
    "AliasName",
    "BlockedPrefix",
    "Blocklist",
    "ConnectionLimit",
    "Dnat",
    "Endpoint",
    "Exempt",
    "Expectation",
    "Expectations",
    "Limit",
    "Log",
    "Mapped",
    "Masquerade",
    "Nat",
    "NatEntry",
    "Nptv6",
    "OneToOne",
    "Protection",
    "Protocol",
    "Rule",
    "Rules",
    "Schedule",
    "Snat",
    "Tracking",
    "Zone",
    "Zones",
]
