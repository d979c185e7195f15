# SPDX-License-Identifier: GPL-2.0-or-later
"""The watch: a thread for each uplink asks what its checks say, and tells when it goes down or comes back."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from patronus.core.control import Clock
from patronus.core.errors import PatronusError
from patronus.core.link import IpAddress
from patronus.kernel import probe
from patronus.network.uplinks.health import Health
from patronus.network.uplinks.model import Check
from patronus.network.uplinks.questions import dns_failure, dns_question, http_failure, http_question
from patronus.network.uplinks.task import Task

log = logging.getLogger(__name__)

DNS_PORT, HTTP_PORT = 53, 80
Changed = Callable[[str, bool, str | None], None]
"""Called with role, whether it is up from now on, and why not. Where it raises, it is called again."""


class _Watched:
    """One uplink under watch: its task, its health, and whether the latter has been told."""

    def __init__(self, task: Task, now_s: float) -> None:
        self.task = task
        self.health = Health(now_s)
        self.told = True
        self.wake = threading.Event()
        self.ended = False


class Watch:
    """Asks and tells. Safe from any thread; the callback is called from the threads of the watch."""

    def __init__(self, clock: Clock, changed: Changed) -> None:
        self._clock = clock
        self._changed = changed
        self._lock = threading.Lock()
        self._watched: dict[str, _Watched] = {}

    def tell(self, tasks: Mapping[str, Task]) -> None:
        """Watch these from now on; one that is watched already keeps what is known of it."""
        with self._lock:
            for role in self._watched.keys() - tasks.keys():
                self._end(self._watched.pop(role))
            for role, task in tasks.items():
                if role not in self._watched:
                    self._begin(role, task)
                elif self._watched[role].task != task:
                    self._watched[role].task = task
                    self._watched[role].wake.set()

    def _begin(self, role: str, task: Task) -> None:
        one = self._watched[role] = _Watched(task, self._clock.boottime())
        threading.Thread(target=self._run, args=(role, one), name=f"uplink-{role}", daemon=True).start()

    @staticmethod
    def _end(one: _Watched) -> None:
        one.ended = True
        one.wake.set()

    def down(self) -> frozenset[str]:
        """Return the uplinks that are down."""
        with self._lock:
            return frozenset(role for role, one in self._watched.items() if not one.health.up)

    def health(self) -> dict[str, Health]:
        """Return role → what is known of it."""
        with self._lock:
            return {role: replace(one.health) for role, one in self._watched.items()}

    def stop(self) -> None:
        """Watch nothing any more."""
        self.tell({})

    def _run(self, role: str, one: _Watched) -> None:
        while not one.ended:
            one.wake.clear()
            begun_s = time.monotonic()
            try:
                self._turn(role, one)
            except PatronusError as error:
                log.warning("that %s is %s is told again: %s", role, _word(one.health), error)
            except Exception:  # this thread must outlive a mistake: nobody else sees that an uplink is down
                log.exception("watching %s goes on after a mistake", role)
            one.wake.wait(max(0.0, one.task.uplink.interval - (time.monotonic() - begun_s)))

    def _turn(self, role: str, one: _Watched) -> None:
        failure = failure_of(one.task)
        with self._lock:
            if one.health.saw(failure, self._clock.boottime(), one.task.uplink):
                one.told = not one.told
            tell = not one.told and not one.ended
        if tell:
            self._changed(role, one.health.up, one.health.reason)
            one.told = True


def _word(health: Health) -> str:
    return "up" if health.up else "down"


def failure_of(task: Task) -> str | None:
    """Ask all that a task says; return why its uplink is not well, None where it is."""
    if not task.uplink.checks:
        return None
    if task.device is None or task.gateway is None:
        return task.reason or "it has no gateway now"
    failures = []
    for check in task.uplink.checks:
        failure = _asked(check, task.device, check.target or task.gateway, task.uplink.timeout)
        if failure is None and task.uplink.needed == "any":
            return None
        if failure is not None:
            failures.append(failure)
    return "; ".join(failures) or None


def _asked(check: Check, device: str, target: IpAddress, timeout_s: float) -> str | None:
    """Return why a check failed."""
    try:
        return _ask(check, device, target, timeout_s)
    except OSError as error:
        why = str(error) if isinstance(error, probe.NoAnswer) else error.strerror or str(error)
        return f"{check.kind} to {target}: {why}"


def _ask(check: Check, device: str, target: IpAddress, timeout_s: float) -> str | None:
    if check.kind == "icmp":
        probe.echo(device, target, timeout_s)
        return None
    if check.kind == "dns":
        question = dns_question(check, int.from_bytes(os.urandom(2), "big"))
        answer = probe.datagram(device, target, check.port or DNS_PORT, question, timeout_s)
        return dns_failure(answer, question)
    if check.kind == "http":
        words = http_question(check, str(target))
        return http_failure(probe.stream(device, target, check.port or HTTP_PORT, words, timeout_s))
    probe.stream(device, target, check.port or 0, b"", timeout_s)
    return None
