# SPDX-License-Identifier: GPL-2.0-or-later
"""The mappings that stand: rules of miniupnpd's table, and what its lease file says of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from patronus.network.mappings.plan import ALLOWED, MAPPED

PROTOCOLS = {6: "tcp", 17: "udp"}
_PROTOCOL_AT, _DESTINATION_AT = 72, 128
"""Where an IPv4 header has its protocol and its destination, in bits (RFC 791)."""


@dataclass(frozen=True)
class Standing:
    """One mapping: what comes for ``port`` goes to ``to_port`` of ``host``.

    ``handles``  the kernel's numbers of the rules that make it, by chain.
    ``until_s``  when it ends, in seconds since the epoch; None where nobody knows.
    """

    protocol: str
    port: int
    host: str
    to_port: int
    handles: tuple[tuple[str, int], ...] = ()
    until_s: int | None = None
    description: str = ""


def standing(listed: Iterable[Mapping[str, Any]], leases: str) -> tuple[Standing, ...]:
    """Return the mappings of a table as libnftables lists it, by port; its rules decide what stands."""
    rules = [item["rule"] for item in listed if "rule" in item]
    said = dict(_leases(leases))
    allowed = {_allows(rule): (ALLOWED, rule["handle"]) for rule in rules if rule["chain"] == ALLOWED}
    found = []
    for rule in rules:
        one = _mapping(rule) if rule["chain"] == MAPPED else None
        if one is None:
            continue
        beside = allowed.get((one.protocol, one.host, one.to_port))
        until_s, description = said.get((one.protocol, one.port, one.host), (None, ""))
        handles = ((MAPPED, int(rule["handle"])), *((beside,) if beside else ()))
        found.append(Standing(one.protocol, one.port, one.host, one.to_port, handles, until_s, description))
    return tuple(sorted(found, key=lambda one: (one.port, one.protocol)))


def _mapping(rule: Mapping[str, Any]) -> Standing | None:
    """Return what a rule of the first chain maps; None for one that says something else."""
    matched, target = _matches(rule), next((one["dnat"] for one in rule["expr"] if "dnat" in one), None)
    protocol, port = PROTOCOLS.get(matched.get(_PROTOCOL_AT, 0)), matched.get("dport")
    if protocol is None or port is None or target is None:
        return None
    return Standing(protocol, port, str(target["addr"]), int(target.get("port", port)))


def _allows(rule: Mapping[str, Any]) -> tuple[str, str, int] | None:
    matched = _matches(rule)
    protocol, host = PROTOCOLS.get(matched.get(_PROTOCOL_AT, 0)), matched.get(_DESTINATION_AT)
    if protocol is None or host is None:
        return None
    return protocol, ".".join(str(host >> shift & 0xFF) for shift in (24, 16, 8, 0)), matched.get("dport", 0)


def _matches(rule: Mapping[str, Any]) -> dict[str | int, int]:
    """Return what a rule asks for: fields by name, bytes of the header by their place."""
    found: dict[str | int, int] = {}
    for one in rule["expr"]:
        match = one.get("match", {})
        left = match.get("left", {}).get("payload", {})
        if isinstance(match.get("right"), int):
            found[left.get("field", left.get("offset", ""))] = match["right"]
    return found


def _leases(text: str) -> Iterator[tuple[tuple[str, int, str], tuple[int | None, str]]]:
    """Yield each line ``TCP:6000:192.168.1.30:5555:1796370711:words``; a later one stands for an earlier."""
    for line in text.splitlines():
        parts = line.split(":", 5)
        if len(parts) == 6 and parts[1].isdigit() and parts[4].isdigit():
            until_s = int(parts[4]) or None
            yield (parts[0].lower(), int(parts[1]), parts[2]), (until_s, parts[5].strip())
