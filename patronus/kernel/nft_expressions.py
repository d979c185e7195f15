# SPDX-License-Identifier: GPL-2.0-or-later
"""Statements of libnftables' JSON as expressions of nf_tables: those that most filter rules are made of.

What is not known here raises Unknown, and libnftables takes its place. A rule made here is the same as one of
libnftables': ``nft list`` shows it alike, and a test compares the two.
Source: linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from patronus.kernel import nft_fields as fields
from patronus.kernel import nft_keys
from patronus.kernel.nfnetlink import attribute, text
from patronus.kernel.nft_attributes import (
    REGISTER,
    VERDICTS,
    Statement,
    Unknown,
    expression,
    masked,
    verdict_data,
    word,
)
from patronus.kernel.nft_effects import EFFECTS, PORT, TRANSLATIONS, is_mark, mark_loaded, translated
from patronus.kernel.nft_facts import FLAGS, WHOLE, asked_for, flags_are, is_in_state
from patronus.kernel.nft_fields import EQUAL, NOT_EQUAL, PAYLOAD, TRANSPORT, compare
from patronus.kernel.nft_headers import (
    CLASS_KINDS,
    class_data,
    class_loaded,
    class_of,
    class_set,
    classes,
    mac_data,
    sender_loaded,
)
from patronus.kernel.nft_sets import anonymous, counted, moved_ports, packed

_VERDICT_REGISTER = 0
_COUNTER, _HELPER, _LIMIT = 1, 3, 4
_TCP = 6
_SET_KINDS = {
    ("ip", "saddr"): "ipv4_addr", ("ip", "daddr"): "ipv4_addr",
    ("ip6", "saddr"): "ipv6_addr", ("ip6", "daddr"): "ipv6_addr",
    ("th", "sport"): "inet_service", ("th", "dport"): "inet_service",
    ("icmp", "type"): "icmp_type", ("icmpv6", "type"): "icmpv6_type",
}  # fmt: skip
_ADDRESS_KINDS = {4: "ipv4_addr", 16: "ipv6_addr"}
_OF_PROTOCOL = {"icmp": 1, "icmpv6": 58}
"""Headers that are only looked into where the rule has asked for their protocol."""
_RESET, _ICMPX = 1, 2
_REFUSALS = {"no-route": 0, "port-unreachable": 1, "host-unreachable": 2, "admin-prohibited": 3}
_COMPARED = {"==": EQUAL, "!=": NOT_EQUAL}
_INVERTED = {"==": b"", "!=": word(5, 1)}
_ASKED_PORT = {"payload": {"protocol": "th", "field": "dport"}}


@lru_cache(maxsize=256)
def _verdict(name: str, chain: str | None) -> bytes:
    data = verdict_data({name: {"target": chain} if chain else None})
    return expression("immediate", word(1, _VERDICT_REGISTER), data)


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

    ``sets`` are the anonymous sets that the rule needs before it: each set, and its elements in parts.
    """

    def __init__(self) -> None:
        self._family: str | None = None
        self._protocol: Any = None
        self.sets: list[tuple[bytes, list[bytes]]] = []

    def expressions(self, statements: Iterable[Statement]) -> bytes:
        """Return the rule's expressions. Raises Unknown."""
        return b"".join([self._statement(*item) for statement in statements for item in statement.items()])

    def _statement(self, name: str, said: Any) -> bytes:
        if name == "match":
            return self._match(said)
        if name == "counter":
            return self._counter(said)
        if name == "limit":
            return _object(_LIMIT, said)
        if name in VERDICTS:
            return _verdict(name, said["target"] if said else None)
        return self._seldom(name, said)

    def _counter(self, said: Any) -> bytes:
        """Return what counts in a counter, or in the one that a named map has for the packet."""
        if not isinstance(said, dict) or "map" not in said:
            return _object(_COUNTER, said)
        counters = attribute(4, text(said["map"]["data"].removeprefix("@")))
        key = said["map"]["key"]
        loaded = nft_keys.loaded(key) + expression("objref", word(3, REGISTER), counters)
        family = nft_keys.family_of(key)
        return (self._of_family(family) if family else b"") + loaded

    def _seldom(self, name: str, said: Any) -> bytes:
        """Return a statement that few rules have."""
        if name == "reject":
            return self._refusal(said)
        if name == "ct helper":
            return _object(_HELPER, said)
        if name in EFFECTS:
            return self._effect(name, said)
        if name in TRANSLATIONS:
            return self._translated(name, said)
        if name == "vmap":
            return self._way(said["key"], said["data"])
        if name == "set":
            return self._key(said["elem"]) + counted(said)
        raise Unknown(name)

    def _effect(self, name: str, said: Any) -> bytes:
        if name == "mangle" and (header := class_of(said["key"])):
            return self._of_family(header) + class_set(header, said["value"])
        return EFFECTS[name](said)

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
        found = fields.lookup(ways, word(3, _VERDICT_REGISTER))
        if "payload" in key:
            field = key["payload"]
            return self._loaded(field["protocol"], field["field"]) + found
        if not (names := fields.names(key)):
            raise Unknown(f"a way by {key}")
        return fields.names_loaded(names) + found

    def _match(self, said: Mapping[str, Any]) -> bytes:
        left, right, op = said["left"], said["right"], said["op"]
        if "payload" in left and isinstance(right, str) and right[:1] == "@" and op in _INVERTED:
            field, found = left["payload"], fields.lookup(right, _INVERTED[op])
            return self._loaded(field["protocol"], field["field"]) + found
        if op != "==":
            return self._match_seldom(said, left, right)
        if isinstance(right, dict) and "set" in right:
            return self._among(left, right["set"])
        if "payload" in left:
            field = left["payload"]
            return self._field(field["protocol"], field["field"], right)
        if "meta" in left and left["meta"]["key"] != "mark":
            return self._meta(left["meta"]["key"], right)
        return self._match_seldom(said, left, right)

    def _match_seldom(self, said: Mapping[str, Any], left: Mapping[str, Any], right: Any) -> bytes:
        """Return a comparison that few rules have. Raises Unknown."""
        for known, made in WHOLE:
            if said == known:
                return made
        if said["op"] in _COMPARED and isinstance(right, int) and is_mark(left):
            return mark_loaded(left) + compare(_COMPARED[said["op"]], struct.pack("=I", right))
        if said["op"] == "!=" and "payload" in left and isinstance(right, str):
            protocol, name = left["payload"]["protocol"], left["payload"]["field"]
            loaded, (_, _, length) = self._loaded(protocol, name), PAYLOAD[protocol, name]
            return loaded + compare(NOT_EQUAL, packed(right, length))
        if said["op"] == "==" and "&" in left and left["&"][0] == FLAGS and self._protocol == _TCP:
            return flags_are(left["&"][1], right)
        if said["op"] == "==" and (before := asked_for(left.get("ct", {}))):
            return before[0] + fields.is_address(before[1], right)
        if said["op"] == "in" and left == {"ct": {"key": "state"}}:
            return is_in_state(tuple([right] if isinstance(right, str) else right))
        raise Unknown(str(said))

    def _among(self, left: Any, elements: list[Any]) -> bytes:
        """Return the question whether a value is in an anonymous set, which becomes one of ``sets``."""
        if "payload" in left:
            field = left["payload"]["protocol"], left["payload"]["field"]
            if class_of(left):
                kind, elements = CLASS_KINDS[field[0]], classes(field[0], elements)
                load = self._of_family(field[0]) + class_loaded(field[0])
            elif field in _SET_KINDS:
                kind, load = _SET_KINDS[field], self._loaded(*field)
            else:
                raise Unknown(f"a set of {left}")
        elif before := asked_for(left.get("ct", {})):
            load, kind = before[0], _ADDRESS_KINDS[before[1]]
        elif names := fields.names(left):
            return fields.names_loaded(names) + self._in_set(["ifname"] * len(names), elements)
        elif left.get("meta", {}).get("key") == "l4proto":
            kind, load = "inet_proto", fields.meta("l4proto")
        else:
            raise Unknown(f"a set of {left}")
        return load + self._in_set([kind], elements)

    def _in_set(self, kinds: Sequence[str], elements: Sequence[Any]) -> bytes:
        number, made, filled = anonymous(kinds, elements)
        self.sets.append((made, filled))
        return fields.lookup("@__set%d", word(4, number))

    def _translated(self, verb: str, said: Mapping[str, Any]) -> bytes:
        """Return a translation; a map of ports becomes one of ``sets``."""
        moved = said.get("port")
        if not isinstance(moved, dict) or "map" not in moved:
            return translated(verb, said, self._family)
        if moved["map"].get("key") != _ASKED_PORT:
            raise Unknown("ports by something else than the port asked for")
        number, made, filled = moved_ports(moved["map"]["data"]["set"])
        self.sets.append((made, filled))
        load = fields.payload(*PAYLOAD["th", "dport"], PORT)
        port = load + fields.lookup("@__map%d", word(3, PORT), word(4, number), register=PORT)
        return translated(verb, {**said, "port": 0}, self._family, port)

    def _loaded(self, protocol: str, name: str) -> bytes:
        """Return what loads a header field, after the question for its family."""
        if (protocol, name) not in PAYLOAD:
            raise Unknown(f"{protocol} {name}")
        if _OF_PROTOCOL.get(protocol) not in (None, self._protocol):
            raise Unknown(f"{protocol} where the rule did not ask for it")
        base, offset, length = PAYLOAD[protocol, name]
        family = b"" if base == TRANSPORT else self._of_family(protocol)
        return family + fields.payload(base, offset, length)

    def _meta(self, key: str, right: Any) -> bytes:
        if not isinstance(right, str | int):
            raise Unknown(f"a set of {key}")
        if key == "nfproto":
            self._family = str(right)
        if key == "l4proto":
            self._protocol = right
        return fields.property_is(key, right)

    def _field(self, protocol: str, name: str, right: Any) -> bytes:
        if (protocol, name) not in PAYLOAD:
            return self._field_seldom(protocol, name, right)
        base, offset, length = PAYLOAD[protocol, name]
        if length == 1 and isinstance(right, int):
            return self._loaded(protocol, name) + compare(EQUAL, bytes([right]))
        if base == TRANSPORT:
            return fields.is_port(offset, right)
        return self._of_family(protocol) + fields.address_is(offset, length, right)

    def _field_seldom(self, protocol: str, name: str, right: Any) -> bytes:
        """Return a comparison of a field that few rules look at. Raises Unknown."""
        if class_of({"payload": {"protocol": protocol, "field": name}}):
            loaded = self._of_family(protocol) + class_loaded(protocol)
            return loaded + compare(EQUAL, class_data(protocol, right))
        if (protocol, name) == ("ether", "saddr"):
            asked, ethernet, loaded = sender_loaded()
            return asked + compare(EQUAL, ethernet) + loaded + compare(EQUAL, mac_data(right))
        raise Unknown(f"{protocol} {name}")

    def _of_family(self, protocol: str) -> bytes:
        """Return the question for the family, which comes before the first look at its header."""
        family = "ipv4" if protocol == "ip" else "ipv6"
        if self._family == family:
            return b""
        return self._meta("nfproto", family)
