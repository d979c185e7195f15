# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages: one file a subject, each a blueprint that calls verbs and fills a template.

They work without JavaScript: every action is a form. A page whose verbs the daemon lacks is not in the menu.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from webui.auth import may
from webui.pages import (
    account,
    audit,
    backup,
    blocklist,
    clock,
    connections,
    dashboard,
    dns,
    draft,
    exchange,
    explain,
    gitops,
    history,
    installer,
    interfaces,
    leases,
    lists,
    mappings,
    nat,
    own,
    people,
    protection,
    qos,
    reference,
    routing,
    rules,
    secrets,
    trace,
    update,
    uplinks,
)
from webui.plugins import Page

BLUEPRINTS = (
    account.account,
    own.own,
    people.people,
    dashboard.dashboard,
    rules.rules,
    explain.explain,
    exchange.exchange,
    nat.nat,
    mappings.mappings,
    protection.protection,
    connections.connections,
    trace.trace,
    interfaces.interfaces,
    routing.routing,
    qos.qos,
    uplinks.uplinks,
    leases.leases,
    dns.dns,
    blocklist.blocklist,
    clock.clock,
    lists.lists,
    secrets.secrets,
    backup.backup,
    update.update,
    installer.installer,
    history.history,
    gitops.gitops,
    draft.draft,
    audit.audit,
    reference.reference,
)


@dataclass(frozen=True)
class Entry:
    """One line of the menu; it is shown to those who may call ``verb``."""

    endpoint: str
    title: str
    icon: str
    verb: str


MENU = (
    Entry("dashboard.show", "Overview", "overview", "system.Status"),
    Entry("rules.show", "Rules", "rules", "firewall.ListRules"),
    Entry("explain.show", "Try a packet", "explain", "firewall.Explain"),
    Entry("nat.show", "Forwarding", "nat", "firewall.ListNat"),
    Entry("protection.show", "Protection", "protection", "firewall.ListGuards"),
    Entry("connections.show", "Connections", "connections", "connections.List"),
    Entry("interfaces.show", "Interfaces", "interfaces", "interfaces.List"),
    Entry("uplinks.show", "Uplinks", "uplinks", "uplinks.List"),
    Entry("routing.show", "Routes", "routes", "routing.List"),
    Entry("qos.show", "Shapers", "shapers", "qos.Status"),
    Entry("leases.show", "Leases", "leases", "dhcp.ListLeases"),
    Entry("dns.show", "DNS", "dns", "dns.Status"),
    Entry("blocklist.show", "Blocklist", "blocklist", "firewall.ListBlocks"),
    Entry("lists.show", "Lists", "lists", "lists.Status"),
    Entry("secrets.show", "Secrets", "secrets", "secrets.List"),
    Entry("backup.show", "Backup", "backup", "backup.Create"),
    Entry("update.show", "Updates", "update", "update.Status"),
    Entry("installer.show", "Installation", "installer", "installer.Status"),
    Entry("history.show", "History", "history", "config.Log"),
    Entry("gitops.show", "Repository", "gitops", "gitops.Status"),
    Entry("people.show", "People", "people", "accounts.List"),
    Entry("audit.show", "Audit", "audit", "audit.Show"),
    Entry("reference.show", "API", "reference", "system.Status"),
)


def menu() -> list[Entry]:
    """Return the pages that this daemon can fill and the visitor may see, those of plugins last."""
    found: list[Page] = current_app.extensions["patronus-plugins"]
    guests = [Entry(f"{one.blueprint.name}.{one.endpoint}", one.title, "plugin", one.verb) for one in found]
    return [entry for entry in (*MENU, *guests) if may(entry.verb)]
