# SPDX-License-Identifier: GPL-2.0-or-later
"""nftables through libnftables, in process: every change is one netlink batch, taken whole or not at all.

Needs CAP_NET_ADMIN in the network namespace's user namespace, nothing more. Commands are libnftables' JSON,
libnftables-json(5); no text is ever put together.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

import nftables

from patronus.core.errors import KernelError
from patronus.kernel.memory import give_back
from patronus.kernel.nft_attributes import Unknown
from patronus.kernel.nft_batch import encoded
from patronus.kernel.nft_refusal import first_line, refused
from patronus.kernel.nft_socket import BatchSocket, Refusal
from patronus.kernel.nft_state import Objects, Parts, RulesetState, StandingRule

log = logging.getLogger(__name__)

Command = Mapping[str, Any]
Batch = Mapping[str, Sequence[Command]]
"""``{"nftables": [command, …]}``."""
LARGE = 1000
"""Commands of a large batch: we encode it ourselves, or memory is left behind to be given back."""


@dataclass(frozen=True)
class Count:
    """What a named counter has seen."""

    packets: int
    bytes: int


class Nft:
    """The ruleset of this network namespace. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._library = nftables.Nftables()
        self._library.set_json_output(True)
        self._library.set_numeric_prio_output(True)
        self._library.set_numeric_proto_output(True)
        self._state = RulesetState()
        self._batches = BatchSocket()
        self._encoded: tuple[Batch, bytearray] | None = None

    def load(self, batch: Batch) -> None:
        """Apply all commands in one transaction. Raises KernelError naming the command that was refused."""
        with self._lock:
            self._load(batch)

    def load_and_tell(self, batch: Batch) -> list[dict[str, Any]]:
        """Apply like ``load``; return the commands with the handles of new rules. Raises KernelError."""
        with self._lock:
            self._library.set_echo_output(True)
            try:
                output = self._load(batch)
            finally:
                self._library.set_echo_output(False)
        commands: list[dict[str, Any]] = json.loads(output)["nftables"] if output.strip() else []
        return commands

    def _load(self, batch: Batch) -> str:
        if (messages := self._messages(batch)) is not None:
            self._encoded = None
            refusal = self._batches.send(messages, self._meant_for(batch), commit=True)
            if refusal is not None:
                raise KernelError(_refused(batch, refusal))
            return ""
        code, output, error = self._library.cmd(_json(batch))
        self._give_back(batch)
        if code != 0:
            raise KernelError(self._explained(batch, first_line(error)))
        return str(output)

    def check(self, batch: Batch) -> str | None:
        """Let the kernel take the transaction and drop it again; return why it would be refused, or None."""
        with self._lock:
            if (messages := self._messages(batch)) is not None:
                refusal = self._batches.send(messages, self._meant_for(batch), commit=False)
                return None if refusal is None else _refused(batch, refusal)
            message = self._dry_run(batch)
            return None if message is None else self._explained(batch, message)

    def generation(self) -> int:
        """Return the ruleset's number, which every transaction of anybody makes grow. Raises KernelError."""
        with self._lock:
            return self._state.generation()

    def rules(self, family: str, table: str) -> list[StandingRule]:
        """Return the rules of a table, each chain's in their order. Raises KernelError."""
        with self._lock:
            return self._state.rules(family, table)

    def rule(self, family: str, table: str, chain: str, handle: int) -> StandingRule:
        """Return one rule. Raises KernelError, also where there is none."""
        with self._lock:
            return self._state.rule(family, table, chain, handle)

    def objects(self, family: str, table: str) -> Objects:
        """Return the names of a table's counters, limits and helpers. Raises KernelError."""
        with self._lock:
            return self._state.objects(family, table)

    def tables(self) -> frozenset[tuple[str, str]]:
        """Return (family, name) of every table. Raises KernelError."""
        items = self._list({"tables": {}})
        found = (item["table"] for item in items if "table" in item)
        return frozenset((table["family"], table["name"]) for table in found)

    def list_table(self, family: str, name: str) -> list[dict[str, Any]] | None:
        """Return what a table holds, or None where there is none. Raises KernelError."""
        if (family, name) not in self.tables():
            return None
        return self._list({"table": {"family": family, "name": name}})

    def parts(self, family: str, table: str) -> Parts:
        """Return a table's chains without their rules, and its sets and maps. Raises KernelError."""
        with self._lock:
            return self._state.parts(family, table)

    def flow_tables(self, family: str, table: str) -> list[dict[str, Any]]:
        """Return the table's flow tables, as libnftables tells them. Raises KernelError."""
        items = self._list({"flowtables": {"family": family}})
        found = (item["flowtable"] for item in items if "flowtable" in item)
        return [fields for fields in found if fields["table"] == table]

    def counters(self, family: str, table: str) -> dict[str, Count]:
        """Return the table's named counters; none where there is no such table. Raises KernelError."""
        items = self._list({"counters": {"family": family}})
        found = [item["counter"] for item in items if "counter" in item]
        return {
            item["name"]: Count(item["packets"], item["bytes"]) for item in found if item["table"] == table
        }

    def add_elements(self, family: str, table: str, name: str, elements: Sequence[Any]) -> None:
        """Add elements to a set or map. Raises KernelError."""
        self._elements("add", family, table, name, elements)

    def delete_elements(self, family: str, table: str, name: str, elements: Sequence[Any]) -> None:
        """Take elements out of a set or map. Raises KernelError."""
        self._elements("delete", family, table, name, elements)

    def _elements(self, verb: str, family: str, table: str, name: str, elements: Sequence[Any]) -> None:
        where = {"family": family, "table": table, "name": name, "elem": list(elements)}
        self.load({"nftables": [{verb: {"element": where}}]})

    def _list(self, what: Mapping[str, Any]) -> list[dict[str, Any]]:
        with self._lock:
            code, output, error = self._library.json_cmd({"nftables": [{"list": what}]})
        if code != 0:
            raise KernelError(f"nftables: {first_line(error)}")
        items: list[dict[str, Any]] = output["nftables"] if output else []
        return [item for item in items if "metainfo" not in item]

    def _messages(self, batch: Batch) -> bytearray | None:
        """Return a batch as messages, made once for rehearsal and change; None for libnftables.

        libnftables takes a hundred microseconds for each rule, and each time again, and goes through all of a
        set for one element. A small batch with rules is for it: it tells their handles.
        """
        if len(batch["nftables"]) <= LARGE and any(_makes_rule(command) for command in batch["nftables"]):
            return None
        if self._encoded is None or self._encoded[0] is not batch:
            try:
                self._encoded = batch, encoded(batch["nftables"])
            except Unknown as unknown:
                log.info("libnftables takes a batch of %s commands: %s", len(batch["nftables"]), unknown)
                return None
        return self._encoded[1]

    def _meant_for(self, batch: Batch) -> int | None:
        """Return the ruleset's number, or None for elements alone: they say by themselves what is meant."""
        if all("element" in what for command in batch["nftables"] for what in command.values()):
            return None
        return self._state.generation()

    @staticmethod
    def _give_back(batch: Batch) -> None:
        """Return to the system what libnftables took for a large batch: 20 kB for each rule."""
        if len(batch["nftables"]) > LARGE:
            give_back()

    def _dry_run(self, batch: Batch) -> str | None:
        """Return why the library or the kernel would refuse, or None."""
        with self._dry():
            code, _, error = self._library.cmd(_json(batch))
        self._give_back(batch)
        return None if code == 0 else first_line(error)

    @contextmanager
    def _dry(self) -> Iterator[None]:
        self._library.set_dry_run(True)
        try:
            yield
        finally:
            self._library.set_dry_run(False)

    def _explained(self, batch: Batch, message: str) -> str:
        """Return the message with the command at fault: the last of the shortest beginning that is refused.

        libnftables gives no place in JSON. What is refused once stays refused however much follows, so
        halving finds it.
        """
        commands = batch["nftables"]
        low, high = 1, len(commands)
        while low < high:
            middle = (low + high) // 2
            if self._dry_run({"nftables": commands[:middle]}) is None:
                low = middle + 1
            else:
                high = middle
        return refused(commands[low - 1] if commands else None, message)


def _makes_rule(command: Command) -> bool:
    return any("rule" in command.get(verb, ()) for verb in ("add", "insert"))


def _refused(batch: Batch, refusal: Refusal) -> str:
    command = None if refusal.position is None else batch["nftables"][refusal.position]
    return refused(command, refusal.reason)


def _json(batch: Batch) -> str:
    """Return a batch as libnftables reads it; a rule is the sequence of its statements."""
    return json.dumps(batch, default=list)
