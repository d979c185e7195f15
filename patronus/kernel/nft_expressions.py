# SPDX-License-Identifier: GPL-2.0-or-later
"""Statements of libnftables' JSON as expressions of nf_tables: those that most filter rules are made of.

What is not known here raises Unknown, and libnftables takes its place. A rule made here is the same as one of
libnftables': ``nft list`` shows it alike, and a test compares the two.
Source: linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from patronus.kernel.nfnetlink import attribute, text
from patronus.kernel.nft_attributes import (
    REGISTER,
    VERDICTS,
    Statement,
    Unknown,
    expression,
    masked,
    value,
    verdict_data,
    word,
)
from patronus.kernel.nft_effects import EFFECTS, TRANSLATIONS, is_mark, mark_loaded, translated
from patronus.kernel.nft_headers import (
    CLASS_KINDS,
    class_data,
    class_loaded,
    classes,
    mac_data,
    sender_loaded,
)
from patronus.kernel.nft_sets import anonymous, counted, packed

_VERDICT_REGISTER = 0
_EQUAL, _NOT_EQUAL, _AT_MOST, _AT_LEAST = 0, 1, 3, 5
_COUNTER, _HELPER, _LIMIT = 1, 3, 4
_META = {"iifname": 6, "oifname": 7, "nfproto": 15, "l4proto": 16}
_NFPROTO = {"ipv4": 2, "ipv6": 10}
_NETWORK, _TRANSPORT = 1, 2
_PAYLOAD = {
    ("ip", "saddr"): (_NETWORK, 12, 4), ("ip", "daddr"): (_NETWORK, 16, 4),
    ("ip6", "saddr"): (_NETWORK, 8, 16), ("ip6", "daddr"): (_NETWORK, 24, 16),
    ("th", "sport"): (_TRANSPORT, 0, 2), ("th", "dport"): (_TRANSPORT, 2, 2),
    ("icmp", "type"): (_TRANSPORT, 0, 1), ("icmpv6", "type"): (_TRANSPORT, 0, 1),
    ("ip6", "hoplimit"): (_NETWORK, 7, 1),
}  # fmt: skip
"""(header, field) → base, offset and length in bytes."""
_INTERFACE_NAME = 16
_TCP = 6
_NAMES = ("iifname", "oifname")
_SET_KINDS = {
    ("ip", "saddr"): "ipv4_addr", ("ip", "daddr"): "ipv4_addr",
    ("ip6", "saddr"): "ipv6_addr", ("ip6", "daddr"): "ipv6_addr",
    ("th", "sport"): "inet_service", ("th", "dport"): "inet_service",
    ("icmp", "type"): "icmp_type", ("icmpv6", "type"): "icmpv6_type",
}  # fmt: skip
_CLASSES = frozenset({("ip", "dscp"), ("ip6", "dscp")})
_OF_PROTOCOL = {"icmp": 1, "icmpv6": 58}
"""Headers that are only looked into where the rule has asked for their protocol."""
_RESET, _ICMPX = 1, 2
_REFUSALS = {"no-route": 0, "port-unreachable": 1, "host-unreachable": 2, "admin-prohibited": 3}
_FIB_OIF, _FIB_TYPE = 1, 3
_FIB_SADDR, _FIB_DADDR, _FIB_IIF, _FIB_PRESENT = 1, 2, 8, 32
_LOCAL = 2
"""RTN_LOCAL: an address of this machine."""
_COMPARED = {"==": _EQUAL, "!=": _NOT_EQUAL}
_INVERTED = {"==": b"", "!=": word(5, 1)}
_CT_STATE, _CT_STATUS = 0, 2
_DESTINATION_NAT = 1 << 5
"""linux/netfilter/nf_conntrack_common.h, IPS_DST_NAT."""
_STATES = {"invalid": 1, "established": 2, "related": 4, "new": 8, "untracked": 64}


@lru_cache(maxsize=256)
def _verdict(name: str, chain: str | None) -> bytes:
    data = verdict_data({name: {"target": chain} if chain else None})
    return expression("immediate", word(1, _VERDICT_REGISTER), data)


@lru_cache(maxsize=64)
def _meta(key: str, register: int = REGISTER) -> bytes:
    return expression("meta", word(2, _META[key]), word(1, register))


def _lookup(name: str, *more: bytes) -> bytes:
    return expression("lookup", attribute(1, text(name.removeprefix("@"))), word(2, REGISTER), *more)


@lru_cache(maxsize=16)
def _state(states: tuple[str, ...]) -> bytes:
    bits = sum(_STATES[state] for state in states)
    load = expression("ct", word(2, _CT_STATE), word(1, REGISTER))
    return load + masked(struct.pack("=I", bits), bytes(4)) + _compare(_NOT_EQUAL, bytes(4))


@lru_cache(maxsize=256)
def _property(key: str, right: str | int) -> bytes:
    if key == "l4proto" and isinstance(right, int):
        return _meta(key) + _compare(_EQUAL, bytes([right]))
    if key == "nfproto" and right in _NFPROTO:
        return _meta(key) + _compare(_EQUAL, bytes([_NFPROTO[str(right)]]))
    if key in ("iifname", "oifname") and isinstance(right, str) and not right.endswith("*"):
        return _meta(key) + _compare(_EQUAL, right.encode().ljust(_INTERFACE_NAME, b"\0"))
    raise Unknown(f"meta {key}")


@lru_cache(maxsize=256)
def _payload(base: int, offset: int, length: int) -> bytes:
    parts = word(1, REGISTER), word(2, base), word(3, offset), word(4, length)
    return expression("payload", *parts)


def _compare(op: int, data: bytes) -> bytes:
    return _comparison(op, len(data)) + data + bytes(-len(data) % 4)


@lru_cache(maxsize=128)
def _comparison(op: int, length: int) -> bytes:
    """Return the expression up to its data; what stands before depends on their length alone."""
    whole = expression("cmp", word(1, REGISTER), word(2, op), value(3, bytes(length)))
    return whole[: len(whole) - length - -length % 4]


def _object(kind: int, name: Any) -> bytes:
    if not isinstance(name, str):
        raise Unknown("an object without a name")
    data = text(name)
    return _reference(kind, len(data)) + data + bytes(-len(data) % 4)


@lru_cache(maxsize=256)
def _reference(kind: int, length: int) -> bytes:
    """Return the expression up to the name, which comes last."""
    whole = expression("objref", word(1, kind), attribute(2, bytes(length)))
    return whole[: len(whole) - length - -length % 4]


class RuleEncoder:
    """Encodes the statements of one rule: what an earlier one asked for already is not asked for again.

    ``sets`` are the anonymous sets that the rule needs before it: each set, and its elements.
    """

    def __init__(self) -> None:
        self._family: str | None = None
        self._protocol: Any = None
        self.sets: list[tuple[bytes, bytes]] = []

    def expressions(self, statements: Iterable[Statement]) -> bytes:
        """Return the rule's expressions. Raises Unknown."""
        return b"".join([self._statement(*item) for statement in statements for item in statement.items()])

    def _statement(self, name: str, said: Any) -> bytes:
        if name == "match":
            return self._match(said)
        if name == "counter":
            return _object(_COUNTER, said)
        if name == "limit":
            return _object(_LIMIT, said)
        if name in VERDICTS:
            return _verdict(name, said["target"] if said else None)
        return self._seldom(name, said)

    def _seldom(self, name: str, said: Any) -> bytes:
        """Return a statement that few rules have."""
        if name == "reject":
            return self._refusal(said)
        if name == "ct helper":
            return _object(_HELPER, said)
        if name in EFFECTS:
            return EFFECTS[name](said)
        if name in TRANSLATIONS:
            return translated(name, said, self._family)
        if name == "vmap":
            return self._way(said["key"], said["data"])
        if name == "set":
            return self._key(said["elem"]) + counted(said)
        raise Unknown(name)

    def _key(self, said: Any) -> bytes:
        """Return what loads the key under which a set counts: a header field, or some bits of one."""
        field, mask = said.get("&", (said, None))
        if "payload" not in field:
            raise Unknown(f"a set that counts {field}")
        loaded = self._loaded(field["payload"]["protocol"], field["payload"]["field"])
        if mask is None:
            return loaded
        bits = packed(mask, 16 if ":" in mask else 4)
        return loaded + masked(bits, bytes(len(bits)))

    def _refusal(self, said: Mapping[str, Any]) -> bytes:
        if said == {"type": "tcp reset"} and self._protocol == _TCP:
            return expression("reject", word(1, _RESET), attribute(2, b"\0"))
        if said.get("type") == "icmpx" and said.get("expr") in _REFUSALS:
            return expression("reject", word(1, _ICMPX), attribute(2, bytes([_REFUSALS[said["expr"]]])))
        raise Unknown(f"reject {said}")

    def _way(self, key: Any, ways: Any) -> bytes:
        """Return the jump to where a named map leads."""
        found = _lookup(ways, word(3, _VERDICT_REGISTER))
        if "payload" in key:
            field = key["payload"]
            return self._loaded(field["protocol"], field["field"]) + found
        names = [part["meta"]["key"] for part in key.get("concat", (key,)) if "meta" in part]
        if not names or any(name not in _NAMES for name in names):
            raise Unknown(f"a way by {key}")
        return b"".join(_meta(name, REGISTER + at) for at, name in enumerate(names)) + found

    def _match(self, said: Mapping[str, Any]) -> bytes:
        left, right = said["left"], said["right"]
        if "payload" in left and isinstance(right, str) and right.startswith("@") and said["op"] in _INVERTED:
            field = left["payload"]
            return self._loaded(field["protocol"], field["field"]) + _lookup(right, _INVERTED[said["op"]])
        if said["op"] == "==" and isinstance(right, dict) and "set" in right:
            return self._among(left, right["set"])
        if said["op"] == "==" and "payload" in left:
            field = left["payload"]
            return self._field(field["protocol"], field["field"], right)
        if said["op"] == "==" and "meta" in left and not is_mark(left):
            return self._meta(left["meta"]["key"], said["right"])
        return self._match_seldom(said, left, right)

    def _match_seldom(self, said: Mapping[str, Any], left: Mapping[str, Any], right: Any) -> bytes:
        """Return a comparison that few rules have. Raises Unknown."""
        for known, made in _WHOLE:
            if said == known:
                return made
        if said["op"] in _COMPARED and isinstance(right, int) and is_mark(left):
            return mark_loaded(left) + _compare(_COMPARED[said["op"]], struct.pack("=I", right))
        if said["op"] == "!=" and "payload" in left and isinstance(right, str):
            protocol, name = left["payload"]["protocol"], left["payload"]["field"]
            loaded, (_, _, length) = self._loaded(protocol, name), _PAYLOAD[protocol, name]
            return loaded + _compare(_NOT_EQUAL, packed(right, length))
        if said["op"] == "==" and "&" in left and left["&"][0] == _FLAGS and self._protocol == _TCP:
            return _FLAGS_LOADED + masked(bytes([left["&"][1]]), bytes(1)) + _compare(_EQUAL, bytes([right]))
        if said["op"] == "in" and left == {"ct": {"key": "state"}}:
            return _state(tuple([right] if isinstance(right, str) else right))
        raise Unknown(str(said))

    def _among(self, left: Any, elements: list[Any]) -> bytes:
        """Return the question whether a value is in an anonymous set, which becomes one of ``sets``."""
        kind: str | None
        if "payload" in left:
            field = left["payload"]["protocol"], left["payload"]["field"]
            if field in _CLASSES:
                kind, elements = CLASS_KINDS[field[0]], classes(field[0], elements)
                load = self._of_family(field[0]) + class_loaded(field[0])
            else:
                kind, load = _SET_KINDS.get(field), self._loaded(*field)
        else:
            key = left.get("meta", {}).get("key")
            kind = "inet_proto" if key == "l4proto" else "ifname" if key in _NAMES else None
            load = _meta(key) if kind is not None else b""
        if kind is None:
            raise Unknown(f"a set of {left}")
        number, made, filled = anonymous(kind, elements)
        self.sets.append((made, filled))
        return load + _lookup("@__set%d", word(4, number))

    def _loaded(self, protocol: str, name: str) -> bytes:
        """Return what loads a header field, after the question for its family."""
        if (protocol, name) not in _PAYLOAD:
            raise Unknown(f"{protocol} {name}")
        if _OF_PROTOCOL.get(protocol) not in (None, self._protocol):
            raise Unknown(f"{protocol} where the rule did not ask for it")
        base, offset, length = _PAYLOAD[protocol, name]
        family = b"" if base == _TRANSPORT else self._of_family(protocol)
        return family + _payload(base, offset, length)

    def _meta(self, key: str, right: Any) -> bytes:
        if not isinstance(right, str | int):
            raise Unknown(f"a set of {key}")
        if key == "nfproto":
            self._family = str(right)
        if key == "l4proto":
            self._protocol = right
        return _property(key, right)

    def _field(self, protocol: str, name: str, right: Any) -> bytes:
        if (protocol, name) in _CLASSES:
            loaded = self._of_family(protocol) + class_loaded(protocol)
            return loaded + _compare(_EQUAL, class_data(protocol, right))
        if (protocol, name) == ("ether", "saddr"):
            asked, ethernet, loaded = sender_loaded()
            return asked + _compare(_EQUAL, ethernet) + loaded + _compare(_EQUAL, mac_data(right))
        if (protocol, name) not in _PAYLOAD:
            raise Unknown(f"{protocol} {name}")
        base, offset, length = _PAYLOAD[protocol, name]
        if length == 1 and isinstance(right, int):
            return self._loaded(protocol, name) + _compare(_EQUAL, bytes([right]))
        if base == _TRANSPORT:
            return b"".join(_ports(offset, right))
        return self._of_family(protocol) + b"".join(_addresses(offset, length, right))

    def _of_family(self, protocol: str) -> bytes:
        """Return the question for the family, which comes before the first look at its header."""
        family = "ipv4" if protocol == "ip" else "ipv6"
        if self._family == family:
            return b""
        return self._meta("nfproto", family)


def _ports(offset: int, right: Any) -> Iterator[bytes]:
    yield _payload(_TRANSPORT, offset, 2)
    if isinstance(right, int):
        yield _compare(_EQUAL, right.to_bytes(2, "big"))
    elif isinstance(right, dict) and "range" in right:
        first, last = right["range"]
        yield _compare(_AT_LEAST, first.to_bytes(2, "big"))
        yield _compare(_AT_MOST, last.to_bytes(2, "big"))
    else:
        raise Unknown("a set of ports")


def _addresses(offset: int, length: int, right: Any) -> Iterator[bytes]:
    if isinstance(right, str) and not right.startswith("@"):
        yield _payload(_NETWORK, offset, length)
        yield _compare(_EQUAL, packed(right, length))
    elif isinstance(right, dict) and "range" in right:
        yield _payload(_NETWORK, offset, length)
        for op, end in zip((_AT_LEAST, _AT_MOST), right["range"], strict=True):
            yield _compare(op, packed(end, length))
    elif isinstance(right, dict) and "prefix" in right:
        yield from _prefix(offset, length, right["prefix"])
    else:
        raise Unknown("a set of addresses")


def _prefix(offset: int, length: int, prefix: Mapping[str, Any]) -> Iterator[bytes]:
    """Compare whole bytes alone where the prefix ends with one, as libnftables does."""
    address, bits = packed(prefix["addr"], length), prefix["len"]
    if bits % 8 == 0 and bits:
        yield _payload(_NETWORK, offset, bits // 8)
        yield _compare(_EQUAL, address[: bits // 8])
        return
    mask = ((1 << bits) - 1) << (8 * length - bits)
    yield _payload(_NETWORK, offset, length)
    yield masked(mask.to_bytes(length, "big"), bytes(length))
    yield _compare(_EQUAL, address)


_FLAGS = {"payload": {"protocol": "tcp", "field": "flags"}}
_FLAGS_LOADED = _payload(_TRANSPORT, 13, 1)
_NO_WAY_BACK = {"op": "==", "left": {"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, "right": False}
_HAS_NO_WAY_BACK = expression(
    "fib", word(3, _FIB_SADDR | _FIB_IIF | _FIB_PRESENT), word(2, _FIB_OIF), word(1, REGISTER)
) + _compare(_EQUAL, bytes(4))
_FOR_ROUTER = {"op": "==", "left": {"fib": {"result": "type", "flags": ["daddr"]}}, "right": "local"}
_IS_FOR_ROUTER = expression("fib", word(3, _FIB_DADDR), word(2, _FIB_TYPE), word(1, REGISTER)) + _compare(
    _EQUAL, struct.pack("=I", _LOCAL)
)
_TRANSLATED = {"op": "in", "left": {"ct": {"key": "status"}}, "right": "dnat"}
_IS_TRANSLATED = (
    expression("ct", word(2, _CT_STATUS), word(1, REGISTER))
    + masked(struct.pack("=I", _DESTINATION_NAT), bytes(4))
    + _compare(_NOT_EQUAL, bytes(4))
)
_KEPT = 1 << 3
"""IPS_CONFIRMED of linux/netfilter/nf_conntrack_common.h."""
_UNKNOWN_BEFORE = {"op": "==", "left": {"&": [{"ct": {"key": "status"}}, _KEPT]}, "right": 0}
_IS_UNKNOWN_BEFORE = (
    expression("ct", word(2, _CT_STATUS), word(1, REGISTER))
    + masked(struct.pack("=I", _KEPT), bytes(4))
    + _compare(_EQUAL, bytes(4))
)
_WHOLE = (
    (_TRANSLATED, _IS_TRANSLATED),
    (_UNKNOWN_BEFORE, _IS_UNKNOWN_BEFORE),
    (_NO_WAY_BACK, _HAS_NO_WAY_BACK),
    (_FOR_ROUTER, _IS_FOR_ROUTER),
)
"""Comparisons that are always the same."""
