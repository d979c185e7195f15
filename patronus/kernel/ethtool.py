# SPDX-License-Identifier: GPL-2.0-or-later
"""What cards offer and how they are set, over ethtool's family of generic netlink, by hand.

Reading needs no right, setting CAP_NET_ADMIN. A driver that lacks something answers EOPNOTSUPP: it is left
out of what was found. Source: linux/ethtool_netlink.h, linux/genetlink.h; numbers are in the machine's byte
order.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from patronus.core.card import Amount, Card, Offload, Queue, Ring
from patronus.core.errors import KernelError, LinkGone
from patronus.kernel.nfnetlink import Attributes, attribute, attributes

Name = TypeVar("Name", Ring, Queue)
_GENERIC, _OPTIONS = 16, 270
"""NETLINK_GENERIC of linux/netlink.h, and SOL_NETLINK."""
_CAP_ACK, _EXT_ACK = 10, 11
"""Options of the socket: refusals come without the question, and with the driver's words."""
_HEADER, _GENERIC_HEADER = struct.Struct("=IHHII"), struct.Struct("=BBH")
_BODY = _HEADER.size + _GENERIC_HEADER.size
_NUMBER, _CODE, _SHORT = struct.Struct("=I"), struct.Struct("=i"), struct.Struct("=H")
_REQUEST, _ACK, _WORDS = 0x1, 0x4, 0x200
_ERROR, _WORD = 2, 1
_LARGEST = 1 << 16
_NESTED = 0x8000
_CONTROL, _GET_FAMILY, _FAMILY_ID, _FAMILY_NAME = 0x10, 3, 1, 2
"""The controller, which knows the number that ethtool's family has in this kernel."""
_ABOUT, _INDEX, _NAME, _FLAGS, _NO_REPLY = 1, 1, 2, 3, 2
"""ETHTOOL_A_..._HEADER, what stands in it, and ETHTOOL_FLAG_OMIT_REPLY."""
_GET_OFFLOADS, _SET_OFFLOADS = 11, 12
_CHANGEABLE, _ASKED, _ON, _FIXED = 2, 3, 4, 5
_GET_RINGS, _SET_RINGS, _GET_QUEUES, _SET_QUEUES = 15, 16, 17, 18
_RINGS: Mapping[Ring, tuple[int, int]] = {"receive": (6, 2), "transmit": (9, 5)}
"""Which attribute has the number of now, and which that of most."""
_QUEUES: Mapping[Queue, tuple[int, int]] = {"receive": (6, 2), "transmit": (7, 3), "combined": (9, 5)}
_BITS, _BIT, _BIT_NAME, _BIT_VALUE = 3, 1, 2, 3


class Ethtool:
    """The cards in the network namespace of the calling thread. All methods raise KernelError, LinkGone."""

    def read(self, device: str) -> Card:
        """Return what a card offers and has."""
        with _talking(f"look at the card {device}") as talk:
            told = talk.ask(_GET_OFFLOADS, device)
            number = _numbers(_inner(told, _ABOUT)).get(_INDEX, 0)
            rings = _amounts(_RINGS, talk.asked(_GET_RINGS, device))
            queues = _amounts(_QUEUES, talk.asked(_GET_QUEUES, device))
            return Card(device, number, _offloads(told), rings, queues)

    def set_offloads(self, device: str, wanted: Mapping[str, bool]) -> None:
        """Switch offloads by the kernel's names; what is fixed stays, and nothing is said of it."""
        bits = b"".join(
            _nest(_BIT, attribute(_BIT_NAME, _text(name)) + (attribute(_BIT_VALUE, b"") if on else b""))
            for name, on in wanted.items()
        )
        said = ", ".join(f"{name} {'on' if on else 'off'}" for name, on in wanted.items())
        with _talking(f"switch {said} at {device}") as talk:
            talk.tell(_SET_OFFLOADS, device, _nest(_ASKED, _nest(_BITS, bits)))

    def set_rings(self, device: str, wanted: Mapping[Ring, int]) -> None:
        """Set how many packets rings hold; many drivers start the card anew for it."""
        _set(device, "rings", _SET_RINGS, {_RINGS[name][0]: count for name, count in wanted.items()})

    def set_queues(self, device: str, wanted: Mapping[Queue, int]) -> None:
        """Set how many queues a card has; many drivers start it anew for it."""
        _set(device, "queues", _SET_QUEUES, {_QUEUES[name][0]: count for name, count in wanted.items()})


def _set(device: str, what: str, kind: int, numbers: Mapping[int, int]) -> None:
    told = b"".join(attribute(name, _NUMBER.pack(count)) for name, count in numbers.items())
    with _talking(f"set the {what} of {device} to {', '.join(map(str, numbers.values()))}") as talk:
        talk.tell(kind, device, told)


class _Talk:
    """One conversation with ethtool's family."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        name = attribute(_FAMILY_NAME, _text("ethtool"))
        found = self._send(_CONTROL, _GET_FAMILY, name, _REQUEST)
        self._family = _SHORT.unpack(found[_FAMILY_ID])[0]

    def ask(self, kind: int, device: str) -> Attributes:
        """Return the answer to a question about a device. Raises OSError."""
        about = _nest(_ABOUT, attribute(_NAME, _text(device)))
        return self._send(self._family, kind, about, _REQUEST)

    def asked(self, kind: int, device: str) -> Attributes:
        """Return the same, nothing where the driver has no answer. Raises OSError."""
        try:
            return self.ask(kind, device)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            return {}

    def tell(self, kind: int, device: str, given: bytes) -> None:
        """Change something of a device. Raises OSError."""
        about = attribute(_NAME, _text(device)) + attribute(_FLAGS, _NUMBER.pack(_NO_REPLY))
        self._send(self._family, kind, _nest(_ABOUT, about) + given, _REQUEST | _ACK)

    def _send(self, family: int, kind: int, given: bytes, flags: int) -> Attributes:
        header = _HEADER.pack(_BODY + len(given), family, flags, 1, 0)
        self._link.send(header + _GENERIC_HEADER.pack(kind, 1, 0) + given)
        data = self._link.recv(_LARGEST)
        length, answered, flags, _, _ = _HEADER.unpack_from(data)
        if answered != _ERROR:
            return attributes(data, _BODY, length)
        code = -_CODE.unpack_from(data, _HEADER.size)[0]
        if code:
            words = attributes(data, 2 * _HEADER.size + _CODE.size, length) if flags & _WORDS else {}
            said = words.get(_WORD, b"").rstrip(b"\0").decode(errors="replace")
            raise OSError(code, said or os.strerror(code))
        return {}


@contextmanager
def _talking(what: str) -> Iterator[_Talk]:
    """Lend a conversation; translate what the kernel refuses. Raises KernelError, LinkGone."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _GENERIC) as link:
            link.setsockopt(_OPTIONS, _CAP_ACK, 1)
            link.setsockopt(_OPTIONS, _EXT_ACK, 1)
            link.bind((0, 0))
            yield _Talk(link)
    except OSError as error:
        kind = LinkGone if error.errno == errno.ENODEV else KernelError
        raise kind(f"cannot {what}: {error.strerror}") from error


def _text(value: str) -> bytes:
    return value.encode() + b"\0"


def _nest(kind: int, inside: bytes) -> bytes:
    return attribute(kind | _NESTED, inside)


def _inner(told: Attributes, kind: int) -> Attributes:
    data = told.get(kind, b"")
    return attributes(data, 0, len(data))


def _numbers(told: Attributes) -> dict[int, int]:
    """Return those of the attributes that are numbers."""
    return {kind: _NUMBER.unpack(value)[0] for kind, value in told.items() if len(value) == _NUMBER.size}


def _each(data: bytes) -> Iterator[Attributes]:
    """Yield what is in each attribute of a list, which are all of one kind."""
    at = 0
    while at + 4 <= len(data):
        length = _SHORT.unpack_from(data, at)[0]
        yield attributes(data, at + 4, at + length)
        at += max(4, (length + 3) & ~3)


def _bits(told: Attributes, kind: int) -> dict[str, bool]:
    """Return name → whether it is set, of each bit that is told."""
    listed = _inner(told, kind).get(_BITS, b"")
    return {
        bit[_BIT_NAME].rstrip(b"\0").decode(): _BIT_VALUE in bit for bit in _each(listed) if _BIT_NAME in bit
    }


def _amounts(known: Mapping[Name, tuple[int, int]], told: Attributes) -> dict[Name, Amount]:
    """Return what there can be some of, by name."""
    numbers = _numbers(told)
    return {
        name: Amount(numbers.get(now, 0), numbers[most])
        for name, (now, most) in known.items()
        if numbers.get(most)
    }


def _offloads(told: Attributes) -> dict[str, Offload]:
    """Return the offloads by name: of all the kernel says whether they can be changed."""
    asked, on, fixed = (_bits(told, kind) for kind in (_ASKED, _ON, _FIXED))
    return {
        name: Offload(name in on, name in asked, not changeable or name in fixed)
        for name, changeable in _bits(told, _CHANGEABLE).items()
    }
