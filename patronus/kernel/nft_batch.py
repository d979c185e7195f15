# SPDX-License-Identifier: GPL-2.0-or-later
"""Large transactions put together by ourselves: the kernel's share of one is a fifth of libnftables'.

A batch of libnftables' JSON becomes netlink messages if it consists of what is known here: chains, counters,
limits, helpers, rules of the statements that nft_expressions and nft_effects know, sets and maps that
nft_sets knows. All else is for libnftables.
Source: linux/netfilter/nf_tables.h, nfnetlink.h.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import chain
from typing import Any

from patronus.kernel.nfnetlink import NFTABLES, attribute, text
from patronus.kernel.nft_attributes import Unknown, nested, word
from patronus.kernel.nft_expressions import RuleEncoder
from patronus.kernel.nft_sets import container, element_lists, limit_data
from patronus.kernel.nft_socket import HEADER, REQUEST

Fields = Mapping[str, Any]
Message = tuple[int, int, bytes]
"""A message's kind and flags, and its attributes."""
_CREATE, _APPEND = 0x400, 0x800
_INET = 1
_NEWTABLE, _NEWCHAIN, _DELCHAIN, _NEWRULE, _DELRULE = 0, 3, 5, 6, 8
_NEWSET, _DELSET, _NEWELEMENT, _DELELEMENT, _NEWOBJECT, _DELOBJECT = 9, 11, 12, 14, 18, 20
_NEWFLOWTABLE, _DELFLOWTABLE = 22, 24
_INGRESS = 0
"""NF_NETDEV_INGRESS, the hook of flow tables."""
_COUNTER, _HELPER, _LIMIT = 1, 3, 4
_L4 = {"tcp": 6, "udp": 17}
HOOKS = {"prerouting": 0, "input": 1, "forward": 2, "output": 3, "postrouting": 4}
POLICIES = {"drop": 0, "accept": 1}


Commands = Sequence[Mapping[str, Mapping[str, Fields]]]


def encoded(commands: Commands) -> bytearray:
    """Return commands as messages, one behind the other. Raises Unknown.

    In one piece: thousands of small ones would lie between what stays, and leave holes in Python's memory.
    """
    found = bytearray()
    for message in messages(commands):
        found += message
    return found


def messages(commands: Commands) -> Iterator[bytes]:
    """Yield commands as messages, numbered by the command from 0. Raises Unknown."""
    for position, command in enumerate(commands):
        ((verb, what),) = command.items()
        ((kind, fields),) = what.items()
        if (verb, kind) not in _ENCODERS or fields.get("family") != "inet":
            raise Unknown(f"{verb} {kind}")
        for number, flags, body in _ENCODERS[verb, kind](fields):
            length = HEADER.size + len(body)
            header = length, NFTABLES << 8 | number, REQUEST | flags, position, 0, _INET, 0, 0
            yield HEADER.pack(*header) + body


def _message(kind: int, flags: int, *parts: bytes) -> tuple[Message]:
    return ((kind, flags, b"".join(parts)),)


def _table(fields: Fields) -> tuple[Message, ...]:
    return _message(_NEWTABLE, _CREATE, attribute(1, text(fields["name"])), word(2, 0))


@lru_cache(maxsize=256)
def _name(kind: int, name: str) -> bytes:
    return attribute(kind, text(name))


def _where(fields: Fields) -> bytes:
    return _name(1, fields["table"])


def _new_chain(fields: Fields) -> tuple[Message, ...]:
    name = attribute(3, text(fields["name"]))
    if "hook" not in fields:
        return _message(_NEWCHAIN, _CREATE, _where(fields), name)
    hook = nested(4, word(1, HOOKS[fields["hook"]]), word(2, fields["prio"]))
    policy, kind = word(5, POLICIES[fields["policy"]]), attribute(7, text(fields["type"]))
    return _message(_NEWCHAIN, _CREATE, _where(fields), name, kind, hook, policy)


def _old_chain(fields: Fields) -> tuple[Message, ...]:
    return _message(_DELCHAIN, 0, _where(fields), attribute(3, text(fields["name"])))


def _flush(fields: Fields) -> tuple[Message, ...]:
    return _message(_DELRULE, 0, _where(fields), attribute(2, text(fields["name"])))


def _add_rule(fields: Fields) -> tuple[Message, ...]:
    if "handle" in fields:
        raise Unknown("a rule behind another")
    return _rule(fields, _CREATE | _APPEND, b"")


def _insert_rule(fields: Fields) -> tuple[Message, ...]:
    return _rule(fields, _CREATE, attribute(6, fields["handle"].to_bytes(8, "big")))


def _rule(fields: Fields, flags: int, position: bytes) -> tuple[Message, ...]:
    comment = text(fields["comment"])
    encoder = RuleEncoder()
    expressions = nested(4, encoder.expressions(fields["expr"]))
    rule = _message(
        _NEWRULE, flags, _where(fields), _name(2, fields["chain"]), expressions, position,
        attribute(7, bytes([0, len(comment)]) + comment),
    )  # fmt: skip
    if not encoder.sets:
        return rule
    where = _where(fields)
    sets = (
        [(_NEWSET, _CREATE, where + made), *((_NEWELEMENT, _CREATE, where + part) for part in parts)]
        for made, parts in encoder.sets
    )
    return (*chain.from_iterable(sets), *rule)


def _delete_rule(fields: Fields) -> tuple[Message, ...]:
    handle = attribute(3, fields["handle"].to_bytes(8, "big"))
    return _message(_DELRULE, 0, _where(fields), attribute(2, text(fields["chain"])), handle)


_FROM_ZERO = word(3, _COUNTER) + nested(4)


def _new_counter(fields: Fields) -> tuple[Message, ...]:
    return _message(_NEWOBJECT, _CREATE, _where(fields), attribute(2, text(fields["name"])), _FROM_ZERO)


def _new_limit(fields: Fields) -> tuple[Message, ...]:
    return _object(_NEWOBJECT, _CREATE, fields, _LIMIT, limit_data(4, fields))


def _new_helper(fields: Fields) -> tuple[Message, ...]:
    family = attribute(2, _INET.to_bytes(2, "big"))
    data = nested(
        4, attribute(1, text(fields["type"])), family, attribute(3, bytes([_L4[fields["protocol"]]]))
    )
    return _object(_NEWOBJECT, _CREATE, fields, _HELPER, data)


def _object(kind: int, flags: int, fields: Fields, what: int, data: bytes = b"") -> tuple[Message, ...]:
    name = attribute(2, text(fields["name"]))
    return _message(kind, flags, _where(fields), name, word(3, what), data)


def _new_container(fields: Fields, *, is_map: bool) -> tuple[Message, ...]:
    name = attribute(2, text(fields["name"]))
    return _message(_NEWSET, _CREATE, _where(fields), name, container(fields, is_map=is_map))


def _old_container(fields: Fields) -> tuple[Message, ...]:
    return _message(_DELSET, 0, _where(fields), attribute(2, text(fields["name"])))


def _new_flow_table(fields: Fields) -> tuple[Message, ...]:
    name = attribute(2, text(fields["name"]))
    devices = nested(3, *(attribute(1, text(device)) for device in fields["dev"]))
    hook = nested(3, word(1, _INGRESS), word(2, fields["prio"]), devices)
    return _message(_NEWFLOWTABLE, _CREATE, _where(fields), name, hook)


def _old_flow_table(fields: Fields) -> tuple[Message, ...]:
    return _message(_DELFLOWTABLE, 0, _where(fields), attribute(2, text(fields["name"])))


def _elements(kind: int, flags: int) -> Callable[[Fields], tuple[Message, ...]]:
    def encode(fields: Fields) -> tuple[Message, ...]:
        where = _where(fields) + attribute(2, text(fields["name"]))
        return tuple((kind, flags, where + part) for part in element_lists(fields["elem"]))

    return encode


_ENCODERS: dict[tuple[str, str], Callable[[Fields], tuple[Message, ...]]] = {
    ("add", "table"): _table,
    ("add", "chain"): _new_chain,
    ("delete", "chain"): _old_chain,
    ("flush", "chain"): _flush,
    ("add", "rule"): _add_rule,
    ("insert", "rule"): _insert_rule,
    ("delete", "rule"): _delete_rule,
    ("add", "counter"): _new_counter,
    ("delete", "counter"): lambda fields: _object(_DELOBJECT, 0, fields, _COUNTER),
    ("add", "ct helper"): _new_helper,
    ("delete", "ct helper"): lambda fields: _object(_DELOBJECT, 0, fields, _HELPER),
    ("add", "limit"): _new_limit,
    ("delete", "limit"): lambda fields: _object(_DELOBJECT, 0, fields, _LIMIT),
    ("add", "flowtable"): _new_flow_table,
    ("delete", "flowtable"): _old_flow_table,
    ("add", "set"): partial(_new_container, is_map=False),
    ("add", "map"): partial(_new_container, is_map=True),
    ("delete", "set"): _old_container,
    ("delete", "map"): _old_container,
    ("add", "element"): _elements(_NEWELEMENT, _CREATE),
    ("delete", "element"): _elements(_DELELEMENT, 0),
}
