# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets and verdicts in words, and packets as ``firewall.Explain`` takes them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from patronus.firewall.addresses import end_of
from patronus.firewall.judge.verdict import Decision, Packet
from patronus.network.opening import NUMBERS

NAMES = {1: "icmp", 58: "icmpv6", **{number: name for name, number in NUMBERS.items()}}
SPOKEN = {"allow": "allowed", "drop": "dropped", "reject": "rejected", "queue": "handed to a program"}
EPHEMERAL = 50000
"""The example packets' source port."""


def spoken(decision: Decision | None) -> str:
    """Return a verdict in words: ``dropped by rule/r-7f3a``."""
    return "left alone" if decision is None else f"{SPOKEN[decision.action]} by {decision.origin}"


def words(packet: Packet) -> str:
    """Return a packet in words: ``tcp 192.168.1.9:40000 to 198.51.100.9:443``."""
    name = NAMES.get(packet.protocol, f"protocol {packet.protocol}")
    return f"{name} {end_of(packet.source, packet.source_port)} to " + end_of(
        packet.destination, packet.destination_port
    )


def shown(packet: Packet) -> Mapping[str, Any]:
    """Return the packet as ``firewall.Explain`` takes it."""
    found = {
        "arrives_on": packet.arrives_on, "source": str(packet.source), "destination": str(packet.destination),
        "protocol": NAMES.get(packet.protocol, packet.protocol), "source_port": packet.source_port or None,
        "destination_port": packet.destination_port or None, "icmp_type": packet.icmp,
    }  # fmt: skip
    return {key: value for key, value in found.items() if value is not None}
