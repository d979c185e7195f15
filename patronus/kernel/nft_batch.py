# SPDX-License-Identifier: GPL-2.0-or-later
"""Large transactions put together by ourselves: the kernel's share of one is a fifth of libnftables'.

A batch of libnftables' JSON becomes netlink messages if it consists of what is known here: plain chains,
rules of the statements that nft_expressions knows, counters, limits, and the elements of the maps that lead
to chains. All else is for libnftables.
Source: linux/netfilter/nf_tables.h, nfnetlink.h.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from patronus.kernel.nfnetlink import NETLINK_NETFILTER, NFTABLES, attribute, text
from patronus.kernel.nft_expressions import RuleEncoder, Unknown, nested, value, verdict_data, word

Fields = Mapping[str, Any]
Message = tuple[int, int, bytes]
"""The message's kind and flags, and its attributes."""
_BEGIN, _END = 0x10, 0x11
_REQUEST, _CREATE, _APPEND = 1, 0x400, 0x800
_INET = 1
_NEWTABLE, _NEWCHAIN, _DELCHAIN, _NEWRULE, _DELRULE = 0, 3, 5, 6, 8
_NEWELEMENT, _DELELEMENT, _NEWOBJECT, _DELOBJECT = 12, 14, 18, 20
_COUNTER, _LIMIT = 1, 4
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_INTERFACE_NAME = 16
_SO_SNDBUFFORCE = 32
"""socket(7); the batch is one message to the socket, and has to fit its buffer."""
_SPARE = 1 << 16
_ANSWER = struct.Struct("=IHHII")
_ERROR = 2
_HEADER = struct.Struct("=IHHIIBBH")
_GENERATION = 1


@dataclass(frozen=True)
class Refusal:
    """Why the kernel did not take a transaction; ``position`` is that of the command, None for the whole."""

    position: int | None
    reason: str


def encoded(commands: Sequence[Mapping[str, Mapping[str, Fields]]]) -> list[bytes]:
    """Return each command as a message, numbered from 0. Raises Unknown."""
    found = []
    for position, command in enumerate(commands):
        ((verb, what),) = command.items()
        ((kind, fields),) = what.items()
        if (verb, kind) not in _ENCODERS or fields.get("family") != "inet":
            raise Unknown(f"{verb} {kind}")
        number, flags, body = _ENCODERS[verb, kind](fields)
        length = _HEADER.size + len(body)
        header = length, NFTABLES << 8 | number, _REQUEST | flags, position, 0, _INET, 0, 0
        found.append(_HEADER.pack(*header) + body)
    return found


def _message(kind: int, flags: int, *parts: bytes) -> Message:
    return kind, flags, b"".join(parts)


def _table(fields: Fields) -> Message:
    return _message(_NEWTABLE, _CREATE, attribute(1, text(fields["name"])), word(2, 0))


@lru_cache(maxsize=256)
def _name(kind: int, name: str) -> bytes:
    return attribute(kind, text(name))


def _where(fields: Fields) -> bytes:
    return _name(1, fields["table"])


def _new_chain(fields: Fields) -> Message:
    if "hook" in fields:
        raise Unknown("a base chain")
    return _message(_NEWCHAIN, _CREATE, _where(fields), attribute(3, text(fields["name"])))


def _old_chain(fields: Fields) -> Message:
    return _message(_DELCHAIN, 0, _where(fields), attribute(3, text(fields["name"])))


def _flush(fields: Fields) -> Message:
    return _message(_DELRULE, 0, _where(fields), attribute(2, text(fields["name"])))


def _add_rule(fields: Fields) -> Message:
    if "handle" in fields:
        raise Unknown("a rule behind another")
    return _rule(fields, _CREATE | _APPEND, b"")


def _insert_rule(fields: Fields) -> Message:
    return _rule(fields, _CREATE, attribute(6, fields["handle"].to_bytes(8, "big")))


def _rule(fields: Fields, flags: int, position: bytes) -> Message:
    comment = text(fields["comment"])
    return _message(
        _NEWRULE, flags, _where(fields), _name(2, fields["chain"]),
        nested(4, RuleEncoder().expressions(fields["expr"])), position,
        attribute(7, bytes([0, len(comment)]) + comment),
    )  # fmt: skip


def _delete_rule(fields: Fields) -> Message:
    handle = attribute(3, fields["handle"].to_bytes(8, "big"))
    return _message(_DELRULE, 0, _where(fields), attribute(2, text(fields["chain"])), handle)


_EMPTY = nested(4)


def _new_counter(fields: Fields) -> Message:
    return _object(_NEWOBJECT, _CREATE, fields, _COUNTER, _EMPTY)


def _new_limit(fields: Fields) -> Message:
    rate = attribute(1, fields["rate"].to_bytes(8, "big"))
    unit = attribute(2, _SECONDS[fields["per"]].to_bytes(8, "big"))
    data = nested(4, rate, unit, word(3, fields["burst"]), word(4, 0), word(5, 0))
    return _object(_NEWOBJECT, _CREATE, fields, _LIMIT, data)


def _object(kind: int, flags: int, fields: Fields, what: int, data: bytes = b"") -> Message:
    name = attribute(2, text(fields["name"]))
    return _message(kind, flags, _where(fields), name, word(3, what), data)


def _elements(kind: int, flags: int) -> Callable[[Fields], Message]:
    def encode(fields: Fields) -> Message:
        found = [_element(item) for item in fields["elem"]]
        return _message(kind, flags, _where(fields), attribute(2, text(fields["name"])), nested(3, *found))

    return encode


def _element(item: Any) -> bytes:
    """Return an element of a map from interfaces to a verdict."""
    if not isinstance(item, list):
        raise Unknown("an element without a verdict")
    key, verdict = item
    names = [key] if isinstance(key, str) else key.get("concat", ())
    data = b"".join(name.encode().ljust(_INTERFACE_NAME, b"\0") for name in names)
    return nested(1, value(1, data), verdict_data(verdict))


_ENCODERS: dict[tuple[str, str], Callable[[Fields], Message]] = {
    ("add", "table"): _table,
    ("add", "chain"): _new_chain,
    ("delete", "chain"): _old_chain,
    ("flush", "chain"): _flush,
    ("add", "rule"): _add_rule,
    ("insert", "rule"): _insert_rule,
    ("delete", "rule"): _delete_rule,
    ("add", "counter"): _new_counter,
    ("delete", "counter"): lambda fields: _object(_DELOBJECT, 0, fields, _COUNTER),
    ("add", "limit"): _new_limit,
    ("delete", "limit"): lambda fields: _object(_DELOBJECT, 0, fields, _LIMIT),
    ("add", "element"): _elements(_NEWELEMENT, _CREATE),
    ("delete", "element"): _elements(_DELELEMENT, 0),
}


class BatchSocket:
    """One netlink socket, in the network namespace of who makes it. One thread at a time."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self._socket.settimeout(0)

    def send(self, messages: Sequence[bytes], generation: int, *, commit: bool) -> Refusal | None:
        """Let the kernel take the messages as one transaction; return why it refuses, or None.

        It refuses too where the ruleset has another number than ``generation`` by now. Without ``commit``
        everything is tried and nothing stays. The kernel is done when the call returns.
        """
        begin = _edge(_BEGIN, attribute(_GENERATION, generation.to_bytes(4, "big")))
        batch = b"".join((begin, *messages, _edge(_END, b"") if commit else b""))
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, len(batch) + _SPARE)
            self._socket.send(batch)
        except OSError as error:
            return Refusal(None, f"the batch could not be sent: {error.strerror or error}")
        return self._refusal()

    def _refusal(self) -> Refusal | None:
        """Return the first refusal among all that the kernel says; where it takes everything it is silent."""
        first: Refusal | None = None
        while True:
            try:
                said = refusal_of(self._socket.recv(1 << 16))
                first = first or said
            except BlockingIOError:
                return first
            except OSError as error:
                return first or Refusal(None, error.strerror or str(error))


def refusal_of(answer: bytes) -> Refusal | None:
    """Return why a message was refused, None for one that was not; the answer repeats its header."""
    _, kind, *_ = _ANSWER.unpack_from(answer)
    code = -struct.unpack_from("=i", answer, _ANSWER.size)[0]
    if kind != _ERROR or not code:
        return None
    _, refused, _, position, _ = _ANSWER.unpack_from(answer, _ANSWER.size + 4)
    return Refusal(position if refused >> 8 == NFTABLES else None, os.strerror(code))


def _edge(kind: int, body: bytes) -> bytes:
    subsystem = socket.htons(NFTABLES)
    return _HEADER.pack(_HEADER.size + len(body), kind, _REQUEST, 0, 0, 0, 0, subsystem) + body
