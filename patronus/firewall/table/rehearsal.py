# SPDX-License-Identifier: GPL-2.0-or-later
"""What of a transaction is rehearsed: all but rules, and elements of indexes, that are like one before them.

The kernel looks at a rule's form: what is compared and how long that is, what is named, what is done. Which
number, address or counter it is, it does not ask. So two rules are alike that differ in nothing
else, and what it says of the first it says of all. Counters that only those name are left out with them. What
cannot be foreseen, that memory runs out, is told when all is sent, and then nothing has changed. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from typing import Any

from patronus.firewall.table.ruleset import NftRule

Command = Mapping[str, Any]
_NONE: Mapping[str, Any] = {}
_VALUE = re.compile(rb'"right":(?:"[0-9a-f.:]+"|\d+)|"range":\[[^]]*\]|"addr":"[^"]*"|"counter":"[^"]*"')
"""What a rule's JSON says of numbers, addresses and its counter; how long a prefix is stays."""
_COUNTER = re.compile(rb'\{"counter":"([^"]*)"\}')


def rehearsal(commands: Sequence[Command]) -> list[Command]:
    """Return the commands that the kernel is asked about, in their order."""
    first: dict[bytes, NftRule] = {}
    kept = [_of_one_element(command) for command in commands if _is_first(command, first)]
    named = {name.decode() for rule in first.values() for name in _COUNTER.findall(rule.text)}
    named |= {counter for command in kept for _, counter in _counted(command)[:1]}
    return [command for command in kept if _is_named(command, named)]


def _is_first(command: Command, first: dict[bytes, NftRule]) -> bool:
    """Return whether no command before makes a rule like this one's; ``first`` are those that were seen."""
    made = command.get("add") or command.get("insert")
    if made is None or not isinstance(rule := made.get("rule", _NONE).get("expr"), NftRule):
        return True
    return first.setdefault(_VALUE.sub(b"", rule.text), rule) is rule


def _of_one_element(command: Command) -> Command:
    """Return the command that fills an index with the first of its elements alone, any other as it is."""
    if len(elements := _counted(command)) <= 1:
        return command
    return {"add": {"element": {**command["add"]["element"], "elem": elements[:1]}}}


def _counted(command: Command) -> Sequence[Any]:
    """Return the elements of a command that leads packets to counters; none of any other."""
    made = command.get("add")
    if made is None or "element" not in made:
        return ()
    elements: Sequence[Any] = made["element"]["elem"]
    return elements if elements and isinstance(elements[0], list) and isinstance(elements[0][1], str) else ()


def _is_named(command: Command, named: Container[str]) -> bool:
    """Return whether the command is rehearsed: all but counters that no rule or element beside them names."""
    made = command.get("add")
    return made is None or "counter" not in made or made["counter"]["name"] in named
