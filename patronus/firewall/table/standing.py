# SPDX-License-Identifier: GPL-2.0-or-later
"""Our table as it stands in the kernel: brought to a ruleset by what differs, and read back by what changed.

What stood after our last transaction is remembered with the number that the ruleset had then. While that is
the same nobody has changed anything, so it need not be read again; else the table is read whole.
After a small transaction the kernel tells the handles of the new rules, and each of them is read back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from patronus.core.errors import KernelError
from patronus.firewall.table.commands import LOCKDOWN, NOTHING, Contents, batch, told, transaction
from patronus.firewall.table.read_back import FlowTables, Found, Objects, Parts, contents
from patronus.firewall.table.rehearsal import rehearsal
from patronus.firewall.table.ruleset import FAMILY, TABLE, Ruleset

SMALL = 256
"""Commands and elements of a transaction that the kernel is asked to repeat.

What follows a larger one is read whole, unless it was about elements alone: a list that has come.
"""
TRIES = 3
"""How often a change is tried while somebody else changes the ruleset at the same time."""
Batch = Mapping[str, Sequence[Mapping[str, Any]]]


class Tables(Protocol):
    """What is asked of the kernel: ``kernel.nft.Nft``."""

    def load(self, batch: Batch) -> None:
        """Apply all in one transaction."""

    def load_and_tell(self, batch: Batch) -> list[dict[str, Any]]:
        """Apply, and return the commands with the handles of new rules."""

    def check(self, batch: Batch) -> str | None:
        """Return why it would be refused."""

    def generation(self) -> int:
        """Return the number of the ruleset."""

    def tables(self) -> frozenset[tuple[str, str]]:
        """Return (family, name) of each."""

    def parts(self, family: str, table: str) -> Parts:
        """Return chains, sets and maps."""

    def flow_tables(self, family: str, table: str) -> FlowTables:
        """Return flow tables, each with its devices."""

    def rules(self, family: str, table: str) -> Iterable[Found]:
        """Return the rules, each chain's in their order."""

    def rule(self, family: str, table: str, chain: str, handle: int) -> Found:
        """Return one rule."""

    def objects(self, family: str, table: str) -> Objects:
        """Return the names of counters, of limits and of helpers."""


@dataclass(frozen=True)
class _Known:
    """The table at one generation. ``unread``: rules that the kernel told and nobody has read back yet.

    ``whole`` says that all of it was read and nothing concluded from what was sent.
    """

    generation: int
    contents: Contents
    unread: tuple[tuple[str, int, str], ...] = ()
    whole: bool = True


@dataclass(frozen=True)
class _Way:
    """The commands that were made last: from where to where."""

    before: Contents
    wanted: Ruleset
    lockdown: bool
    commands: Batch

    def leads(self, before: Contents, wanted: Ruleset, *, lockdown: bool) -> bool:
        """Return whether these are the commands for this way."""
        return self.before is before and self.wanted is wanted and self.lockdown == lockdown


class Standing:
    """The table ``inet patronus``. The caller has the turn."""

    def __init__(self, nft: Tables) -> None:
        self._nft = nft
        self._known: _Known | None = None
        self._way: _Way | None = None
        self.moved_much = False
        """A transaction since somebody last looked was large, and left memory behind."""

    def contents(self) -> Contents:
        """Return what stands in the kernel. Raises KernelError."""
        generation = self._nft.generation()
        if self._known is not None and self._known.generation == generation:
            return self._known.contents
        found = self._read()
        unchanged = self._nft.generation() == generation
        self._known = _Known(generation, found) if unchanged else None
        return found

    def read_back(self, *, whole: bool) -> Contents:
        """Return what stands in the kernel, read since the last transaction of anybody. Raises KernelError.

        Without ``whole`` what a small transaction of ours did not touch is not read again.
        """
        known = self._known
        if known is not None and (known.unread or (whole and not known.whole)):
            if not whole and all(self._is(*rule) for rule in known.unread):
                self._known = replace(known, unread=())
            else:
                self._known = None
        return self.contents()

    def adopt(self, equal: Ruleset) -> None:
        """Hold what stands as the parts of a ruleset that is equal: thousands of comments once, not twice."""
        if self._known is not None:
            known = self._known.contents
            self._known = replace(self._known, contents=replace(Contents.of(equal), handles=known.handles))

    def _is(self, chain: str, handle: int, comment: str) -> bool:
        try:
            return self._nft.rule(FAMILY, TABLE, chain, handle).comment == comment
        except KernelError:
            return False

    def _read(self) -> Contents:
        if (FAMILY, TABLE) not in self._nft.tables():
            return NOTHING
        where = FAMILY, TABLE
        parts, rules = self._nft.parts(*where), self._nft.rules(*where)
        return contents(parts, rules, self._nft.objects(*where), self._nft.flow_tables(*where))

    def refuses(self, wanted: Ruleset) -> str | None:
        """Return why the kernel would refuse the ruleset, or None; nothing changes."""
        asked = rehearsal(self._way_to(wanted)["nftables"])
        return self._nft.check({"nftables": asked}) if asked else None

    def _way_to(self, wanted: Ruleset) -> Batch:
        """Return the batch from what stands to the ruleset: some of it is rehearsed, and all is sent."""
        before = self.contents()
        lockdown = (FAMILY, LOCKDOWN) in self._nft.tables()
        if self._way is None or not self._way.leads(before, wanted, lockdown=lockdown):
            commands = batch(transaction(before, wanted), lockdown=lockdown)
            self._way = _Way(before, wanted, lockdown, commands)
        return self._way.commands

    def bring(self, wanted: Ruleset) -> None:
        """Change the table to the ruleset, whatever stands in it; the lockdown ends in the batch.

        Raises KernelError, and then nothing has changed.
        """
        for _ in range(TRIES):
            commands, self._way = self._way_to(wanted), None
            if not commands["nftables"]:
                return
            generation = self._nft.generation()
            try:
                self._send(commands, wanted)
            except KernelError:
                if self._nft.generation() == generation:
                    raise
                continue  # somebody changed the table meanwhile: the handles are of rules that were there
            return
        raise KernelError("nftables: the ruleset changes faster than it can be read")

    def _send(self, commands: Batch, wanted: Ruleset) -> None:
        start, self._known = self._known, None
        if sum(map(_weight, commands["nftables"])) > SMALL:
            self.moved_much = True
            self._nft.load(commands)
            if any(_is_of_rules(command) for command in commands["nftables"]):
                return
            answer: Sequence[Mapping[str, Any]] = ()
        else:
            answer = self._nft.load_and_tell(commands)
        if start is not None and self._nft.generation() == start.generation + 1:
            self._known = _after(start, wanted, answer)

    def forget(self) -> None:
        """Read the table again before it is believed."""
        self._known = None


def _weight(command: Mapping[str, Any]) -> int:
    """Return how much there is to repeat of a command: its elements, where it has some."""
    return sum(
        len(fields.get("elem", ())) if "element" in part else 1
        for part in command.values()
        for fields in part.values()
    )


def _is_of_rules(command: Mapping[str, Any]) -> bool:
    """Return whether the handles of rules are others after the command."""
    return any(kind in part for part in command.values() for kind in ("rule", "chain"))


def _after(start: _Known, wanted: Ruleset, answer: Sequence[Mapping[str, Any]]) -> _Known | None:
    """Return what stands after a transaction of ours alone, or None where that cannot be told."""
    try:
        after = told(start.contents, wanted, answer)
    except ValueError:
        return None
    old = {name: frozenset(handles) for name, handles in start.contents.handles.items()}
    unread = tuple(
        (name, handle, comment)
        for name, handles in after.handles.items()
        if handles != start.contents.handles.get(name)
        for handle, comment in zip(handles, after.chains[name][1], strict=True)
        if handle not in old.get(name, ())
    )
    return _Known(start.generation + 1, after, unread, whole=False)
