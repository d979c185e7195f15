# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands in the kernel's ruleset, read by netlink: its number, chains, sets, names of rules and objects.

libnftables tells the same with every expression spelled out: for 10,000 rules that takes eight times as long.
Source: linux/netfilter/nf_tables.h; comments as libnftnl stores them (libnftnl/udata.h).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import NamedTuple

from patronus.core.errors import KernelError
from patronus.kernel import nft_parts as told
from patronus.kernel.nfnetlink import Answer, Attributes, Nfnetlink, attribute, number, text

_FAMILIES = {"inet": 1, "ip": 2, "arp": 3, "netdev": 5, "bridge": 7, "ip6": 10}
"""linux/netfilter.h, NFPROTO_*."""
_NEWGEN, _GETGEN, _GETRULE, _GETOBJ = 15, 16, 7, 19
_GEN_ID = 1
_TABLE, _CHAIN, _HANDLE, _USERDATA = 1, 2, 3, 7
_SET = 2
_OBJECT_NAME, _OBJECT_KIND = 2, 3
_COUNTER, _HELPER, _LIMIT = 1, 3, 4
_TRIES = 8
"""How often parts are read that change meanwhile."""
_COMMENT = 0
"""The first kind of what libnftnl keeps beside a rule."""


class StandingRule(NamedTuple):
    """One rule in the kernel; ``comment`` is empty where it has none."""

    chain: str
    handle: int
    comment: str


class Objects(NamedTuple):
    """The names of a table's counters, limits and helpers of conntrack."""

    counters: frozenset[str]
    limits: frozenset[str]
    helpers: frozenset[str]


class Parts(NamedTuple):
    """A table's chains without their rules, and its sets and maps with their elements."""

    chains: tuple[told.StandingChain, ...]
    sets: tuple[told.StandingSet, ...]


class RulesetState:
    """One netlink socket, in the network namespace of who makes it. One thread at a time."""

    def __init__(self) -> None:
        self._netlink = Nfnetlink()

    def generation(self) -> int:
        """Return the ruleset's number, which every transaction of anybody makes grow by one.

        Counters, meters and timeouts of elements do not change it: two equal numbers mean that nobody has
        changed a table, chain, rule or set in between. Raises KernelError.
        """
        with _kernel_errors("its generation"):
            return number_of(self._netlink.ask(_GETGEN, 0))

    def rules(self, family: str, table: str) -> list[StandingRule]:
        """Return the rules of a table, each chain's in their order. Raises KernelError."""
        with _kernel_errors("its rules"):
            return self._netlink.dump(_GETRULE, _FAMILIES[family], attribute(_TABLE, text(table)), rule_of)

    def rule(self, family: str, table: str, chain: str, handle: int) -> StandingRule:
        """Return one rule. Raises KernelError, also where there is none."""
        given = attribute(_TABLE, text(table)) + attribute(_CHAIN, text(chain))
        given += attribute(_HANDLE, handle.to_bytes(8, "big"))
        with _kernel_errors(f"rule {handle} of {chain}"):
            return rule_of(self._netlink.ask(_GETRULE, _FAMILIES[family], given).attributes)

    def parts(self, family: str, table: str) -> Parts:
        """Return the table's chains, sets and maps. Raises KernelError."""
        with _kernel_errors("its chains and sets"):
            for _ in range(_TRIES):
                try:
                    return self._parts(_FAMILIES[family], text(table))
                except FileNotFoundError:
                    continue  # somebody took a set away between its name and its elements
        raise KernelError("nftables: the ruleset changes faster than it can be read")

    def _parts(self, family: int, table: bytes) -> Parts:
        of_table = attribute(_TABLE, table)

        def chain(given: Attributes) -> told.StandingChain | None:
            return told.chain_of(given) if given[_TABLE] == table else None

        chains = self._netlink.dump(told.GET_CHAIN, family, of_table, chain)
        sets = self._netlink.dump(told.GET_SET, family, of_table, told.set_of)
        return Parts(
            tuple(one for one in chains if one is not None),
            tuple(self._filled(family, of_table, one) for one in sets if one is not None),
        )

    def _filled(self, family: int, of_table: bytes, found: told.StandingSet) -> told.StandingSet:
        if found.dynamic:
            return found
        given = of_table + attribute(_SET, text(found.name))
        messages = self._netlink.dump(told.GET_ELEMENTS, family, given, told.elements_of)
        return found._replace(elements=tuple(one for message in messages for one in message))

    def objects(self, family: str, table: str) -> Objects:
        """Return the table's named objects. Raises KernelError."""
        given = attribute(_TABLE, text(table))
        with _kernel_errors("its objects"):
            found = self._netlink.dump(_GETOBJ, _FAMILIES[family], given, _object, _OBJECT_KIND)
        kinds = (_COUNTER, _LIMIT, _HELPER)
        return Objects(*(frozenset(name for name, kind in found if kind == one) for one in kinds))


@contextmanager
def _kernel_errors(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KernelError(f"nftables does not tell {what}: {error}") from error


def number_of(answer: Answer) -> int:
    """Return the number in the kernel's answer. Raises OSError where there is none."""
    if answer.kind != _NEWGEN or _GEN_ID not in answer.attributes:
        raise OSError(0, "the answer has no number in it")
    return number(answer.attributes[_GEN_ID])


def rule_of(given: Attributes) -> StandingRule:
    """Return a rule from its attributes."""
    chain = _chain(given[_CHAIN])
    return StandingRule(chain, number(given[_HANDLE]), comment_of(given.get(_USERDATA, b"")))


def comment_of(userdata: bytes) -> str:
    """Return the comment among what is kept beside a rule: kind, length, value, again and again."""
    place = 0
    while place + 2 <= len(userdata):
        kind, length = userdata[place], userdata[place + 1]
        if kind == _COMMENT:
            return _name(userdata[place + 2 : place + 2 + length])
        place += 2 + length
    return ""


def _object(given: Attributes) -> tuple[str, int]:
    return _name(given[_OBJECT_NAME]), number(given[_OBJECT_KIND])


@lru_cache(maxsize=4096)
def _chain(value: bytes) -> str:
    """Return a chain's name, the same text for all its rules."""
    return _name(value)


def _name(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")
