# SPDX-License-Identifier: GPL-2.0-or-later
"""Ways and checks as people type them, ``192.168.1.254@lan=2``, to the parameters of verbs, and back. Pure.

Whether the parts make sense is for the daemon to say, which knows what is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from patronus.core.typed import number_or_text

FORM = "GATEWAY@INTERFACE=WEIGHT"
"""Gateway or interface may be left out, and the weight."""


def parse_way(text: str) -> dict[str, Any]:
    """Return a way's gateway, interface and weight, those that were given."""
    place, equals, weight = text.strip().partition("=")
    gateway, _, interface = place.partition("@")
    given: dict[str, Any] = {"gateway": gateway.strip(), "interface": interface.strip()}
    found = {key: value for key, value in given.items() if value}
    if equals:
        found["weight"] = number_or_text(weight.strip())
    return found


def write_way(way: Mapping[str, Any]) -> str:
    """Return a way as ``parse_way`` reads it."""
    interface = f"@{way['interface']}" if way.get("interface") else ""
    weight = f"={way['weight']}" if way.get("weight", 1) != 1 else ""
    return f"{way.get('gateway') or ''}{interface}{weight}"


CHECK_FORM = "KIND:TARGET:PORT:NAME"
"""How an uplink is checked; the end may be left out, and parts between. IPv6 addresses stand in brackets."""


def parse_check(text: str) -> dict[str, Any]:
    """Return the kind, target, port and name of a check, those that were given."""
    kind, _, rest = text.strip().partition(":")
    if rest.startswith("["):
        target, _, rest = rest[1:].partition("]")
        rest = rest.removeprefix(":")
    else:
        target, _, rest = rest.partition(":")
    port, _, name = rest.partition(":")
    given: dict[str, Any] = {"kind": kind, "target": target, "port": number_or_text(port), "name": name}
    return {key: value for key, value in given.items() if value != ""}


def write_check(check: Mapping[str, Any]) -> str:
    """Return a check as ``parse_check`` reads it; one that says nothing is an echo."""
    target = str(check.get("target") or "")
    parts = [check.get("kind", "icmp"), f"[{target}]" if ":" in target else target]
    return ":".join(map(str, (*parts, check.get("port", ""), check.get("name", "")))).rstrip(":")
