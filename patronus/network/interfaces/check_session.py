# SPDX-License-Identifier: GPL-2.0-or-later
"""What one value alone cannot show about an interface that dials in: what is below it, its addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from patronus.core.link import LinkKind
from patronus.core.problem import Path, Problem
from patronus.network.interfaces.model import Interface
from patronus.network.pppoe.model import LARGEST

_CARRIES: tuple[LinkKind, ...] = ("nic", "vlan", "bond", "bridge")


def check_session(path: Path, item: Interface, roles: Mapping[str, Interface]) -> Iterator[Problem]:
    """Yield the problems of an interface; ``path`` is where it stands."""
    if item.pppoe is None:
        if item.ipv4.method == "pppoe":
            hint = "an interface of its own: pppoe: {parent: " + item.id + ", user: …, password: {secret: …}}"
            yield Problem((*path, "ipv4", "method"), f"{item.id} does not dial in", "pppoe", hint=hint)
        return
    yield from _check_parent((*path, "pppoe", "parent"), item, roles)
    yield from _check_methods(path, item)
    if item.mtu is not None and item.mtu > LARGEST:
        text = f"a session carries no more than {LARGEST}"
        yield Problem((*path, "mtu"), text, item.mtu, f"up to {LARGEST}")


def _check_parent(path: Path, item: Interface, roles: Mapping[str, Interface]) -> Iterator[Problem]:
    """Yield why the interface below cannot carry the session."""
    name = item.parent or ""
    found = roles.get(name)
    if found is None:
        yield Problem(path, f"there is no interface {name}", name, f"one of {', '.join(sorted(roles))}")
        return
    owner = next((one for one in roles.values() if found.id in one.members), None)
    if found.kind not in _CARRIES:
        yield Problem(path, f"{name} is a {found.kind}, which leads to no modem", name, "a card or a VLAN")
    elif owner is not None:
        hint = "an interface that is in no VRF" if owner.vrf else f"dial over {owner.id}"
        yield Problem(path, f"{name} is a member of {owner.id}", name, hint=hint)
    elif found.zone or found.ipv4.method != "none" or found.ipv6.method != "none":
        hint = f"give the zone to {item.id}"
        yield Problem(path, f"{name} has a zone or addresses of its own", name, hint=hint)


def _check_methods(path: Path, item: Interface) -> Iterator[Problem]:
    """Yield the ways to be numbered that a session has not."""
    for family, method, allowed in (
        ("ipv4", item.ipv4.method, ("pppoe", "none")),
        ("ipv6", item.ipv6.method, ("dhcp", "slaac", "none")),
    ):
        if method not in allowed:
            text = f"the provider numbers {item.id}, not method {method}"
            yield Problem((*path, family, "method"), text, method, ", ".join(allowed))
    if item.ipv4.method == "none" and item.ipv6.method == "none":
        text = f"{item.id} would dial in and ask for no address"
        yield Problem((*path, "ipv4"), text, hint="ipv4: {method: pppoe}")
