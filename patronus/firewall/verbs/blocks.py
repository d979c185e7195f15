# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on the blocklist: for good is a commit to the file, for a time is runtime state that ends."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any

from patronus.core.control import Clock, Commit, CommitReport, Control
from patronus.core.edit import Edit, Insert, Remove
from patronus.core.errors import InvalidRequest, NotFound, PatronusError
from patronus.core.identify import new_id
from patronus.core.values import write_prefix
from patronus.core.verb import Caller, Nothing, Role, Verb
from patronus.firewall.addresses import AddressSet, IpNetwork
from patronus.firewall.blocks import TimedBlock, TimedBlocks, with_block
from patronus.firewall.model import BlockedPrefix, Blocklist
from patronus.firewall.verbs.forms import Block, BlockInfo, BlockList, BlockReport, Unblock

SECTION = "firewall/blocklist"


class BlockVerbs:
    """Blocks and unblocks prefixes; refuses what can never be blocked."""

    def __init__(
        self, control: Control, timed: TimedBlocks, clock: Clock, never: Callable[[], AddressSet]
    ) -> None:
        self._control = control
        self._timed = timed
        self._clock = clock
        self._never = never

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the declarations."""
        role = Role.OPERATOR
        yield Verb("firewall.ListBlocks", Nothing, BlockList, self.list_blocks, route="GET /blocklist")
        yield Verb(
            "firewall.Block",
            Block,
            BlockReport,
            self.block,
            role,
            "POST /blocklist",
            changes=True,
            subject=self._timed_block,
        )
        yield Verb(
            "firewall.Unblock",
            Unblock,
            BlockReport,
            self.unblock,
            role,
            "DELETE /blocklist/{prefix}",
            changes=True,
            subject=self._timed_block,
        )

    def list_blocks(self, _: Caller, __: Nothing) -> BlockList:
        """List what is blocked, and until when."""
        timed = sorted(self._timed.all(), key=lambda block: block.remaining_s(self._clock))
        found = [
            BlockInfo(
                id=entry.id, prefix=write_prefix(entry.prefix), reason=entry.reason, by=None, remaining_s=None
            )
            for entry in self._entries()
        ]
        found += [
            BlockInfo(
                id=None,
                prefix=write_prefix(block.prefix),
                reason=block.reason,
                by=block.by,
                remaining_s=block.remaining_s(self._clock),
            )
            for block in timed
        ]
        return BlockList(blocks=found, never=[write_prefix(prefix) for prefix in self._never().networks()])

    def _timed_block(self, given: Block | Unblock) -> dict[str, Any]:
        """Return the block that ends by itself: one for good is a commit, which says so itself."""
        found = next((block for block in self._timed.all() if block.prefix == given.prefix), None)
        if found is None:
            return {}
        prefix, left_s = write_prefix(found.prefix), round(found.remaining_s(self._clock))
        return {"prefix": prefix, "reason": found.reason, "by": found.by, "left_s": left_s}

    def block(self, caller: Caller, given: Block) -> BlockReport:
        """Block an address or prefix in every zone, both ways; for a time it ends by itself."""
        self._refuse_never(given.prefix, caller)
        if given.for_s is not None:
            return self._block_for(given.for_s, caller, given)
        if any(entry.prefix == given.prefix for entry in self._entries()):
            return self._report(self._unchanged(), given.prefix)
        taken = {entry.id for entry in self._entries()}
        fresh = new_id("blocks", taken, lambda digits: secrets.token_hex(digits // 2))
        value = {"id": fresh, "prefix": write_prefix(given.prefix)}
        value |= {"reason": given.reason} if given.reason else {}
        comment = f"block {value['prefix']}"
        edit = Insert(SECTION, ("prefixes",), value)
        commit = self._control.submit([edit], caller, comment=comment, confirm_s=given.confirm_s)
        return self._report(commit, given.prefix)

    def unblock(self, caller: Caller, given: Unblock) -> BlockReport:
        """End a block, timed or not."""
        timed = self._timed.all()
        left = tuple(block for block in timed if block.prefix != given.prefix)
        edits: list[Edit] = [
            Remove(SECTION, ("prefixes", entry.id))
            for entry in self._entries()
            if entry.prefix == given.prefix
        ]
        if len(left) == len(timed) and not edits:
            raise NotFound(f"{write_prefix(given.prefix)} is not blocked by itself")
        commit = self._unchanged()
        if len(left) != len(timed):
            self._apply_timed(left, timed, f"{write_prefix(given.prefix)} is no longer blocked")
        if edits:
            commit = self._control.submit(edits, caller, comment=f"unblock {write_prefix(given.prefix)}")
        return self._report(commit, given.prefix)

    def _block_for(self, for_s: float, caller: Caller, given: Block) -> BlockReport:
        block = TimedBlock.starting(given.prefix, for_s, given.reason, caller.name, self._clock)
        before = self._timed.all()
        self._apply_timed(with_block(before, block), before, f"{write_prefix(given.prefix)} is blocked")
        return self._report(self._unchanged(), given.prefix, for_s)

    def _apply_timed(self, blocks: tuple[TimedBlock, ...], before: tuple[TimedBlock, ...], why: str) -> None:
        """Store and apply; what could not be applied is not kept."""
        self._timed.put(blocks)
        try:
            self._control.refresh(why)
        except PatronusError:
            self._timed.put(before)
            raise

    def _refuse_never(self, prefix: IpNetwork, caller: Caller) -> None:
        shown = write_prefix(prefix)
        if prefix.prefixlen == 0:
            raise InvalidRequest(f"{shown} is every address there is; to close a zone, change its file")
        if _origin_in(caller.origin, prefix):
            raise InvalidRequest(f"{shown} holds {caller.origin}, from where you are asking")
        if self._never().covers(prefix):
            raise InvalidRequest(
                f"{shown} can never be blocked: it belongs to the router, its gateways, its DNS servers, "
                f"or to `never` in {SECTION}"
            )

    def _entries(self) -> tuple[BlockedPrefix, ...]:
        return self._control.config.get(Blocklist).prefixes

    def _unchanged(self) -> Commit:
        return Commit(self._control.generation)

    def _report(self, commit: Commit, prefix: IpNetwork, remaining_s: float | None = None) -> BlockReport:
        fields = CommitReport.of(commit).model_dump()
        return BlockReport(**fields, prefix=write_prefix(prefix), remaining_s=remaining_s)


def _origin_in(origin: str, prefix: IpNetwork) -> bool:
    """Return whether the caller's address, the last word of ``web 192.168.1.10``, is in the prefix."""
    try:
        return ip_address(origin.rpartition(" ")[2]) in prefix
    except ValueError:
        return False
