# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that brings in rules of another firewall: into the caller's draft, never into what runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from pydantic import Field

from patronus.core.control import CommitReport, Control
from patronus.core.drafts import seeing
from patronus.core.edit import Edit, Insert
from patronus.core.errors import InvalidRequest
from patronus.core.model import Configuration
from patronus.core.values import InterfaceId
from patronus.core.verb import Caller, Parameters, Result
from patronus.firewall.importing.iptables import Import, imported
from patronus.firewall.importing.nft import NOTHING, WHO_PRINTS, imported_nft
from patronus.firewall.importing.translated import Interface
from patronus.firewall.judge.blueprint import Blueprint
from patronus.firewall.model import Nat, Rules
from patronus.firewall.policy import Policy
from patronus.firewall.verbs.rules import RULES

_NFT_TEXT = re.compile(
    r"""^\s*(table\s+\w+(\s+\S+)?\s*\{ | define\s+\w+\s*= | include\s+["'] | flush\s+ruleset\b
    | (nft\s+)?(add|create|insert)\s+(table|chain|rule|set|map|element)\s)""",
    re.MULTILINE | re.VERBOSE,
)
_IPTABLES_TEXT = re.compile(r"^\s*(\*[a-z]+\s*$ | (\[\d+:\d+\]\s*)?-[APN]\s)", re.MULTILINE | re.VERBOSE)


class ImportRules(Parameters):
    """A file of another firewall."""

    text: str = Field(
        max_length=1_000_000, description="what iptables-save, ip6tables-save or nft -j list ruleset printed"
    )
    format: Literal["iptables", "nftables"] | None = Field(
        default=None, description="whose file it is; left out: as it looks"
    )
    map: dict[str, InterfaceId] = Field(
        default={}, description="its names of interfaces, each with the interface or zone here"
    )


class LeftLine(Result):
    """What is not in the draft, or is there with a meaning that is not quite its own, and why.

    ``line`` is a line of the file, of a ruleset of nftables the handle of a rule.
    """

    line: int
    text: str
    reason: str


class ImportReport(CommitReport):
    """What came into the draft, and what did not."""

    rules: int = Field(description="rules that were added to the draft")
    format: str = Field(description="whose file it was taken for: iptables or nftables")
    translations: int = Field(description="translations that were added to the draft")
    left: list[LeftLine]


def interfaces_of(config: Configuration, policy: Policy, given: Mapping[str, str]) -> dict[str, Interface]:
    """Return our interfaces by the other firewall's names: as given, else the device, else the role.

    Raises InvalidRequest for a name that leads nowhere, and for two names of one interface.
    """
    zones = Blueprint.of(config).around.links.zones
    homes = {role: zone for zone, roles in zones.items() for role in roles}
    names: dict[str, str] = {}
    for name, there in given.items():
        roles = (there,) if there in homes else zones.get(there, ())
        if len(roles) != 1 or roles[0] in names:
            why = "has another name already" if roles and roles[0] in names else "is no interface"
            raise InvalidRequest(f"{name}: {there} {why}; one of {', '.join(homes)}")
        names[roles[0]] = name
    for role, zone in homes.items():
        devices = policy.zones.get(zone, ())
        alone = len(devices) == 1 and len(zones[zone]) == 1
        names.setdefault(role, devices[0] if alone else role)
    return {name: Interface(role, homes[role]) for role, name in names.items()}


def kind_of(given: ImportRules) -> Literal["iptables", "nftables"]:
    """Return whose file it is. Raises InvalidRequest for what nft wrote for people, and where it is none."""
    if given.format is not None:
        return given.format
    if given.text.lstrip().startswith("{"):
        return "nftables"
    if _NFT_TEXT.search(given.text):
        raise InvalidRequest("a ruleset of nftables is read as JSON: nft -j list ruleset > rules.json")
    if not _IPTABLES_TEXT.search(given.text):
        raise InvalidRequest(f"{NOTHING}; {WHO_PRINTS}")
    return "iptables"


def bring_in(control: Control, policy: Policy, caller: Caller, given: ImportRules) -> ImportReport:
    """Add to the caller's draft what can be kept. Raises InvalidRequest."""
    drafting = replace(caller, draft=True)
    with seeing(caller.account):
        config = control.config
        items = (*config.get(Rules).rules, *config.get(Nat).nat)
        given = given.model_copy(update={"text": given.text.removeprefix("\ufeff")})
        kind = kind_of(given)
        read = imported_nft if kind == "nftables" else imported
        found = read(given.text, interfaces_of(config, policy, given.map), [one.id for one in items])
        edits = _edits(found)
        if edits:
            commit = control.submit(edits, drafting, comment=f"import from {kind}")
    report = (
        CommitReport.of(commit)
        if edits
        else CommitReport(generation=control.generation, changes=[], warnings=[])
    )
    left = [LeftLine(line=one.line, text=one.text, reason=one.reason) for one in found.left]
    counts = {"rules": len(found.rules), "translations": len(found.nat)}
    return ImportReport(**report.model_dump(), **counts, format=kind, left=left)


def _edits(found: Import) -> list[Edit]:
    rules: list[Edit] = [Insert(*RULES, rule) for rule in found.rules]
    return [*rules, *(Insert("firewall/nat", ("nat",), entry) for entry in found.nat)]
