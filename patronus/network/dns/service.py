# SPDX-License-Identifier: GPL-2.0-or-later
"""The DNS feature inside patronusd: opens the sockets, tells the server, relays the leases' names to it."""

from __future__ import annotations

import logging
import os
import socket
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patronus.core.bus import Event
from patronus.core.errors import InvalidRequest, KernelError, Unavailable
from patronus.core.feature import Difference, Earlier, Feature, Step
from patronus.core.model import Configuration
from patronus.core.problem import Problem
from patronus.core.verb import Verb
from patronus.kernel.channel import Channel
from patronus.kernel.gathered import Gathered
from patronus.kernel.host import Host
from patronus.kernel.sockets import device_index, tcp_listener, udp_socket, unless_gone
from patronus.lists.folder import LIST
from patronus.lists.task import Places
from patronus.network.dns.check import check
from patronus.network.dns.config import CONTROL_INTERFACE
from patronus.network.dns.hosts import Hosts
from patronus.network.dns.lists import fetched
from patronus.network.dns.model import SECTION
from patronus.network.dns.plan import PORT, DnsPlan, ListFile, plan

if TYPE_CHECKING:
    from patronus.network.dns.catalogue import Catalogue

log = logging.getLogger(__name__)

ANSWER_TIME_S = 5.0
"""How long a change waits for a server that is just restarting."""
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
        self._relay = Gathered("names of leases", self._relay_leases)
        host.control.observe(self._on_event)

    def check(self, config: Configuration) -> Iterable[Problem]:
        """Yield what is wrong with the section."""
        return check(config)

    def facts(self) -> Facts:
        """Find the files of blocklists: people's, and those that were brought in."""
        found: dict[str, ListFile] = {}
        for name, path in self._files():
            with suppress(FileNotFoundError):  # a list may go while we look
                status = path.stat()
                if stat.S_ISREG(status.st_mode):
                    found[name] = ListFile(name, status.st_size, status.st_mtime_ns)
        return found

    def _files(self) -> Iterator[tuple[str, Path]]:
        for folder, suffix in ((self._folder, ""), (self._fetched, LIST)):
            for path in folder.iterdir() if folder.is_dir() else ():
                if path.name.endswith(suffix):
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
        pushed: dict[str, Any] = {
            "config": plan.config.as_data(),
            "sockets": len(descriptors),
            "leases": self._hosts.as_data(),
        }
        lists = pushed["lists"] = []
        with ExitStack() as stack:
            for item in plan.lists:
                try:
                    descriptor = os.open(self._file(item.name), os.O_RDONLY | os.O_CLOEXEC)
                except FileNotFoundError:
                    log.warning("the blocklist %s has gone", item.name)
                    continue
                except OSError as error:
                    raise KernelError(f"blocklist {item.name}: {error}") from error
                stack.callback(os.close, descriptor)
                descriptors.append(descriptor)
                lists.append([item.name, item.size, item.modified_ns])
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
                with unless_gone(device):
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
            yield Difference("dns sockets", str(wanted), str(found), refuses=found < wanted)

    def close(self) -> None:
        """Leave the server to itself: it serves on with what it has."""
        self._relay.stop()
        self._channel.stop()
        for _, sockets in self._held.values():
            for sock in sockets:
                sock.close()
        self._held = {}

    def _on_event(self, event: Event) -> None:
        """Take in what DHCP says about leases, and have the names handed on: DHCP waits for nobody."""
        if self._hosts.take(event) and self._channel.connected:
            self._relay.ask()

    def _relay_leases(self) -> None:
        """Give the server the hosts' names; one that is away gets them when it comes."""
        try:
            self._channel.call("SetLeases", {"leases": self._hosts.as_data()})
        except Unavailable as error:
            log.info("leases are told later: %s", error)
        except InvalidRequest as error:
            log.error("%s", error)

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs."""
        return self.catalogue().verbs()

    def catalogue(self) -> Catalogue:
        """Return what answers callers."""
        from patronus.network.dns.catalogue import Catalogue  # no packet waits for it to be loaded

        return Catalogue(self._host.control, self._channel, self._hosts, lambda: self._plan)


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
