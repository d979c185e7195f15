# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked of the firewall: parameters and results of the verbs. Pure.

Rules and translations travel as they stand in the files; the engine validates them there, so that a face
shows the same problems as a hand edit.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from patronus.core.control import Change, CommitReport
from patronus.core.items import MoveItem, Placed
from patronus.core.values import Id, Prefix
from patronus.core.verb import Parameters, Result


class AddRule(Placed):
    """A rule to add; at the end unless a place is given."""

    rule: dict[str, Any] = Field(description="a rule as in firewall/rules; its id is given if it has none")


class ReplaceRule(Placed):
    """A rule in the place of another, or at another place where one is given."""

    id: Id
    rule: dict[str, Any] = Field(description="the whole rule as in firewall/rules; the id stays")


class RemoveRule(Change):
    """Names a rule."""

    id: Id


class MoveRule(MoveItem):
    """Names a rule and where it shall stand after the move."""


class SwitchRule(Change):
    """Names a rule and whether it shall have its say."""

    id: Id
    enabled: bool = Field(description="false: as if it were not there")


class AddNat(Change):
    """A translation to add."""

    entry: dict[str, Any] = Field(description="an entry as in firewall/nat; its id is given if it has none")
    index: int | None = Field(default=None, ge=0, description="position, 0 is first; the end if left out")


class ReplaceNat(Change):
    """A translation in the place of another."""

    id: Id
    entry: dict[str, Any] = Field(description="the whole entry as in firewall/nat; the id stays")


class SwitchNat(Change):
    """Names a translation and whether it shall translate."""

    id: Id
    enabled: bool = Field(description="false: as if it were not there")


class MoveNat(MoveItem):
    """Names a translation and where it shall stand after the move."""


class RemoveNat(Change):
    """Names a translation."""

    id: Id


class RuleInfo(Result):
    """A rule as in the file, and what it has counted since the router started."""

    id: str
    rule: dict[str, Any]
    packets: int
    bytes: int
    early: int = Field(default=0, description="packets of them that XDP dropped before nftables")


class RuleList(Result):
    """Aliases, and rules in the order in which they are tried."""

    aliases: list[dict[str, Any]]
    rules: list[RuleInfo]


class NatInfo(Result):
    """A translation as in the file, and how many connections it has translated."""

    id: str
    entry: dict[str, Any]
    packets: int
    bytes: int


class NatList(Result):
    """Translations in the order in which they are tried."""

    nat: list[NatInfo]


class Block(Parameters):
    """A prefix to block."""

    prefix: Prefix
    for_s: float | None = Field(
        default=None, gt=0, le=366 * 86400, description="seconds; for good if left out"
    )
    reason: str | None = Field(default=None, max_length=128)
    confirm_s: float | None = Field(
        default=None, ge=0, description="of a block for good: revert unless confirmed in time"
    )


class Unblock(Parameters):
    """Names a block by its prefix."""

    prefix: Prefix


class BlockReport(CommitReport):
    """A commit, or the running generation where the block is timed."""

    prefix: str
    remaining_s: float | None = None


class BlockInfo(Result):
    """One block; ``remaining_s`` is null for one that does not end."""

    id: str | None
    prefix: str
    reason: str | None
    by: str | None
    remaining_s: float | None


class BlockList(Result):
    """Blocks for good first, then timed ones by their end; ``never`` can never be blocked."""

    blocks: list[BlockInfo]
    never: list[str]


class CounterInfo(Result):
    """A named counter: ``rule/…``, ``nat/…``, ``pair/…``, ``blocked``, ``invalid``, ``default``."""

    name: str
    packets: int
    bytes: int


class XdpInfo(Result):
    """A device on which XDP has something to do: the mode asked for, the one it has, and why that one."""

    device: str
    asked: str = Field(description="as in network/interfaces: auto, native, generic or off")
    mode: str = Field(description="native, generic or off")
    reason: str
    forwards: str = Field(
        description="whether it sends open connections on: on, why not, or empty where that is not asked for"
    )


class CounterList(Result):
    """What nftables and XDP have counted; ``xdp_fault`` says why XDP does not help, if so."""

    counters: list[CounterInfo]
    xdp_counters: list[CounterInfo]
    xdp: list[XdpInfo]
    xdp_fault: str | None


class WatchDrops(Parameters):
    """How long to wait for drops."""

    seconds: float = Field(default=2.0, gt=0, le=10, description="how long to wait for drops, in seconds")


class DropInfo(Result):
    """A packet that XDP dropped, one of a sample, for a ``rule`` or a ``guard``, or for the blocklist."""

    age_s: float
    device: str
    vlan: int | None
    reason: str
    rule: str | None
    guard: str | None
    source: str
    destination: str
    bytes: int


class DropList(Result):
    """A sample of what XDP dropped while the call waited, oldest first; ``xdp_fault``: why there is none."""

    drops: list[DropInfo]
    xdp_fault: str | None
