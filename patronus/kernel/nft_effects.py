# SPDX-License-Identifier: GPL-2.0-or-later
"""Statements that do something to a packet or its connection, as expressions: marks, translations, logs.

What is not known here raises Unknown, as in nft_expressions, and libnftables takes its place.
Source: linux/netfilter/nf_tables.h, nf_nat.h.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from patronus.kernel.nfnetlink import attribute, text
from patronus.kernel.nft_attributes import REGISTER, Unknown, expression, masked, value, word
from patronus.kernel.nft_sets import connections, packed

_ALL_BITS = 0xFFFFFFFF
_PACKETS, _CONNECTIONS = {"meta": {"key": "mark"}}, {"ct": {"key": "mark"}}
_MARK = 3
"""NFT_META_MARK and NFT_CT_MARK."""
_SEGMENT = {"tcp option": {"name": "maxseg", "field": "size"}}
_MAXSEG = 2
"""TCPOPT_MAXSEG, which has its value in two bytes behind two bytes (RFC 9293 section 3.2)."""
_TCP_OPTION = 1
"""NFT_EXTHDR_OP_TCPOPT."""
_LEVELS = {"info": 6}
TRANSLATIONS = {"snat": 0, "dnat": 1}
_FAMILIES = {"ip": ("ipv4", 2, 4), "ip6": ("ipv6", 10, 16)}
"""Family of a translation → the rule's word for it, its number, and the length of an address."""
_PARTS = {"family", "addr", "port", "flags"}
_FLAGS = {"persistent": 8, "netmap": 64}
_QUEUE_FLAGS = {"bypass": 1, "fanout": 2}
_FIRST, _LAST, PORT = 1, 2, 3
"""Registers of a translation: the addresses' two ends, and the port."""


def is_mark(said: Mapping[str, Any]) -> bool:
    """Return whether this is the mark of a packet or of a connection, or some bits of one."""
    whole = said["&"][0] if "&" in said else said
    return whole in (_PACKETS, _CONNECTIONS)


def mark_loaded(said: Any) -> bytes:
    """Return what loads a number, a mark, bits of one, or one with bits added. Raises Unknown."""
    if isinstance(said, int):
        return _immediate(REGISTER, struct.pack("=I", said))
    said, bits = _operands("|", said, 0)
    said, mask = _operands("&", said, _ALL_BITS)
    if said not in (_PACKETS, _CONNECTIONS) or not isinstance(mask, int) or not isinstance(bits, int):
        raise Unknown(f"a mark from {said}")
    load = expression("meta" if said == _PACKETS else "ct", word(2, _MARK), word(1, REGISTER))
    mask &= ~bits
    return load if mask == _ALL_BITS else load + masked(struct.pack("=I", mask), struct.pack("=I", bits))


def _operands(name: str, said: Any, default: int) -> tuple[Any, Any]:
    """Return the two sides of an operation, or all of it and what changes nothing."""
    both = said.get(name) if isinstance(said, dict) else None
    return (both[0], both[1]) if isinstance(both, list) and len(both) == 2 else (said, default)


def _marked(said: Mapping[str, Any]) -> bytes:
    if said["key"] == _PACKETS:
        return mark_loaded(said["value"]) + expression("meta", word(2, _MARK), word(3, REGISTER))
    if said["key"] == _CONNECTIONS:
        return mark_loaded(said["value"]) + expression("ct", word(2, _MARK), word(4, REGISTER))
    if said["key"] == _SEGMENT and isinstance(said["value"], int):
        size = _immediate(REGISTER, said["value"].to_bytes(2, "big"))
        place = (attribute(2, bytes([_MAXSEG])), word(3, 2), word(4, 2))
        return size + expression("exthdr", *place, word(6, _TCP_OPTION), word(7, REGISTER))
    raise Unknown(f"setting {said['key']}")


def _logged(said: Any) -> bytes:
    if not isinstance(said, dict) or said.keys() != {"prefix", "level"} or said["level"] not in _LEVELS:
        raise Unknown("a log of another form")
    return expression("log", attribute(2, text(said["prefix"])), word(5, _LEVELS[said["level"]]))


def _masqueraded(said: Any) -> bytes:
    if said is not None:
        raise Unknown("a masquerade with ports or flags")
    return expression("masq")


def _few(said: Mapping[str, Any]) -> bytes:
    return expression("connlimit", *connections(said))


def translated(verb: str, said: Mapping[str, Any], asked: str | None, moved: bytes = b"") -> bytes:
    """Return a translation to an address, a range or a prefix, perhaps with a port. Raises Unknown.

    ``asked`` is the family that the rule has asked for before: libnftables asks where a rule has not.
    ``moved`` loads the port in place of one that is said.
    """
    port, flags = said.get("port", 0), said.get("flags", "")
    if not said.keys() <= _PARTS or not isinstance(port, int) or flags not in ("", *_FLAGS):
        raise Unknown(f"{verb} of another form")
    word_of, number, length = _FAMILIES.get(said.get("family", ""), ("", 0, 0))
    if not asked or asked != word_of:
        raise Unknown(f"{verb} where the rule did not ask for the family")
    first, last = _ends(said.get("addr"), length)
    loads = [_immediate(_FIRST, first)]
    parts = [word(1, TRANSLATIONS[verb]), word(2, number), word(3, _FIRST)]
    if last is not None:
        loads.append(_immediate(_LAST, last))
        parts.append(word(4, _LAST))
    if port:
        moved = _immediate(PORT, port.to_bytes(2, "big"))
    if moved:
        loads.append(moved)
        parts.append(word(5, PORT))
    if flags:
        parts.append(word(7, _FLAGS[flags]))
    return b"".join((*loads, expression("nat", *parts)))


def _ends(addresses: Any, length: int) -> tuple[bytes, bytes | None]:
    if isinstance(addresses, str):
        return packed(addresses, length), None
    if not isinstance(addresses, dict) or not addresses.keys() & {"range", "prefix"}:
        raise Unknown(f"a translation to {addresses}")
    if "range" in addresses:
        first, last = (packed(end, length) for end in addresses["range"])
        return first, last
    first = packed(addresses["prefix"]["addr"], length)
    free = (1 << 8 * length - addresses["prefix"]["len"]) - 1
    return first, (int.from_bytes(first, "big") | free).to_bytes(length, "big")


def _immediate(register: int, data: bytes) -> bytes:
    return expression("immediate", word(1, register), value(2, data))


def _queued(said: Mapping[str, Any]) -> bytes:
    """Return the way to a program that decides; numbers and flags have two bytes, in the network's order."""
    which, flags = said.get("num"), said.get("flags", [])
    first, last = which["range"] if isinstance(which, dict) and "range" in which else (which, which)
    if not isinstance(first, int) or not isinstance(last, int) or not set(flags) <= _QUEUE_FLAGS.keys():
        raise Unknown("a queue of another form")
    parts = [(1, first), (2, last - first + 1)]
    if flags:
        parts.append((3, sum(_QUEUE_FLAGS[flag] for flag in flags)))
    return expression("queue", *(attribute(kind, number.to_bytes(2, "big")) for kind, number in parts))


def _offloaded(said: Mapping[str, Any]) -> bytes:
    if said["op"] != "add":
        raise Unknown(f"flow {said['op']}")
    return expression("flow_offload", attribute(1, text(said["flowtable"].removeprefix("@"))))


EFFECTS: Mapping[str, Callable[[Any], bytes]] = {
    "mangle": _marked,
    "log": _logged,
    "masquerade": _masqueraded,
    "ct count": _few,
    "queue": _queued,
    "flow": _offloaded,
}
