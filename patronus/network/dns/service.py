# SPDX-License-Identifier: GPL-2.0-or-later
"""The DNS feature inside patronusd: opens the sockets, tells the server, relays the leases' names to it."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dnslib
from dnslib.label import DNSLabelError

from patronus.core.bus import Event
from patronus.core.control import CommitReport
from patronus.core.edit import Insert, Remove
from patronus.core.errors import InvalidRequest, KernelError, NotFound, Unavailable
from patronus.core.feature import Difference, Earlier, Feature, Step
from patronus.core.model import Configuration
from patronus.core.problem import Problem
from patronus.core.verb import Caller, Nothing, Role, Verb
from patronus.kernel.channel import Channel
from patronus.kernel.host import Host
from patronus.kernel.sockets import device_index, tcp_listener, udp_socket
from patronus.lists.folder import LIST
from patronus.lists.task import Places
from patronus.network.dns.check import SECTION_PATH, check
from patronus.network.dns.config import CONTROL_INTERFACE
from patronus.network.dns.hosts import Hosts
from patronus.network.dns.lists import fetched
from patronus.network.dns.model import SECTION, Dns
from patronus.network.dns.plan import PORT, DnsPlan, ListFile, plan
from patronus.network.dns.verbs import (
    AddRecord,
    Flushed,
    ListQueries,
    Lookup,
    LookupResult,
    QueryList,
    RecordInfo,
    RecordList,
    RemoveRecord,
    ServerStatus,
)
from patronus.network.dns.zone import record_text

log = logging.getLogger(__name__)

ANSWER_TIME_S = 5.0
"""How long a change waits for a server that is just restarting, and a lookup for its answer."""
FAMILIES = (socket.AF_INET, socket.AF_INET6)

Facts = Mapping[str, ListFile]


class DnsFeature(Feature[DnsPlan, Facts]):
    """Names: our own, the hosts', and the world's through upstream servers."""

    name = "dns"
    sections = (SECTION,)

    def __init__(self, host: Host) -> None:
        self._host = host
        self._folder = host.places.state / "blocklists"
        self._fetched = Places.below(host.places.run, host.places.state).lists
        self._held: dict[str, tuple[int, list[socket.socket]]] = {}
        self._plan = DnsPlan()
        path = host.places.run.with_name("patronus-dns") / "control.sock"
        self._channel = Channel(path, CONTROL_INTERFACE, lambda _: None, self._relay_leases)
        self._hosts = Hosts()
        host.control.observe(self._on_event)

    def check(self, config: Configuration) -> Iterable[Problem]:
        """Yield what is wrong with the section."""
        return check(config)

    def facts(self) -> Facts:
        """Find the files of blocklists: people's, and those that were brought in."""
        found: dict[str, ListFile] = {}
        for name, path in self._files():
            stat = path.stat()
            found[name] = ListFile(name, stat.st_size, stat.st_mtime_ns)
        return found

    def _files(self) -> Iterator[tuple[str, Path]]:
        for folder, suffix in ((self._folder, ""), (self._fetched, LIST)):
            for path in folder.iterdir() if folder.is_dir() else ():
                if path.is_file() and path.name.endswith(suffix):
                    yield fetched(path.stem) if suffix else path.name, path

    def _file(self, name: str) -> Path:
        """Return where the list of that name lies."""
        key = name.removeprefix(fetched(""))
        return self._folder / name if key == name else self._fetched / f"{key}{LIST}"

    def plan(self, config: Configuration, facts: Facts, earlier: Earlier) -> DnsPlan:
        """Return what the server shall serve."""
        return plan(config, facts, earlier)

    def steps(self, plan: DnsPlan, running: DnsPlan | None) -> Iterator[Step]:
        """Tell the server, where the plan, a device or the server itself has changed since."""
        if plan == running and self._current(plan) and (self._channel.taken or not self._channel.connected):
            return
        yield Step(
            f"DNS: serve on {len(plan.devices)} devices",
            do=lambda: self._tell(plan, patience_s=0.0 if running is None else ANSWER_TIME_S),
            undo=lambda: self._tell(running or DnsPlan(), patience_s=0.0),
        )

    def _current(self, plan: DnsPlan) -> bool:
        """Return whether our sockets are bound to the devices as they are now."""
        return _indexes(plan) == {device: index for device, (index, _) in self._held.items()}

    def _tell(self, plan: DnsPlan, *, patience_s: float) -> None:
        """Push configuration, sockets and lists. Raises KernelError."""
        self._channel.start()
        self._open(plan)
        descriptors = [sock.fileno() for _, sockets in self._held.values() for sock in sockets]
        pushed = {
            "config": plan.config.as_data(),
            "sockets": len(descriptors),
            "leases": self._hosts.as_data(),
            "lists": [[item.name, item.size, item.modified_ns] for item in plan.lists],
        }
        with ExitStack() as stack:
            for item in plan.lists:
                try:
                    descriptor = os.open(self._file(item.name), os.O_RDONLY | os.O_CLOEXEC)
                except OSError as error:
                    raise KernelError(f"blocklist {item.name}: {error}") from error
                stack.callback(os.close, descriptor)
                descriptors.append(descriptor)
            self._plan = plan
            self._channel.push(pushed, descriptors, patience_s)
        for name in plan.missing:
            log.warning("the blocklist %s is not there", name)

    def _open(self, plan: DnsPlan) -> None:
        """Bring the sockets to the plan's devices; a device that is missing is passed over."""
        wanted = _indexes(plan)
        for device in list(self._held):
            if wanted.get(device) != self._held[device][0]:
                for sock in self._held.pop(device)[1]:
                    sock.close()
        for device, index in wanted.items():
            if device not in self._held:
                self._held[device] = index, _open(device)

    def observe(self, plan: DnsPlan) -> Iterator[Difference]:
        """Ask the server on how many sockets it serves."""
        if not self._channel.connected:
            return
        wanted = len(_indexes(plan)) * 2 * len(FAMILIES)
        try:
            found = self._channel.call("Status")["sockets"]
        except Unavailable as error:
            yield Difference("dns server", "answers", str(error))
            return
        if wanted != found:
            yield Difference("dns sockets", str(wanted), str(found))

    def close(self) -> None:
        """Leave the server to itself: it serves on with what it has."""
        self._channel.stop()
        for _, sockets in self._held.values():
            for sock in sockets:
                sock.close()
        self._held = {}

    def _on_event(self, event: Event) -> None:
        """Take in what DHCP says about leases, and hand the names on."""
        if self._hosts.take(event) and self._channel.connected:
            self._relay_leases()

    def _relay_leases(self) -> None:
        """Give the server the hosts' names; one that is away gets them when it comes."""
        try:
            self._channel.call("SetLeases", {"leases": self._hosts.as_data()})
        except Unavailable as error:
            log.info("leases are told later: %s", error)
        except InvalidRequest as error:
            log.error("%s", error)

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs on records, the cache and the server."""
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
                "dns.AddRecord",
                AddRecord,
                CommitReport,
                self.add_record,
                role=Role.ADMIN,
                route="POST /dns/records",
                changes=True,
            ),
            Verb(
                "dns.RemoveRecord",
                RemoveRecord,
                CommitReport,
                self.remove_record,
                role=Role.ADMIN,
                route="DELETE /dns/records/{id}",
                changes=True,
            ),
            Verb(
                "dns.FlushCache",
                Nothing,
                Flushed,
                self.flush_cache,
                role=Role.OPERATOR,
                route="POST /dns/flush",
                changes=True,
            ),
        )

    def status(self, _: Caller, __: Nothing) -> ServerStatus:
        """Show whether the server runs, whom it asks, and what it has counted."""
        try:
            found = self._channel.call("Status")
        except Unavailable:
            return ServerStatus(running=False)
        return ServerStatus(
            running=True,
            cached=found["cached"],
            blocked_names=found["blocked"],
            unread_entries=found["unread"],
            reading_lists=found["reading"],
            upstreams=found["upstreams"],
            missing_lists=list(self._plan.missing),
            counters=found["counters"],
        )

    def list_records(self, _: Caller, __: Nothing) -> RecordList:
        """List the names that the router answers itself."""
        dns = self._host.control.config.get(Dns)
        own = [
            RecordInfo(id=item.id, name=item.name, type=item.type, value=item.value, source="configured")
            for item in dns.records
        ]
        derived = [
            RecordInfo(id=None, name=item.name, type=rtype, value=value, source="derived")
            for item in self._plan.config.records[len(dns.records) :]
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
        return QueryList.model_validate(self._channel.call("Queries", given.model_dump()))

    def add_record(self, caller: Caller, given: AddRecord) -> CommitReport:
        """Add a record of our own."""
        value = given.model_dump(mode="json", exclude_none=True)
        edit = Insert(SECTION_PATH, ("records",), value)
        return CommitReport.of(self._host.control.submit([edit], caller, comment=f"add record {given.name}"))

    def remove_record(self, caller: Caller, given: RemoveRecord) -> CommitReport:
        """Remove a record of our own."""
        if all(item.id != given.id for item in self._host.control.config.get(Dns).records):
            raise NotFound(f"no record is called {given.id}")
        edit = Remove(SECTION_PATH, ("records", given.id))
        return CommitReport.of(self._host.control.submit([edit], caller, comment=f"remove record {given.id}"))

    def flush_cache(self, _: Caller, __: Nothing) -> Flushed:
        """Forget all answers of upstream servers."""
        return Flushed(flushed=self._channel.call("Flush")["flushed"])

    def lookup(self, _: Caller, given: Lookup) -> LookupResult:
        """Ask this router's own server, as a client would."""
        if given.type not in dnslib.QTYPE.reverse:
            raise InvalidRequest(f"no record type is called {given.type}")
        try:
            question = dnslib.DNSRecord.question(given.name, given.type)
            data = question.send("127.0.0.1", PORT, timeout=ANSWER_TIME_S)
            reply = dnslib.DNSRecord.parse(data)
        except OSError as error:
            raise Unavailable(f"the DNS server does not answer: {error}") from error
        except (dnslib.DNSError, DNSLabelError, UnicodeError) as error:
            raise InvalidRequest(f"{given.name}: {error}") from error
        answers = [record.toZone() for record in reply.rr]
        return LookupResult(status=dnslib.RCODE.get(reply.header.rcode), answers=answers)


def _indexes(plan: DnsPlan) -> dict[str, int]:
    """Return the devices that exist, with the kernel's index of each."""
    return {device: index for device in plan.devices if (index := device_index(device))}


def _open(device: str) -> list[socket.socket]:
    """Return the device's sockets, UDP and TCP of both families. Raises KernelError."""
    sockets: list[socket.socket] = []
    try:
        for family in FAMILIES:
            sockets.append(udp_socket(device, PORT, family))
            sockets.append(tcp_listener(device, PORT, family))
    except KernelError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def create(host: Host) -> DnsFeature:
    """Make the feature; called once by the daemon."""
    return DnsFeature(host)
