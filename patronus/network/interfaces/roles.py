# SPDX-License-Identifier: GPL-2.0-or-later
"""Which NIC plays which role: by permanent MAC, else by its place on the bus; in doubt, none.

A role that finds no NIC, or more than one, stays without: it alone is down, and a warning says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from patronus.core.link import Nic
from patronus.core.problem import Path, Problem, Severity
from patronus.network.interfaces.model import Interface, Match


@dataclass(frozen=True)
class Binding:
    """Role → NIC, None where it finds none, for every role with a match; and what a person must know."""

    nics: Mapping[str, Nic | None]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True)
class _Claim:
    role: str
    path: Path
    match: Match
    nic: Nic | None
    warning: str | None = None


def warning(path: Path, message: str, hint: str | None = None) -> Problem:
    """Return a problem that does not refuse the change."""
    return Problem(path=path, message=message, hint=hint, severity=Severity.WARNING)


def bind(interfaces: Sequence[Interface], inventory: Sequence[Nic]) -> Binding:
    """Bind every role that matches a NIC. Each NIC plays one role at most."""
    asking = [(position, item) for position, item in enumerate(interfaces) if item.match is not None]
    by_mac = [_by_mac(position, item, inventory) for position, item in asking]
    taken = {claim.nic.name for claim in by_mac if claim.nic}
    free = [nic for nic in inventory if nic.name not in taken]
    claims = _refuse_sharing([_by_path(claim, free) for claim in by_mac])
    return Binding(
        {claim.role: claim.nic for claim in claims},
        tuple(warning(claim.path, claim.warning) for claim in claims if claim.warning),
    )


def _by_mac(position: int, item: Interface, inventory: Sequence[Nic]) -> _Claim:
    assert item.match is not None
    path: Path = ("network/interfaces", "interfaces", position, "match")
    found = [nic for nic in inventory if item.match.mac and nic.mac == item.match.mac]
    if len(found) > 1:
        return _Claim(item.id, path, item.match, None, _ambiguous(item, "MAC", item.match.mac, found))
    return _Claim(item.id, path, item.match, found[0] if found else None)


def _by_path(claim: _Claim, free: Sequence[Nic]) -> _Claim:
    """Look at the bus for a role whose MAC was not found; a claim that is settled stays as it is."""
    if claim.nic or claim.warning:
        return claim
    found = [nic for nic in free if claim.match.path and nic.path == claim.match.path]
    if len(found) > 1:
        names = ", ".join(nic.name for nic in found)
        text = f"{names} sit at {claim.match.path}: {claim.role} stays down"
        return _Claim(claim.role, claim.path, claim.match, None, text)
    if not found:
        wanted = " or ".join(filter(None, (claim.match.mac, claim.match.path)))
        return _Claim(claim.role, claim.path, claim.match, None, f"no NIC is {wanted}: {claim.role} is down")
    changed = f"{found[0].name} at {claim.match.path} has MAC {found[0].mac}, not {claim.match.mac}"
    told = f"{changed}: taken as {claim.role}" if claim.match.mac else None
    return _Claim(claim.role, claim.path, claim.match, found[0], told)


def _ambiguous(item: Interface, what: str, value: str | None, found: Sequence[Nic]) -> str:
    return f"{', '.join(nic.name for nic in found)} have the {what} {value}: {item.id} stays down"


def _refuse_sharing(claims: Sequence[_Claim]) -> list[_Claim]:
    """Take a NIC that two roles claim away from both."""
    result = []
    for claim in claims:
        rivals = [other.role for other in claims if claim.nic and other.nic == claim.nic]
        if claim.nic and len(rivals) > 1:
            text = f"{claim.nic.name} fits {' and '.join(rivals)}: {claim.role} stays down"
            claim = _Claim(claim.role, claim.path, claim.match, None, text)  # noqa: PLW2901
        result.append(claim)
    return result
