# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on names, the cache and the server. Loaded when callers are received."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import dnslib
from dnslib.label import DNSLabelError

from patronus.core.control import Control
from patronus.core.errors import InvalidRequest, Unavailable
from patronus.core.verb import Caller, Nothing, Role, Verb
from patronus.kernel.channel import Channel
from patronus.network.dns.decisions import DecisionVerbs
from patronus.network.dns.edits import Edits
from patronus.network.dns.hosts import Hosts
from patronus.network.dns.model import Dns
from patronus.network.dns.plan import PORT, DnsPlan
from patronus.network.dns.source_verbs import SourceVerbs
from patronus.network.dns.verbs import (
    Flushed,
    ListQueries,
    Lookup,
    LookupResult,
    QueryList,
    RecordInfo,
    RecordList,
    ServerStatus,
)
from patronus.network.dns.zone import record_text

ANSWER_TIME_S = 5.0
"""How long a lookup waits for its answer."""


class Catalogue:
    """Answers callers out of the configuration, of the hosts' names and of what the server says."""

    def __init__(self, control: Control, server: Channel, hosts: Hosts, plan: Callable[[], DnsPlan]) -> None:
        self._control = control
        self._server = server
        self._hosts = hosts
        self._plan = plan

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs on records, policies, the cache and the server."""
        return (
            Verb("dns.Status", Nothing, ServerStatus, self.status, route="GET /dns/status"),
            Verb("dns.ListRecords", Nothing, RecordList, self.list_records, route="GET /dns/records"),
            Verb(
                "dns.ListQueries",
                ListQueries,
                QueryList,
                self.list_queries,
                role=Role.OPERATOR,
                route="GET /dns/queries",
            ),
            Verb("dns.Lookup", Lookup, LookupResult, self.lookup, route="GET /dns/lookup"),
            Verb(
                "dns.FlushCache",
                Nothing,
                Flushed,
                self.flush_cache,
                role=Role.OPERATOR,
                route="POST /dns/flush",
                changes=True,
            ),
            *Edits(self._control).verbs(),
            *SourceVerbs(self._control).verbs(),
            *DecisionVerbs(self._control).verbs(),
        )

    def status(self, _: Caller, __: Nothing) -> ServerStatus:
        """Show whether the server runs, whom it asks, and what it has counted."""
        try:
            found = self._server.call("Status")
        except Unavailable:
            return ServerStatus(running=False)
        return ServerStatus(
            running=True,
            cached=found["cached"],
            blocked_names=found["blocked"],
            unread_entries=found["unread"],
            reading_lists=found["reading"],
            upstreams=found["upstreams"],
            missing_lists=list(self._plan().missing),
            counters=found["counters"],
        )

    def list_records(self, _: Caller, __: Nothing) -> RecordList:
        """List the names that the router answers itself."""
        dns = self._control.config.get(Dns)
        own = [
            RecordInfo(id=item.id, name=item.name, type=item.type, value=item.value, source="configured")
            for item in dns.records
        ]
        derived = [
            RecordInfo(id=None, name=item.name, type=rtype, value=value, source="derived")
            for item in self._plan().config.records[len(dns.records) :]
            for rtype, value in [record_text(item)]
        ]
        leases = [
            RecordInfo(
                id=None,
                name=f"{item.hostname}.{dns.local.domain}",
                type="A",
                value=item.address,
                source="lease",
            )
            for item in self._hosts.names()
        ]
        return RecordList(records=own + derived + (leases if dns.local.leases else []))

    def list_queries(self, _: Caller, given: ListQueries) -> QueryList:
        """List what clients asked, where the query log is on."""
        wanted = self._control.config.get(Dns).query_log
        found = self._server.call("Queries", {**given.model_dump(), "count": given.count + 1})
        shown = found["queries"][: given.count]
        more = len(found["queries"]) > given.count
        return QueryList(
            on=found["on"],
            keep_s=wanted.keep,
            most=wanted.entries,
            before=shown[-1]["number"] if more else None,
            queries=[{**item, "policy": item["policy"] or None} for item in shown],
        )

    def flush_cache(self, _: Caller, __: Nothing) -> Flushed:
        """Forget all answers of upstream servers."""
        return Flushed(flushed=self._server.call("Flush")["flushed"])

    def lookup(self, _: Caller, given: Lookup) -> LookupResult:
        """Ask this router's own server, as a client would."""
        if given.type not in dnslib.QTYPE.reverse:
            raise InvalidRequest(f"no record type is called {given.type}")
        try:
            question = dnslib.DNSRecord.question(given.name, given.type)
        except (dnslib.DNSError, DNSLabelError, UnicodeError) as error:
            raise InvalidRequest(
                f"{given.name} is no name of DNS: its parts have 1 to 63 characters"
            ) from error
        try:
            reply = dnslib.DNSRecord.parse(question.send("127.0.0.1", PORT, timeout=ANSWER_TIME_S))
            if reply.header.tc:  # more than a datagram holds
                told = question.send("127.0.0.1", PORT, tcp=True, timeout=ANSWER_TIME_S)
                reply = dnslib.DNSRecord.parse(told)
        except OSError as error:
            raise Unavailable(f"the DNS server does not answer: {error}") from error
        except dnslib.DNSError as error:
            raise Unavailable(f"the answer about {given.name} cannot be read: {error}") from error
        answers = [record.toZone() for record in reply.rr]
        return LookupResult(status=dnslib.RCODE.get(reply.header.rcode), answers=answers)
