# SPDX-License-Identifier: GPL-2.0-or-later
"""One message of a client while it is answered: what was asked, and the answer as it grows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from patronus.network.dhcp.lease import Lease
from patronus.network.dhcp6.choice import Choice, Client
from patronus.network.dhcp6.codec import (
    Association,
    Code,
    Given,
    Kind,
    Packet,
    Status,
    association,
    encode,
    status,
)
from patronus.network.dhcp6.config import Pool
from patronus.network.dhcp6.prefixes import Part


class Dropped(Enum):
    """Why a packet got no reply; each is counted."""

    NOT_A_REQUEST = "not a request"
    NO_POOL = "no pool for this network"
    UNKNOWN_RELAY = "no pool names this relay"
    NOT_FROM_THE_LINK = "not from a link-local address"
    NOT_TO_ALL = "not to all servers"
    OTHER_SERVER = "for another server"
    INCOMPLETE = "a field that this message needs is missing"
    NO_PREFIX = "the network has no prefix now"


@dataclass(frozen=True)
class Outcome:
    """What to write and, once that is durable, what to send; ``dropped`` says why where it is nothing.

    ``changes`` hold what happened to a lease (granted, renewed, released, declined), and the lease.
    """

    reply: bytes = b""
    changes: tuple[tuple[str, Lease], ...] = ()
    dropped: Dropped | None = None


@dataclass
class Question:
    """One message and all that its answer needs; ``changes`` and ``said`` are the answer as it grows.

    ``parts`` are those of our prefixes that it has been promised already.
    """

    packet: Packet
    pool: Pool
    client: Client
    server: bytes
    choice: Choice
    now_s: float
    changes: list[tuple[str, Lease]] = field(default_factory=list)
    said: list[tuple[int, bytes]] = field(default_factory=list)
    parts: set[Part] = field(default_factory=set)

    def say(self, asked: Association, given: Iterable[Given] = (), problem: Status | None = None) -> None:
        """Answer an association by addresses or prefixes, or by a problem."""
        told = list(given)
        shortest_s = min((one.preferred_s for one in told if one.preferred_s), default=0)
        times_s = shortest_s // 2, shortest_s * 4 // 5
        text = status(problem, problem.name.lower().replace("_", " ")) if problem is not None else b""
        self.said.append((asked.kind, association(asked.iaid, times_s, told, text)))

    def answer(self, kind: Kind, *more: tuple[int, bytes]) -> Outcome:
        """Return the answer: of the settings those that the client asks for."""
        ids = [(int(Code.CLIENT_ID), self.packet.client)] if self.packet.client else []
        told = [
            (code, self.pool.options[code]) for code in self.packet.requested if code in self.pool.options
        ]
        options = [*ids, (int(Code.SERVER_ID), self.server), *more, *self.said, *told]
        return Outcome(encode(kind, self.packet.xid, options), tuple(self.changes))


def taken_back(asked: Association, given: Iterable[Given]) -> list[Given]:
    """Return what the client lists and shall have no more, with lifetimes of 0."""
    stays = {(one.address, one.length) for one in given}
    lengths = asked.lengths or (Given(0, 0, 0).length,) * len(asked.addresses)
    listed = dict.fromkeys(zip(asked.addresses, lengths, strict=True))
    found = [Given(one, 0, 0, length) for one, length in listed if one]
    return [one for one in found if (one.address, one.length) not in stays]
