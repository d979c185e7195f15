# SPDX-License-Identifier: GPL-2.0-or-later
"""What the values of iptables' options ask for, as conditions."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

from patronus.core.typed import number_or_text
from patronus.core.values import Refused
from patronus.firewall.addresses import Interval, Version, ends
from patronus.firewall.importing.condition import (
    ALL_ADDRESSES,
    ALL_PORTS,
    KINDS,
    Condition,
    Intervals,
    Unsaid,
)
from patronus.firewall.importing.saved import Line
from patronus.firewall.importing.times import schedule
from patronus.firewall.model.flags import FLAGS
from patronus.firewall.model.match import parse_icmp_type, parse_protocol

SERVICES = {
    "ssh": 22,
    "domain": 53,
    "http": 80,
    "https": 443,
    "ntp": 123,
    "smtp": 25,
    "bootps": 67,
    "bootpc": 68,
}
ICMP_NAMES = {
    "ping": "echo-request", "pong": "echo-reply", "ttl-exceeded": "time-exceeded",
    "neighbor-solicitation": "neighbour-solicitation", "neighbor-advertisement": "neighbour-advertisement",
    "nd-neighbor-solicit": "neighbour-solicitation", "nd-neighbor-advert": "neighbour-advertisement",
    "nd-router-solicit": "router-solicitation", "nd-router-advert": "router-advertisement",
    "nd-redirect": "redirect",
}  # fmt: skip
"""Names of ICMP types that others have, and ours."""


def _addresses(text: str, version: Version) -> Intervals:
    """Return prefixes and ranges first-last, parted by commas. Raises ValueError."""
    return _within([_interval(item, version) for item in text.split(",")], ALL_ADDRESSES[version])


def _interval(text: str, version: Version) -> Interval:
    first, dash, last = text.partition("-")
    both = [ip_network(one, strict=False) for one in ((first, last) if dash else (text,))]
    mask = text.partition("/")[2]
    if any(one.version != version for one in both) or ("." in mask and mask != str(both[0].netmask)):
        raise ValueError(text)
    return ends(both[0])[0], ends(both[-1])[1]


def _ports(text: str, _: Version) -> Intervals:
    found = []
    for item in text.split(","):
        first, colon, last = item.partition(":")
        low = _port(first) if first else 0
        found.append((max(low, 1), _port(last) if last else 65535) if colon else (low, low))
    return _within(found, ALL_PORTS)


def _within(intervals: list[Interval], everything: Intervals) -> Intervals:
    """Return them sorted. Raises ValueError where one is upside down or leads out of all that there is."""
    ((lowest, highest),) = everything
    if any(not lowest <= first <= last <= highest for first, last in intervals):
        raise ValueError(intervals)
    return tuple(sorted(intervals))


def _port(text: str) -> int:
    return SERVICES[text] if text in SERVICES else int(text)


def _protocol(value: str, _: Line) -> Condition:
    if value in ("all", "0"):
        return Condition()
    try:
        return Condition(protocols=frozenset(parse_protocol(one).number for one in value.split(",")))
    except Refused as refused:
        raise Unsaid(refused.message) from None


def _states(value: str, _: Line) -> Condition:
    found = frozenset(value.upper().split(","))
    if found & {"DNAT", "SNAT"}:
        raise Unsaid("rules do not ask whether an address was translated: say whom it is for")
    return Condition(states=found)


def _icmp(value: str, _: Line) -> Condition:
    if value == "any":
        return Condition()
    if "/" in value:
        raise Unsaid("an ICMP code has no word here")
    try:
        kinds = [
            parse_icmp_type(int(one) if one.isdigit() else ICMP_NAMES.get(one, one))
            for one in value.split(",")
        ]
    except Refused as refused:
        raise Unsaid(refused.message) from None
    return Condition(more={"icmp_type": kinds[0] if len(kinds) == 1 else kinds})


def _flags(value: str, _: Line) -> Condition:
    mask, wanted = [*value.lower().split(" "), ""][:2]
    asked = ["fin", "syn", "rst", "psh", "ack", "urg"] if mask == "all" else mask.split(",")
    there = asked if wanted == "all" else [] if wanted == "none" else wanted.split(",")
    if not set(there) <= set(asked) <= FLAGS.keys():
        raise Unsaid(f"--tcp-flags {value} is not understood")
    return Condition(more={"tcp_flags": [one if one in there else f"!{one}" for one in asked]})


def _over(read: Callable[[str, Line], Condition], key: str) -> Callable[[str, Line], Condition]:
    """Return what reads an option of the same form that fits what exceeds the limit."""

    def turned(value: str, line: Line) -> Condition:
        return Condition(more={key: {**read(value, line).more[key], "over": True}})

    return turned


def _limit(value: str, line: Line) -> Condition:
    count, _, unit = value.partition("/")
    limit: dict[str, Any] = {"rate": f"{count}/{(unit or 's')[0]}"}
    return Condition(more={"limit": {**limit, "burst": _number(line.value("--limit-burst") or "5")}})


def _hash_limit(value: str, line: Line) -> Condition:
    mode = line.value("--hashlimit-mode") or ""
    per = {"": {}, "srcip": {"per": "source"}, "dstip": {"per": "destination"}}.get(mode)
    if per is None:
        raise Unsaid(f"--hashlimit-mode {mode} has no word here")
    limit = _limit(value, line).more["limit"]
    burst = _number(line.value("--hashlimit-burst") or "5")
    return Condition(more={"limit": {**limit, "burst": burst, **per}})


def _open(value: str, line: Line) -> Condition:
    mask = line.value("--connlimit-mask") or "32"
    if mask not in ("0", "32"):
        raise Unsaid("--connlimit-mask of a prefix has no word here")
    side = "destination" if "--connlimit-daddr" in line.words else "source"
    per = {"per": side} if mask == "32" else {}
    return Condition(more={"connections": {"most": _number(value), **per}})


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Unsaid(f"{text} is no number") from None


def _kinds(value: str, _: Line) -> Condition:
    found = frozenset(value.upper().split(","))
    if not found <= KINDS:
        raise Unsaid(f"--dst-type {value} has no word here")
    return Condition(kinds=found)


def _dscp(value: str, _: Line) -> Condition:
    """Return classes of service: by name, or by number as iptables writes it, 0x2e."""
    found = [
        int(one, 16) if one.startswith("0x") else number_or_text(one.lower()) for one in value.split(",")
    ]
    return Condition(more={"dscp": found[0] if len(found) == 1 else found})


def _key(key: str) -> Callable[[str, Line], Condition]:
    return lambda value, _: Condition(more={key: value})


SETS: dict[str, tuple[str, Callable[[str, Version], Intervals]]] = {
    **dict.fromkeys(("-s", "--source", "--src", "--src-range"), ("source", _addresses)),
    **dict.fromkeys(("-d", "--destination", "--dst", "--dst-range"), ("destination", _addresses)),
    **dict.fromkeys(("--sport", "--source-port", "--sports"), ("source_ports", _ports)),
    **dict.fromkeys(("--dport", "--destination-port", "--dports"), ("destination_ports", _ports)),
}
"""Options that name a set: the field, and how it is read."""
READERS: dict[str, Callable[[str, Line], Condition]] = {
    **dict.fromkeys(("-p", "--protocol"), _protocol),
    **dict.fromkeys(("--state", "--ctstate"), _states),
    **dict.fromkeys(("--icmp-type", "--icmpv6-type"), _icmp),
    "--tcp-flags": _flags,
    "--syn": lambda _, line: _flags("fin,syn,rst,ack syn", line),
    "--limit": _limit,
    "--hashlimit-upto": _hash_limit,
    "--hashlimit-above": _over(_hash_limit, "limit"),
    "--connlimit-upto": _open,
    "--connlimit-above": _over(_open, "connections"),
    "--dst-type": _kinds,
    "--mac-source": _key("mac"),
    "--mark": _key("mark"),
    **dict.fromkeys(("--dscp", "--dscp-class"), _dscp),
    **dict.fromkeys(("--timestart", "--timestop", "--weekdays", "--days"), schedule),
}
"""Options that say one thing."""
