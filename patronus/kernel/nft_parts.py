# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel tells of chains, of sets and maps, and of their elements: thousands of them, read in bulk.

libnftables tells the same as JSON with every element spelled out, which takes five times as long.
Source: linux/netfilter/nf_tables.h, enum nft_chain_attributes, nft_set_attributes, nft_set_elem_attributes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from patronus.kernel.nfnetlink import Attributes, attributes, number
from patronus.kernel.nft_batch import HOOKS, POLICIES
from patronus.kernel.nft_sets import CONCATENATED, KINDS

GET_CHAIN, GET_SET, GET_ELEMENTS = 4, 10, 13
TABLE, ELEMENTS = 1, 3
_CHAIN_NAME, _HOOK, _POLICY, _TYPE = 3, 4, 5, 7
_SET_NAME, _FLAGS, _KEY_TYPE, _DESCRIPTION, _TIMEOUT = 2, 3, 4, 9, 11
_ANONYMOUS, _INTERVAL, _MAP, _DYNAMIC, _OBJECTS = 1, 4, 8, 0x20, 0x40
_KEY, _DATA, _ELEMENT_FLAGS, _OBJECT, _KEY_END = 1, 2, 3, 9, 10
_NESTED = 0x3FFF
"""What is left of an attribute's kind without its flags."""
_ATTRIBUTE = struct.Struct("=HH").unpack_from
_HOOK_NAMES = {code: name for name, code in HOOKS.items()}
_POLICY_NAMES = {code: name for name, code in POLICIES.items()}
_KIND_NAMES = {code: kind for kind, (code, _) in KINDS.items()}


class StandingHook(NamedTuple):
    """Where a base chain is called from, in nft's words."""

    type: str
    hook: str
    priority: int
    policy: str


class StandingChain(NamedTuple):
    """A chain in the kernel."""

    name: str
    hook: StandingHook | None


class Element(NamedTuple):
    """One element: ``end`` is the last key of a range, ``leads`` the chain or object of a map.

    In sets of intervals one element begins an interval, and one that ``closes`` it stands behind its end.
    """

    key: bytes
    end: bytes | None
    leads: str
    closes: bool


class StandingSet(NamedTuple):
    """A set or map in the kernel; ``leads``: ``verdict``, ``object``, or empty for a set.

    Elements of one that is ``dynamic`` are the kernel's own, and not told.
    """

    name: str
    kinds: tuple[str, ...]
    leads: str
    interval: bool
    dynamic: bool
    timeout_s: int
    size: int
    elements: tuple[Element, ...] = ()


def chain_of(given: Attributes) -> StandingChain:
    """Return a chain from its attributes."""
    name = _name(given[_CHAIN_NAME])
    if _HOOK not in given:
        return StandingChain(name, None)
    hook = attributes(given[_HOOK], 0, len(given[_HOOK]))
    priority = int.from_bytes(hook[2], "big", signed=True)
    code, policy = number(hook[1]), number(given[_POLICY])
    where = _HOOK_NAMES.get(code, f"hook {code}")
    return StandingChain(
        name, StandingHook(_name(given[_TYPE]), where, priority, _POLICY_NAMES.get(policy, str(policy)))
    )


def set_of(given: Attributes) -> StandingSet | None:
    """Return a set or map from its attributes, without elements; None for that of a single rule."""
    flags = number(given.get(_FLAGS, b""))
    if flags & _ANONYMOUS:
        return None
    description = given.get(_DESCRIPTION, b"")
    size = attributes(description, 0, len(description)).get(1, b"")
    return StandingSet(
        name=_name(given[_SET_NAME]),
        kinds=_kinds(number(given[_KEY_TYPE])),
        leads="verdict" if flags & _MAP else "object" if flags & _OBJECTS else "",
        interval=bool(flags & _INTERVAL),
        dynamic=bool(flags & _DYNAMIC),
        timeout_s=number(given.get(_TIMEOUT, b"")) // 1000,
        size=number(size),
    )


def _kinds(code: int) -> tuple[str, ...]:
    """Return the types of a key's fields."""
    found: list[str] = []
    while code:
        kind = code & ((1 << CONCATENATED) - 1)
        found.append(_KIND_NAMES.get(kind, f"type {kind}"))
        code >>= CONCATENATED
    return tuple(reversed(found))


def elements_of(given: Attributes) -> list[Element]:
    """Return the elements that one message tells."""
    return list(_each(given.get(ELEMENTS, b"")))


def _each(data: bytes) -> Iterator[Element]:
    place, last = 0, len(data) - 4
    while place <= last:
        length, _ = _ATTRIBUTE(data, place)
        yield _element(data, place + 4, place + length)
        place += (length + 3) & ~3 or 4


def _element(data: bytes, place: int, end: int) -> Element:
    key, key_end, leads, closes = b"", None, "", False
    while place + 4 <= end:
        length, kind = _ATTRIBUTE(data, place)
        kind &= _NESTED
        if kind == _KEY:
            key = data[place + 8 : place + 4 + _ATTRIBUTE(data, place + 4)[0]]
        elif kind == _OBJECT:
            leads = data[place + 4 : place + length - 1].decode(errors="replace")
        elif kind == _DATA:
            leads = _chain_led_to(data[place + 4 : place + length])
        elif kind == _KEY_END:
            key_end = data[place + 8 : place + 4 + _ATTRIBUTE(data, place + 4)[0]]
        elif kind == _ELEMENT_FLAGS:
            closes = bool(data[place + 7] & 1)
        place += (length + 3) & ~3 or 4
    return Element(key, key_end, leads, closes)


@lru_cache(maxsize=4096)
def _chain_led_to(data: bytes) -> str:
    """Return the chain of a verdict; empty for one without."""
    verdict = attributes(data, 0, len(data)).get(2, b"")
    return _name(attributes(verdict, 0, len(verdict)).get(2, b""))


def _name(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")
