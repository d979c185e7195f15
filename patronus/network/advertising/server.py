# SPDX-License-Identifier: GPL-2.0-or-later
"""Speaks on the networks: one thread of patronusd, one socket a device.

It takes in nothing but the fact that a host asks; what it says comes from the plan alone.
"""

from __future__ import annotations

import logging
import os
import random
import select
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from patronus.core.control import Clock
from patronus.core.errors import KernelError
from patronus.kernel.router_socket import RouterSocket
from patronus.kernel.sockets import device_index
from patronus.network.advertising.memory import Memory, compose, farewell
from patronus.network.advertising.packet import is_solicitation
from patronus.network.advertising.plan import Network
from patronus.network.advertising.schedule import AGAIN_S, Schedule

log = logging.getLogger(__name__)


@dataclass
class Station:
    """One device: what is said there, and what has come of it. ``failure`` is why it cannot be said now."""

    network: Network
    socket: RouterSocket
    schedule: Schedule
    sent: int = 0
    asked: int = 0
    failure: str | None = None


@dataclass(frozen=True)
class Said:
    """How one device stands, at one moment."""

    sent: int = 0
    asked: int = 0
    failure: str | None = None


@dataclass
class Advertiser:
    """Tells networks what they are told. Methods may be called from any thread."""

    clock: Clock
    memory: Memory = field(default_factory=Memory)
    _stations: dict[str, Station] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None
    _wake: int = -1

    def tell(self, networks: Sequence[Network]) -> None:
        """Say this from now on, and take back what is no longer so. Raises KernelError, all else said."""
        now_s = self.clock.boottime()
        present = [network for network in networks if device_index(network.device)]
        failures: list[KernelError] = []
        with self._lock:
            self._let_go(present, now_s)
            self.memory = self.memory.follow(networks, now_s)
            for network in present:
                try:
                    self._take_up(network, now_s)
                except KernelError as error:
                    if device_index(network.device):  # one that is gone by now is told when it is back
                        failures.append(error)
            if self._stations and self._thread is None:
                self._begin()
        if self._wake >= 0:
            os.write(self._wake, b"!")
        if failures:
            raise failures[0]

    def _let_go(self, networks: Sequence[Network], now_s: float) -> None:
        """Say farewell on the devices that are told nothing more; a new one of the same name is another."""
        kept = {network.device for network in networks}
        for device, station in list(self._stations.items()):
            if device in kept and station.socket.index == device_index(device):
                continue
            del self._stations[device]
            try:
                last = farewell(station.network, self.memory, station.socket.mac(), now_s)
                station.socket.tell_all(last.encode())
            except KernelError as error:
                log.info("%s is not told that the router goes: %s", device, error)
            station.socket.close()

    def _take_up(self, network: Network, now_s: float) -> None:
        station = self._stations.get(network.device)
        if station is None:
            opened = RouterSocket(network.device)
            self._stations[network.device] = Station(network, opened, Schedule(now_s))
        elif station.network != network:
            station.network = network
            station.schedule.changed(now_s)

    def _begin(self) -> None:
        listen, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._run, args=(listen,), name="advertising", daemon=True)
        self._thread.start()

    def serves(self, networks: Sequence[Network]) -> bool:
        """Return whether exactly these are told, on the devices as they are now."""
        wanted = {(network.device, index) for network in networks if (index := device_index(network.device))}
        with self._lock:
            return wanted == {(device, one.socket.index) for device, one in self._stations.items()}

    def said(self) -> dict[str, Said]:
        """Return device → how it stands."""
        with self._lock:
            return {device: Said(one.sent, one.asked, one.failure) for device, one in self._stations.items()}

    def stop(self) -> None:
        """End without a word: who comes next goes on."""
        if self._thread is not None:
            os.close(self._wake)
            self._thread.join()
            self._thread, self._wake = None, -1
        for station in self._stations.values():
            station.socket.close()
        self._stations = {}

    def _run(self, wake: int) -> None:
        while True:
            try:
                if not self._turn(wake):
                    break
            except Exception:  # this thread must outlive a mistake: nobody else answers the hosts
                log.exception("advertising goes on after a mistake")
        os.close(wake)

    def _turn(self, wake: int) -> bool:
        """Say what is due, then wait for a question or the next moment. Return False when it shall end."""
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        with self._lock:
            now_s = self.clock.boottime()
            for station in self._stations.values():
                if station.schedule.due_s <= now_s:
                    self._speak(station, now_s)
                poll.register(station.socket, select.POLLIN)
            moments = [station.schedule.due_s for station in self._stations.values()]
        left_s = max(0.0, min(moments) - now_s) if moments else None
        ready = {descriptor for descriptor, _ in poll.poll(None if left_s is None else left_s * 1000 + 1)}
        if wake in ready and not os.read(wake, 4096):
            return False
        with self._lock:
            for station in self._stations.values():
                if station.socket.fileno() in ready:
                    self._hear(station)
        return True

    def _hear(self, station: Station) -> None:
        """Read what hosts ask; a socket that fails is tried again with the next word."""
        try:
            asked = sum(is_solicitation(*message) for message in station.socket.messages())
        except OSError as error:
            log.warning("cannot hear on %s: %s", station.network.device, error)
            return
        if asked:
            station.asked += asked
            station.schedule.asked(self.clock.boottime(), random.random())  # noqa: S311 - spreads answers

    def _speak(self, station: Station, now_s: float) -> None:
        try:
            said = compose(station.network, self.memory, station.socket.mac(), now_s)
            station.socket.tell_all(said.encode())
        except KernelError as error:
            if station.failure is None:
                log.info("%s; trying again every %g s", error, AGAIN_S)
            station.failure = str(error)
            station.schedule.failed(now_s)
            return
        station.sent, station.failure = station.sent + 1, None
        station.schedule.sent(now_s, random.random())  # noqa: S311 - keeps routers from speaking in step
