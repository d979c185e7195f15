# SPDX-License-Identifier: GPL-2.0-or-later
"""One golden folder: configuration files in, the whole ruleset and every message out.

``input/`` holds the files as a user writes them; ``facts.json``, where there is one, says what the world is
beside them: ``now`` (ISO 8601), ``missing`` roles, ``blocked`` prefixes of timed blocks. A role's device has
the role's name. ``ruleset.json`` has one command to libnftables on each line; a case whose files have errors
has none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from ipaddress import ip_network
from itertools import count
from pathlib import Path
from typing import Any

from patronus.core.feature import Earlier, Plan
from patronus.core.model import Configuration
from patronus.core.problem import Problem, Severity
from patronus.core.schema import Loaded, Schema
from patronus.daemon.settings import SECTION as SYSTEM
from patronus.daemon.settings import PatronusFile
from patronus.firewall.check.configuration import check
from patronus.firewall.model import SECTIONS
from patronus.firewall.plan import FirewallPlan, plan
from patronus.firewall.resolve.configuration import FirewallFacts
from patronus.firewall.table import commands
from patronus.network.interfaces.model import SECTION as INTERFACES
from patronus.network.interfaces.model import Interfaces, vrfs_of
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.mappings.model import SECTION as MAPPINGS
from patronus.network.opening import Opening
from patronus.network.routing.model import SECTION as ROUTING
from patronus.network.uplinks.model import SECTION as UPLINKS

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """A folder; what stands in it is compared with what the code makes now."""

    folder: Path

    @cached_property
    def loaded(self) -> Loaded:
        """Return the files, read."""
        root = self.folder / "input"
        texts = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}
        return load(texts)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Return what the case says about the world."""
        path = self.folder / "facts.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """Return all problems, as a user meets them."""
        found = [*self.loaded.problems, *check(self.loaded.config)]
        return tuple(sorted(found, key=Problem.sort_key))

    @cached_property
    def plan(self) -> FirewallPlan | None:
        """Return the plan, or None where the files have errors."""
        if any(problem.severity is Severity.ERROR for problem in self.problems):
            return None
        return plan_for(self.loaded.config, self.facts)

    @property
    def outputs(self) -> dict[str, str]:
        """Return file name → text of everything that the case compares."""
        said = (*self.problems, *(self.plan.warnings if self.plan is not None else ()))
        messages = "".join(f"{problem.render()}\n" for problem in said)
        found = {"messages.txt": messages}
        if self.plan is not None:
            lines = (json.dumps(command, default=list) for command in commands.whole(self.plan.ruleset))
            found["ruleset.json"] = "[\n" + ",\n".join(lines) + "\n]\n"
        return found


def cases() -> Iterator[Case]:
    """Yield every golden folder."""
    yield from (Case(path.parent) for path in sorted(FOLDER.glob("*/input")))


def load(texts: dict[str, str]) -> Loaded:
    """Return texts as configuration; ids that are missing are numbered."""
    numbers = count(1)
    sections = (*SECTIONS, INTERFACES, ROUTING, UPLINKS, MAPPINGS, SYSTEM)
    schema = Schema(sections, lambda digits: f"{next(numbers):0{digits}x}")
    return schema.load(texts)


def plan_for(config: Configuration, facts: dict[str, Any]) -> FirewallPlan:
    """Return the firewall's plan with links as the interfaces' file has them."""
    blocked = tuple(ip_network(prefix) for prefix in facts.get("blocked", ()))
    now = datetime.fromisoformat(facts.get("now", "2026-11-23T12:00:00+00:00"))
    earlier = Earlier((links(config, set(facts.get("missing", ()))), openings(config)))
    return plan(config, FirewallFacts(blocked=blocked, now_s=now.timestamp()), earlier)


def links(config: Configuration, missing: set[str]) -> InterfacesPlan:
    """Return roles, zones and static addresses."""
    found = config.get(Interfaces).interfaces
    zones: dict[str, tuple[str, ...]] = {}
    for item in found:
        if item.zone is not None:
            zones[item.zone] = (*zones.get(item.zone, ()), item.id)
    return InterfacesPlan(
        devices={item.id: None if item.id in missing else item.id for item in found},
        zones=zones,
        addresses={item.id: (*item.ipv4.addresses, *item.ipv6.addresses) for item in found},
        vrfs=vrfs_of(found),
        tables={item.id: item.vrf.table for item in found if item.vrf},
    )


def openings(config: Configuration) -> Plan:
    """Return the openings of the admin page, and of DHCP and DNS wherever the page is."""
    web = config.get(PatronusFile).web
    ports: tuple[tuple[str, Any, int], ...] = (
        ("web", "tcp", web.port),
        ("dhcp", "udp", 67),
        ("dns", "udp", 53),
    )
    return Plan(tuple(Opening(zone, kind, (port,), why) for zone in web.zones for why, kind, port in ports))
