# SPDX-License-Identifier: GPL-2.0-or-later
"""Sets, maps and their elements as attributes of nf_tables, as libnftables makes them.

Named sets of addresses, and maps from addresses or ports, are of intervals: an element where one begins, and
one behind its last value that ends it. An element that is written out, ``{"elem": {"val": …}}``, is its value
alone, or values of several fields (``nft_keys``). A map's key that is text, or several, names interfaces.
Source: linux/netfilter/nf_tables.h; what is kept beside a set and an element as libnftnl stores it
(libnftnl/udata.h).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, count
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any

from patronus.kernel.nfnetlink import attribute, text
from patronus.kernel.nft_attributes import REGISTER, Unknown, expression, nested, value, verdict_data, word

Fields = Mapping[str, Any]
KINDS = {
    "ipv4_addr": (7, 4), "ipv6_addr": (8, 16), "inet_proto": (12, 1), "inet_service": (13, 2),
    "dscp": (36, 1), "dscp6": (36, 2), "icmp_type": (14, 1), "icmpv6_type": (29, 1), "ifname": (41, 16),
}  # fmt: skip
"""Type of a key → its number in libnftables, and its length in bytes."""
_FLAGS = {"constant": 2, "interval": 4, "timeout": 0x10, "dynamic": 0x20}
_ANONYMOUS, _MAP, _OBJECT, _CONCAT = 1, 8, 0x40, 0x80
_VERDICT = 0xFFFFFF00
_COUNTER = 1
_DATA = {
    None: (0, b""),
    "verdict": (_MAP, word(6, _VERDICT) + word(7, 0)),
    "counter": (_OBJECT, word(15, _COUNTER)),
}
"""What a map leads to → its flag, and what it says of that."""
_KNOWN = {"family", "table", "name", "type", "map", "flags", "timeout", "size"}
_HOST, _NETWORK = 1, 2
"""Beside a set: the byte order of its keys."""
_ORDER_OF_DATA = struct.pack("=BBI", 1, 4, _NETWORK)
"""Beside a map: that of what it leads to."""
_OPEN = struct.pack("=BBI", 1, 4, 1)
"""Beside an element: the interval that it begins has no end."""
CONCATENATED = 6
"""Bits of a type's number in that of a concatenation."""
_FULL = 60_000
"""Bytes of elements in a message; an attribute holds 65,535."""
_OPERATIONS = {"add": 0, "update": 1}
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_ids = count(1)


def container(fields: Fields, *, is_map: bool) -> bytes:
    """Return a named set or map, but for its table and name. Raises Unknown."""
    if not fields.keys() <= _KNOWN or fields.get("map") not in (_DATA if is_map else (None,)):
        raise Unknown("a set of another form")
    flags = 0
    for name in fields.get("flags", ()):
        flags |= _FLAGS[name]
    kinds = [fields["type"]] if isinstance(fields["type"], str) else fields["type"]
    of_parts = len(kinds) > 1 and "interval" in fields.get("flags", ())
    more, data = _DATA[fields.get("map")]
    parts = [_keys(kinds, flags | more | (_CONCAT if of_parts else 0)), data]
    if of_parts:
        parts.append(nested(9, nested(2, *(nested(1, word(1, KINDS[kind][1])) for kind in kinds))))
    elif "size" in fields:
        parts.append(nested(9, word(1, fields["size"])))
    if "timeout" in fields:
        parts.append(attribute(11, (1000 * fields["timeout"]).to_bytes(8, "big")))
    return b"".join((*parts, word(10, next(_ids)), attribute(13, _user_data(kinds))))


Anonymous = tuple[int, bytes, list[bytes]]
"""The number of a set within the batch, the set, and its elements in parts; all without their table."""


def anonymous(kinds: Sequence[str], elements: Sequence[Any]) -> Anonymous:
    """Return a set that one rule has. Raises Unknown."""
    ranges = any(isinstance(item, dict) and "concat" not in item for item in elements)
    kind, length = kinds[0], KINDS[kinds[0]][1]
    found = (
        _interval(item, b"", length) if ranges else (nested(1, value(1, _single(kind, item, length))),)
        for item in elements
    )
    flags = _FLAGS["interval"] if ranges else 0
    return _for_one_rule("__set%d", kinds, flags, list(chain.from_iterable(found)))


def moved_ports(pairs: Sequence[Sequence[int]]) -> Anonymous:
    """Return a map from ports to ports that one rule has. Raises Unknown."""
    kind, length = KINDS["inet_service"]
    items = [
        nested(1, *(value(at, packed(port, length)) for at, port in enumerate(pair, 1))) for pair in pairs
    ]
    ports = word(6, kind) + word(7, length)
    return _for_one_rule("__map%d", ["inet_service"], _MAP, items, ports, _ORDER_OF_DATA)


def _for_one_rule(
    said: str,
    kinds: Sequence[str],
    flags: int,
    items: Sequence[bytes],
    data: bytes = b"",
    beside: bytes = b"",
) -> Anonymous:
    """Return a set that is filled at once. Its size is said, so that it never grows while it is read back."""
    number, name = next(_ids) & 0xFFFFFFFF, attribute(2, text(said))
    keys = _keys(kinds, flags | _ANONYMOUS | _FLAGS["constant"])
    size = b"" if flags & _FLAGS["interval"] else nested(9, word(1, len(items)))
    made = name + keys + data + size + word(10, number) + attribute(13, _user_data(kinds) + beside)
    where = name + word(4, number)
    return number, made, [where + part for part in _parts(items)]


def counted(said: Fields) -> bytes:
    """Return what puts the key in the first register into a set, perhaps with a limit. Raises Unknown."""
    limits = said.get("stmt", [])
    if len(limits) > 1 or said["op"] not in _OPERATIONS:
        raise Unknown("a set that counts otherwise")
    held = [nested(7, *_own_limit(*item)) for one in limits for item in one.items()]
    name = attribute(1, text(said["set"].removeprefix("@")))
    return expression("dynset", name, word(3, _OPERATIONS[said["op"]]), word(4, REGISTER), *held)


def _own_limit(name: str, limit: Fields) -> tuple[bytes, bytes]:
    if name == "limit":
        return attribute(1, text("limit")), limit_data(2, limit)
    if name == "ct count":
        return attribute(1, text("connlimit")), nested(2, *connections(limit))
    raise Unknown(f"a set with {name}")


def connections(limit: Fields) -> tuple[bytes, bytes]:
    """Return a limit of connections as the attributes of an expression. Raises Unknown."""
    if not {"val"} <= limit.keys() <= {"val", "inv"}:
        raise Unknown("a limit of connections of another form")
    return word(1, limit["val"]), word(2, 1 if limit.get("inv") else 0)


def limit_data(kind: int, limit: Fields) -> bytes:
    """Return a limit of packets as an attribute: the data of an expression, or of an object."""
    rate, unit = limit["rate"].to_bytes(8, "big"), _SECONDS[limit["per"]].to_bytes(8, "big")
    flags = word(5, 1 if limit.get("inv") else 0)
    return nested(kind, attribute(1, rate), attribute(2, unit), word(3, limit["burst"]), word(4, 0), flags)


def element_lists(elements: Sequence[Any]) -> Iterator[bytes]:
    """Yield the elements in as many attributes as they need. Raises Unknown."""
    yield from _parts(_each(elements))


def _parts(elements: Iterable[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for one in elements:
        if size + len(one) > _FULL:
            yield nested(3, *held)
            held, size = [], 0
        held.append(one)
        size += len(one)
    yield nested(3, *held)


def _each(elements: Sequence[Any]) -> Iterator[bytes]:
    for item in elements:
        key, verdict = item if isinstance(item, list) else (item, None)
        data = b"" if verdict is None else _led_to(verdict)
        if "elem" in _fields(key):
            yield nested(1, *_by_fields(key["elem"]["val"]), data)
        elif data and (isinstance(key, str) or "concat" in _fields(key)):
            yield nested(1, value(1, _interfaces(key)), data)
        else:
            yield from _interval(key, data)


def _led_to(what: Any) -> bytes:
    """Return a verdict, or the counter of a name."""
    return attribute(9, text(what)) if isinstance(what, str) else verdict_data(what)


def _by_fields(said: Any) -> Iterator[bytes]:
    """Yield the key of one field or several (``nft_keys``), and where it ends if one of them is a range."""
    if "concat" not in _fields(said):
        yield value(1, packed(said, 0))
        return
    values = said["concat"]
    yield value(1, _side_by_side(values, 0))
    if any(isinstance(one, dict) for one in values):
        yield value(10, _side_by_side(values, 1))


def _side_by_side(values: Sequence[Any], end: int) -> bytes:
    """Return the values, each filled up to 32 bits: of ranges the one end. A protocol comes before ports."""
    found, length = b"", 1
    for one in values:
        if isinstance(one, str):
            found += packed(one, 0)
        else:
            number = one["range"][end] if isinstance(one, dict) else one
            found += number.to_bytes(length, "big").ljust(4, b"\0")
            length = 2
    return found


def _fields(key: Any) -> Fields:
    return key if isinstance(key, dict) else {}


def _interval(item: Any, data: bytes, length: int = 2) -> Iterator[bytes]:
    """Yield the two ends of an interval: ``192.0.2.1``, ``{"prefix": …}``, ``{"range": …}``, a port."""
    first, behind = _ends(item, length)
    yield nested(1, value(1, first), data, b"" if behind else attribute(6, _OPEN))
    if behind is not None:
        yield nested(1, word(3, 1), value(1, behind))


def _ends(item: Any, length: int) -> tuple[bytes, bytes | None]:
    """Return the first value and the one behind the last, None where there is none."""
    if isinstance(item, dict) and "range" in item:
        first, last = (packed(end, length) for end in item["range"])
        behind = int.from_bytes(last, "big") + 1
    elif isinstance(item, dict) and "prefix" in item:
        first = packed(item["prefix"]["addr"], length)
        behind = int.from_bytes(first, "big") + (1 << 8 * len(first) - item["prefix"]["len"])
    else:
        first = packed(item, length)
        behind = int.from_bytes(first, "big") + 1
    return first, None if behind >> 8 * len(first) else behind.to_bytes(len(first), "big")


def packed(item: Any, length: int) -> bytes:
    """Return an address as bytes, or a number as so many. Raises Unknown."""
    if isinstance(item, int):
        return item.to_bytes(length, "big")
    if not isinstance(item, str):
        raise Unknown(f"an element {item}")
    try:
        return inet_pton(AF_INET6 if ":" in item else AF_INET, item)
    except OSError:
        raise Unknown(f"{item}, which is no address") from None


def _single(kind: str, item: Any, length: int) -> bytes:
    return _interfaces(item) if kind == "ifname" else packed(item, length)


def _interfaces(key: Any) -> bytes:
    names = [key] if isinstance(key, str) else key["concat"]
    return b"".join(name.encode().ljust(KINDS["ifname"][1], b"\0") for name in names)


def _keys(kinds: Sequence[str], flags: int) -> bytes:
    number, length = 0, 0
    for kind in kinds:
        if kind not in KINDS:
            raise Unknown(f"keys of {kind}")
        number = number << CONCATENATED | KINDS[kind][0]
        length += KINDS[kind][1] if len(kinds) == 1 else -(-KINDS[kind][1] // 4) * 4
    return word(3, flags) + word(4, number) + word(5, length)


def _user_data(kinds: Sequence[str]) -> bytes:
    order = _HOST if kinds[0] == "ifname" else _NETWORK
    return struct.pack("=BBI", 0, 4, order if len(kinds) == 1 else 0)
