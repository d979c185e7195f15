# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that writes the rules that run in the words of another firewall. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from patronus.core.verb import Parameters, Result
from patronus.firewall.exporting.iptables import iptables
from patronus.firewall.policy import Policy


class Export(Parameters):
    """Which words, and which family: iptables has a file for each."""

    format: Literal["iptables"] = Field(default="iptables", description="the firewall that shall read it")
    family: Literal["ipv4", "ipv6"] = Field(default="ipv4", description="which of IPv4 and IPv6")


class LeftOut(Result):
    """What the other firewall has no words for."""

    origin: str
    reason: str


class Exported(Result):
    """The text, and what is not in it."""

    text: str
    left: list[LeftOut]


def export(policy: Policy, given: Export) -> Exported:
    """Return the policy as text."""
    text, left = iptables(policy, 4 if given.family == "ipv4" else 6)
    return Exported(text=text, left=[LeftOut(origin=one, reason=why) for one, why in left.items()])
