# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks the router's own DNS server for the names in aliases, again and again, and keeps what was answered."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any

import dnslib
from dnslib.label import DNSLabelError

from patronus.core.control import Clock, RuntimeState
from patronus.firewall.addresses import AddressSet, Version, host_networks
from patronus.firewall.names import Answer, HostName

log = logging.getLogger(__name__)

STATE_KEY = "firewall.names"
TIME_S = 3.0
TYPES: dict[Version, str] = {4: "A", 6: "AAAA"}
GOOD = ("NOERROR", "NXDOMAIN")

Ask = Callable[[str, Version], Answer]


def ask(name: str, version: Version, server: str = "127.0.0.1", port: int = 53) -> Answer:
    """Return what the router's DNS server answers; whatever goes wrong is in the answer."""
    question = dnslib.DNSRecord.question(name, TYPES[version])
    try:
        reply = dnslib.DNSRecord.parse(question.send(server, port, timeout=TIME_S))
        if reply.header.tc:
            reply = dnslib.DNSRecord.parse(question.send(server, port, tcp=True, timeout=TIME_S))
        if reply.header.id != question.header.id or reply.q != question.q:
            return Answer(version, fault="the router's DNS server answers another question")
        status = dnslib.RCODE.get(reply.header.rcode)
        wanted = dnslib.QTYPE.reverse[TYPES[version]]
        records = [record for record in reply.rr if record.rtype == wanted]
        found = tuple(ip_address(str(record.rdata)) for record in records)
        ttl_s = float(min((record.ttl for record in reply.rr), default=0))
    except OSError as error:
        return Answer(version, fault=f"the router's DNS server does not answer: {error}")
    except (dnslib.DNSError, DNSLabelError, UnicodeError, ValueError) as error:
        return Answer(version, fault=f"the router's DNS server answers nonsense: {error}")
    if status not in GOOD:
        return Answer(version, fault=f"the router's DNS server answers {status}")
    return Answer(version, found, ttl_s)


class HostNames:
    """The names that aliases hold. Another thread than the one that asks may look at what is known.

    ``changed`` is called when a name has other addresses than before, with the reason in words.
    """

    def __init__(
        self, state: RuntimeState, clock: Clock, changed: Callable[[str], None], ask: Ask = ask
    ) -> None:
        self._state = state
        self._clock = clock
        self._changed = changed
        self._ask = ask
        self._known: dict[str, HostName] = {}
        self._wanted: frozenset[str] = frozenset()
        self._untold: str | None = None

    def want(self, names: Iterable[str]) -> None:
        """Ask for these names from now on."""
        self._wanted = frozenset(names)

    def addresses(self, names: Iterable[str], alias: str) -> AddressSet:
        """Return what the names stand for together."""
        found = [address for name in names for address in self.known(name).seen]
        return AddressSet.of(host_networks(found)).united((), alias, lives=True)

    def fault(self, names: Iterable[str]) -> str | None:
        """Return which name lacks its addresses, and why."""
        return next((f"{name}: {why}" for name in names if (why := self.known(name).fault) is not None), None)

    def known(self, name: str) -> HostName:
        """Return what is known of a name; after a start that is what was kept."""
        if name not in self._known:
            kept: dict[str, Any] = self._state.get(STATE_KEY, {})
            now_s = self._clock.boottime()
            self._known[name] = HostName({ip_address(text): now_s for text in kept.get(name, ())})
        return self._known[name]

    def next_change_s(self) -> float | None:
        """Return the seconds until a name is due, None where there is none."""
        if self._untold is not None:
            return 0.0
        due = min((self.known(name).due_s for name in self._wanted), default=None)
        return None if due is None else max(due - self._clock.boottime(), 0.0)

    def refresh_if_due(self) -> None:
        """Ask for what is due, and tell of what has changed. Raises PatronusError; then it is told again."""
        other = [name for name in sorted(self._wanted) if self._refreshed(name)]
        if other:
            self._keep()
            self._untold = f"{', '.join(other[:3])} has other addresses"
        if self._untold is not None:
            self._changed(self._untold)
            self._untold = None

    def _keep(self) -> None:
        """Write down what is known where that is another than what was written. Raises StorageError."""
        kept = {name: sorted(map(str, self.known(name).seen)) for name in sorted(self._wanted)}
        if kept != self._state.get(STATE_KEY, {}):
            self._state.put(STATE_KEY, kept)

    def _refreshed(self, name: str) -> bool:
        """Ask for a name that is due; return whether what it stands for, or why it lacks that, is another."""
        before = self.known(name)
        if before.due_s > self._clock.boottime():
            return False
        after = before.taken([self._ask(name, version) for version in TYPES], self._clock.boottime())
        self._known[name] = after
        if after.fault is not None and after.fault != before.fault:
            log.warning("%s: %s", name, after.fault)
        return after.seen.keys() != before.seen.keys() or after.fault != before.fault
