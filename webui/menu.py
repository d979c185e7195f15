# SPDX-License-Identifier: GPL-2.0-or-later
"""The menu: groups of pages, each shown to those who may call the verb that fills it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from flask import current_app

from webui.auth import may
from webui.plugins import Page


@dataclass(frozen=True)
class Entry:
    """One line of the menu; it is shown to those who may call ``verb``."""

    endpoint: str
    title: str
    icon: str
    verb: str

    @property
    def subject(self) -> str:
        """Return the blueprint, which all pages of one subject share."""
        return self.endpoint.partition(".")[0]


@dataclass(frozen=True)
class Group:
    """Lines that fold away together while none of their pages is shown; without a title they never do."""

    title: str
    entries: tuple[Entry, ...]
    is_open: bool = False

    def holds(self, subject: str | None) -> bool:
        """Return whether a page of the subject is in this group."""
        return any(entry.subject == subject for entry in self.entries)


DAILY = ("Firewall", "Network")
"""The groups that are open where a page of none is shown: all lines of theirs fit a desk."""
GROUPS = (
    Group("", (Entry("dashboard.show", "Overview", "overview", "system.Status"),)),
    Group(
        "Firewall",
        (
            Entry("rules.show", "Rules", "rules", "firewall.ListRules"),
            Entry("aliases.show", "Aliases", "aliases", "firewall.ListAliases"),
            Entry("zones.show", "Zones", "zones", "firewall.ListZones"),
            Entry("nat.show", "Forwarding", "nat", "firewall.ListNat"),
            Entry("mappings.show", "Port mappings", "mappings", "mappings.List"),
            Entry("protection.show", "Protection", "protection", "firewall.ListGuards"),
            Entry("blocklist.show", "Blocklist", "blocklist", "firewall.ListBlocks"),
            Entry("lists.show", "Lists", "lists", "lists.Status"),
            Entry("connections.show", "Connections", "connections", "connections.List"),
            Entry("explain.show", "Try a packet", "explain", "firewall.Explain"),
            Entry("trace.show", "Follow packets", "trace", "firewall.Trace"),
            Entry("exchange.show", "Import, export", "exchange", "firewall.Export"),
        ),
    ),
    Group(
        "Network",
        (
            Entry("interfaces.show", "Interfaces", "interfaces", "interfaces.List"),
            Entry("uplinks.show", "Uplinks", "uplinks", "uplinks.List"),
            Entry("routing.show", "Routes", "routes", "routing.List"),
            Entry("qos.show", "Shapers", "shapers", "qos.Status"),
            Entry("leases.show", "Leases", "leases", "dhcp.ListLeases"),
            Entry("dns.show", "DNS", "dns", "dns.Status"),
            Entry("dyndns.show", "Outside names", "names", "dyndns.Status"),
            Entry("mdns.show", "Printers, screens", "screens", "mdns.Status"),
            Entry("clock.show", "Clock", "clock", "time.Status"),
        ),
    ),
    Group(
        "System",
        (
            Entry("history.show", "History", "history", "config.Log"),
            Entry("files.show", "Files", "files", "config.Show"),
            Entry("backup.show", "Backup", "backup", "backup.Create"),
            Entry("update.show", "Updates", "update", "update.Status"),
            Entry("installer.show", "Installation", "installer", "installer.Status"),
            Entry("secrets.show", "Secrets", "secrets", "secrets.List"),
            Entry("people.show", "People", "people", "accounts.List"),
            Entry("audit.show", "Audit", "audit", "audit.Show"),
            Entry("gitops.show", "Repository", "gitops", "gitops.Status"),
            Entry("reference.show", "API", "reference", "system.Status"),
        ),
    ),
)


def menu(subject: str | None) -> list[Group]:
    """Return the groups of pages that this daemon can fill and the visitor may see, those of plugins last."""
    found: list[Page] = current_app.extensions["patronus-plugins"]
    guests = [Entry(f"{one.blueprint.name}.{one.endpoint}", one.title, "plugin", one.verb) for one in found]
    return list(unfolded(_seen((*GROUPS, Group("More", tuple(guests)))), subject))


def _seen(groups: Iterable[Group]) -> list[Group]:
    allowed = [
        replace(group, entries=tuple(entry for entry in group.entries if may(entry.verb))) for group in groups
    ]
    return [group for group in allowed if group.entries]


def unfolded(groups: list[Group], subject: str | None) -> Iterator[Group]:
    """Yield the groups, open where a page of theirs is shown; elsewhere those of every day are."""
    elsewhere = not any(group.title and group.holds(subject) for group in groups)
    for group in groups:
        yield replace(group, is_open=group.title in DAILY if elsewhere else group.holds(subject))
