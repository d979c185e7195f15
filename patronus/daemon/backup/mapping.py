# SPDX-License-Identifier: GPL-2.0-or-later
"""Roles of a configuration that comes from another router, and the network cards of this one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from patronus.core.edit import Replace
from patronus.core.errors import InvalidRequest
from patronus.core.link import Nic
from patronus.core.migrations.edits import edited, section
from patronus.network.interfaces.model import SECTION, Interface, Interfaces
from patronus.network.interfaces.roles import bind

NONE = "none"
"""Given in a card's place: the role stays without, and down."""


@dataclass(frozen=True)
class RoleFound:
    """A role of the configuration; ``nic`` is the kernel's name of its card here, None where it has none."""

    id: str
    mac: str | None
    path: str | None
    nic: str | None


def roles(texts: Mapping[str, str], inventory: Sequence[Nic]) -> list[RoleFound]:
    """Return the roles that network cards play; none of a file with mistakes: the check names those."""
    interfaces = _interfaces(texts)
    bound = bind(interfaces, inventory).nics
    return [
        RoleFound(one.id, one.match.mac, one.match.path, nic.name if (nic := bound.get(one.id)) else None)
        for one in interfaces
        if one.match is not None
    ]


def mapped(texts: Mapping[str, str], inventory: Sequence[Nic], given: Mapping[str, str]) -> dict[str, str]:
    """Return the texts with each role in ``given`` (role → card's name, MAC, or none) matched to its card.

    Raises InvalidRequest for a role or card that does not exist, and for roles that are left without one.
    """
    known = {role.id for role in roles(texts, inventory)}
    if unknown := sorted(given.keys() - known):
        raise InvalidRequest(f"the backup has no role {', '.join(unknown)}; it has {_words(known)}")
    found = dict(texts)
    for role, wanted in given.items():
        if wanted != NONE:
            match = _match(_card(wanted, inventory))
            found = edited(found, SECTION.path, Replace(SECTION.path, ("interfaces", role, "match"), match))
    without = [one for one in roles(found, inventory) if one.nic is None and given.get(one.id) != NONE]
    if without:
        raise InvalidRequest(_ask(without, inventory))
    return found


def _interfaces(texts: Mapping[str, str]) -> tuple[Interface, ...]:
    document = section(texts, SECTION.path)
    if document is None:
        return ()
    try:
        return Interfaces.model_validate(document.data).interfaces
    except ValidationError:
        return ()


def _card(wanted: str, inventory: Sequence[Nic]) -> Nic:
    found = [nic for nic in inventory if wanted.lower() in (nic.name.lower(), nic.mac.lower())]
    if len(found) != 1:
        raise InvalidRequest(f"{wanted} is no network card of this router; it has {_cards(inventory)}")
    return found[0]


def _match(nic: Nic) -> dict[str, str]:
    return {"mac": nic.mac, **({"path": nic.path} if nic.path else {})}


def _ask(without: Sequence[RoleFound], inventory: Sequence[Nic]) -> str:
    wanted = ", ".join(f"{one.id} (was {one.mac or one.path})" for one in without)
    example = f"{without[0].id}={inventory[0].name}" if inventory else f"{without[0].id}={NONE}"
    return (
        f"no network card of its own here: {wanted}. Say which it gets, as in {example}, or {NONE} to leave "
        f"it down. This router has {_cards(inventory)}"
    )


def _cards(inventory: Sequence[Nic]) -> str:
    return _words([f"{nic.name} ({nic.mac})" for nic in inventory])


def _words(names: Sequence[str] | set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
