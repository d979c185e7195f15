# SPDX-License-Identifier: GPL-2.0-or-later
"""The server's side of RFC 8415 section 18.3 as a pure machine: packet, leases and time in, outcome out.

An association has one identifier, and with it an address in each prefix that its network has at the moment.
So a host hears of a new prefix, and with lifetimes of 0 of the end of an old one, when it next renews.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain

from patronus.network.dhcp.lease import Lease, State, Table, declined, released
from patronus.network.dhcp6.choice import Choice, client_of, reservation_of
from patronus.network.dhcp6.codec import Association, Code, Given, Kind, Packet, Status, status
from patronus.network.dhcp6.config import Config, Pool
from patronus.network.dhcp6.delegating import Delegating, is_prefix
from patronus.network.dhcp6.prefixes import IDENTIFIER
from patronus.network.dhcp6.question import Dropped, Outcome, Question, taken_back
from patronus.network.dhcp6.relay import Agent

DECLINE_TIME_S = 3600
"""How long an identifier stays out of use that a client found taken."""
REFRESH_S = 3600
"""How soon a host that has settings alone asks for them again (RFC 8415 section 21.23)."""
_LINK_LOCAL = 0xFE80 << 48
"""The upper half of a link-local address."""
_OURS = frozenset({Kind.REQUEST, Kind.RENEW, Kind.RELEASE, Kind.DECLINE})
"""Messages that name the server that they are for (RFC 8415 section 16)."""


class Machine:
    """The server's state: the leases, and which pools were found empty."""

    def __init__(self, config: Config, table: Table) -> None:
        self.config = config
        self.table, self._routers = _apart(table)
        self._empty: dict[str, float] = {}
        self._handlers: Mapping[int, Callable[[Question], Outcome]] = {
            Kind.SOLICIT: self._solicit,
            Kind.REQUEST: self._request,
            Kind.CONFIRM: self._confirm,
            Kind.RENEW: self._renew,
            Kind.REBIND: self._renew,
            Kind.RELEASE: self._give_up,
            Kind.DECLINE: self._give_up,
            Kind.INFORMATION_REQUEST: self._inform,
        }

    def configure(self, config: Config) -> None:
        """Go on with other pools or prefixes; leases stay."""
        self.config = config
        self._empty.clear()

    def reload(self, table: Table) -> None:
        """Go on with other leases: what could not be written must not be remembered."""
        self.table, self._routers = _apart(table)
        self._empty.clear()

    @property
    def leases(self) -> Iterator[Lease]:
        """Return all leases, of addresses and of prefixes, ended ones included."""
        return chain(self.table, self._routers.table)

    def forget(self, lease: Lease) -> None:
        """Take a lease away from its client, who learns of it at its next renewal."""
        (self._routers.table if is_prefix(lease) else self.table).remove(lease)
        self._empty.clear()

    def handle(
        self,
        packet: Packet,
        device: str,
        server: bytes,
        source: int,
        now_s: float,
        *,
        to_all: bool = True,
        agent: Agent | None = None,
    ) -> Outcome:
        """Return what comes of a packet from a link-local address; the table already has the changes.

        ``server`` is our DUID on the device. ``to_all``: it came to the address of all servers, as it must.
        ``agent`` is who passed it on, from another link.
        """
        handler = self._handlers.get(packet.kind)
        if handler is None:
            return Outcome(dropped=Dropped.NOT_A_REQUEST)
        pool = next((pool for pool in self.config.pools if pool.serves(device, agent)), None)
        if pool is None:
            return Outcome(dropped=Dropped.NO_POOL if agent is None else Dropped.UNKNOWN_RELAY)
        if (source >> 64) != _LINK_LOCAL:
            return Outcome(dropped=Dropped.NOT_FROM_THE_LINK)
        if (reason := _invalid(packet, server, to_all=to_all)) is not None:
            return Outcome(dropped=reason)
        client = client_of(packet, source, agent.mac if agent else "")
        choice = Choice(self.table, pool, client, now_s, self._empty)
        question = Question(packet, pool, client, server, choice, now_s)
        if not to_all:
            return question.answer(Kind.REPLY, (Code.STATUS, status(Status.USE_MULTICAST)))
        return handler(question)

    def _solicit(self, question: Question) -> Outcome:
        packet, pool = question.packet, question.pool
        if not packet.associations:
            return Outcome(dropped=Dropped.INCOMPLETE)
        if pool.rapid_commit and Code.RAPID_COMMIT in packet.options:
            self._give(question, commit=True)
            return question.answer(Kind.REPLY, (Code.RAPID_COMMIT, b""))
        self._give(question, commit=False)
        preference = [(int(Code.PREFERENCE), bytes((pool.preference,)))] if pool.preference else []
        return question.answer(Kind.ADVERTISE, *preference)

    def _request(self, question: Question) -> Outcome:
        if not question.packet.associations:
            return Outcome(dropped=Dropped.INCOMPLETE)
        self._give(question, commit=True)
        return question.answer(Kind.REPLY)

    def _give(self, question: Question, *, commit: bool) -> None:
        """Answer each association by the addresses that it may have (sections 18.3.1 and 18.3.2)."""
        for asked in question.packet.associations:
            if asked.kind == Code.IA_PD:
                self._routers.give(question, asked, commit=commit)
            elif commit and not all(question.pool.on_link(one) for one in asked.addresses if one):
                question.say(asked, problem=Status.NOT_ON_LINK)
            else:
                self._give_one(question, asked, commit=commit)

    def _give_one(self, question: Question, asked: Association, *, commit: bool) -> None:
        pool = question.pool
        wishes = [one & IDENTIFIER for one in asked.addresses if pool.on_link(one)]
        identifier = question.choice.choose(asked.iaid, wishes) if pool.prefixes else None
        given = _addresses(pool, identifier) if identifier is not None else []
        if commit and identifier is not None:
            self._keep(question, asked.iaid, identifier, max(one.valid_s for one in given))
        ended = taken_back(asked, given) if commit else []
        question.say(asked, [*given, *ended], None if given else Status.NO_ADDRESSES)

    def _keep(self, question: Question, iaid: int, identifier: int, valid_s: int) -> None:
        client, now_s, key = question.client, question.now_s, question.client.key(iaid)
        former = self.table.of_client(question.pool.network, key)
        prolonged = former is not None and former.address == identifier and former.active(now_s)
        kept = reservation_of(client, question.pool)
        lease = Lease(
            network=question.pool.network,
            client=key,
            address=identifier,
            mac=client.host,
            hostname=kept.hostname if kept is not None and kept.hostname else client.hostname,
            interface=question.pool.interface,
            start_s=former.start_s if former is not None and prolonged else now_s,
            end_s=now_s + valid_s,
            six=True,
        )
        self.table.put(lease)
        question.changes.append(("renewed" if prolonged else "granted", lease))

    def _renew(self, question: Question) -> Outcome:
        """Prolong what the client has, in the prefixes of now (sections 18.3.4 and 18.3.5).

        Where the network has none yet, as when the router has just started, nobody knows what to take back.
        """
        if not question.packet.associations:
            return Outcome(dropped=Dropped.INCOMPLETE)
        kinds, delegation = {one.kind for one in question.packet.associations}, question.pool.delegation
        no_source = delegation is not None and not delegation.sources
        if (Code.IA_NA in kinds and not question.pool.prefixes) or (Code.IA_PD in kinds and no_source):
            return Outcome(dropped=Dropped.NO_PREFIX)
        for asked in question.packet.associations:
            if asked.kind == Code.IA_PD:
                self._routers.renew(question, asked)
            else:
                self._renew_one(question, asked)
        return question.answer(Kind.REPLY)

    def _renew_one(self, question: Question, asked: Association) -> None:
        lease = self.table.of_client(question.pool.network, question.client.key(asked.iaid))
        if lease is not None and lease.state is State.ACTIVE:
            self._give_one(question, asked, commit=True)
            return
        foreign = tuple(one for one in asked.addresses if one and not question.pool.on_link(one))
        if question.packet.kind == Kind.REBIND and foreign:
            question.say(asked, taken_back(asked._replace(addresses=foreign), ()))
        else:
            question.say(asked, problem=Status.NO_BINDING)

    def _confirm(self, question: Question) -> Outcome:
        """Say whether the client's addresses are of this network; who cannot tell is silent (18.3.3)."""
        asked = [one for one in question.packet.associations if one.kind == Code.IA_NA]
        listed = [address for one in asked for address in one.addresses]
        if not listed:
            return Outcome(dropped=Dropped.INCOMPLETE)
        if not question.pool.prefixes:
            return Outcome(dropped=Dropped.NO_PREFIX)
        here = all(question.pool.on_link(one) for one in listed)
        found = Status.SUCCESS if here else Status.NOT_ON_LINK
        return question.answer(Kind.REPLY, (Code.STATUS, status(found)))

    def _give_up(self, question: Question) -> Outcome:
        """Take addresses back, or out of use where the client found somebody using them (18.3.7, 18.3.8)."""
        now_s = question.now_s
        for asked in question.packet.associations:
            if asked.kind == Code.IA_PD:
                self._routers.give_up(question, asked)
                continue
            lease = self.table.of_client(question.pool.network, question.client.key(asked.iaid))
            names = {one & IDENTIFIER for one in asked.addresses}
            if lease is None or not lease.active(now_s) or lease.address not in names:
                question.say(asked, problem=Status.NO_BINDING)
                continue
            if question.packet.kind == Kind.DECLINE:
                change = declined(lease, now_s, DECLINE_TIME_S)
            else:
                change = released(lease, now_s)
            self.table.put(change)
            question.changes.append((change.state.value, change))
        self._empty.clear()
        return question.answer(Kind.REPLY, (Code.STATUS, status(Status.SUCCESS)))

    def _inform(self, question: Question) -> Outcome:
        """Give the settings alone to a host that has its addresses from elsewhere (section 18.3.6)."""
        if question.packet.associations:
            return Outcome(dropped=Dropped.NOT_A_REQUEST)
        return question.answer(Kind.REPLY, (Code.REFRESH_TIME, REFRESH_S.to_bytes(4, "big")))


def _apart(leases: Table) -> tuple[Table, Delegating]:
    """Return the leases of addresses, and those of prefixes."""
    prefixes = [lease for lease in leases if is_prefix(lease)]
    return Table(lease for lease in leases if not is_prefix(lease)), Delegating(Table(prefixes))


def _invalid(packet: Packet, server: bytes, *, to_all: bool) -> Dropped | None:
    """Return why a message must be discarded (section 16), or None."""
    named, kind = packet.options.get(Code.SERVER_ID), packet.kind
    if not packet.client and kind != Kind.INFORMATION_REQUEST:
        return Dropped.INCOMPLETE
    if kind in _OURS:
        return None if named == server else Dropped.OTHER_SERVER
    if not to_all:
        return Dropped.NOT_TO_ALL
    allowed = {None, server} if kind == Kind.INFORMATION_REQUEST else {None}
    return None if named in allowed else Dropped.OTHER_SERVER


def _addresses(pool: Pool, identifier: int) -> list[Given]:
    """Return the identifier's address in each prefix; none lives longer than the prefix or the lease."""
    return [
        Given(
            prefix.base | identifier,
            min(prefix.preferred_s, pool.lease_time_s * 3 // 4),
            min(prefix.valid_s, pool.lease_time_s),
        )
        for prefix in pool.prefixes
    ]
