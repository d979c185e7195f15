# SPDX-License-Identifier: GPL-2.0-or-later
"""What relay agents wrap a host's message in, and the answer to it (RFC 8415 sections 9, 19 and 21.10). Pure.

Addresses are ints in host order.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from patronus.network.dhcp6.codec import LARGEST, Code, Kind, MalformedPacket, each_option, option

AGENT_PORT = 547
"""Where agents hear answers (RFC 8415 section 7.2)."""
MOST_HOPS = 8
"""Agents between a host and the server (HOP_COUNT_LIMIT, section 7.6)."""
ETHERNET = 1
"""The kind of link whose addresses are MACs."""
_HEAD = struct.Struct("!BB16s16s")


class Hop(NamedTuple):
    """One agent's wrapping. ``before`` is how many agents were before it, ``peer`` whom it heard.

    ``link`` is an address of the network that it heard it on, 0 where it names none; ``port`` is what it
    wants back, to know its own interface again. ``mac`` is who sent the frame that it heard, or nothing.
    """

    before: int
    link: int
    peer: int
    port: bytes | None = None
    mac: str = ""


class Relayed(NamedTuple):
    """A message and the agents that it came by, the last one first."""

    hops: tuple[Hop, ...]
    message: bytes

    @property
    def link(self) -> int:
        """Return an address of the host's network: what the agent next to the host says of it."""
        return next((hop.link for hop in reversed(self.hops) if hop.link), 0)

    @property
    def host(self) -> int:
        """Return the address from which the host asked."""
        return self.hops[-1].peer

    @property
    def mac(self) -> str:
        """Return the host's MAC, or nothing; the agent next to the host knows it (RFC 6939 section 4)."""
        return self.hops[-1].mac


class Agent(NamedTuple):
    """Who passed a message on: the address that it came from, that of the host's network, the host's MAC."""

    address: int
    link: int
    mac: str = ""


def is_relayed(data: bytes) -> bool:
    """Return whether an agent wrapped these bytes."""
    return data[:1] == bytes((Kind.RELAY_FORWARD,))


def unwrap(data: bytes) -> Relayed:
    """Return the message in the wrapping. Raises MalformedPacket."""
    if len(data) > LARGEST:
        raise MalformedPacket(f"{len(data)} bytes are no DHCPv6 message")
    hops: list[Hop] = []
    while is_relayed(data):
        if len(data) < _HEAD.size or len(hops) == MOST_HOPS:
            raise MalformedPacket("what an agent passed on has no end, or no beginning")
        _, before, link, peer = _HEAD.unpack_from(data)
        found = list(each_option(data, _HEAD.size))
        inside = [value for code, value in found if code == Code.RELAY_MESSAGE]
        if len(inside) != 1:
            raise MalformedPacket(f"an agent passed {len(inside)} messages on in one")
        port = next((value for code, value in found if code == Code.INTERFACE_ID), None)
        mac = next((_mac(value) for code, value in found if code == Code.CLIENT_HARDWARE), "")
        hops.append(Hop(before, int.from_bytes(link, "big"), int.from_bytes(peer, "big"), port, mac))
        data = inside[0]
    return Relayed(tuple(hops), data)


def _mac(value: bytes) -> str:
    """Return the MAC that an agent says, nothing for a link of another kind. Raises MalformedPacket."""
    kind, address = int.from_bytes(value[:2], "big"), value[2:]
    if len(value) < 3 or (kind == ETHERNET and len(address) != 6):
        raise MalformedPacket(f"{value.hex()} is no address of a link layer")
    return address.hex(":") if kind == ETHERNET else ""


def wrap(hops: Sequence[Hop], reply: bytes) -> bytes:
    """Return the reply as each agent takes it off on the way back."""
    for hop in reversed(hops):
        head = _HEAD.pack(
            Kind.RELAY_REPLY, hop.before, hop.link.to_bytes(16, "big"), hop.peer.to_bytes(16, "big")
        )
        port = b"" if hop.port is None else option(Code.INTERFACE_ID, hop.port)
        reply = head + port + option(Code.RELAY_MESSAGE, reply)
    return reply
