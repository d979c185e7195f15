# SPDX-License-Identifier: GPL-2.0-or-later
"""patronusd's end of the control channel to a server process: configuration and sockets out, events in.

The channel remembers what it pushed last, descriptors included, and pushes it again when the server has
restarted. The server serves on with what it has while patronusd is away.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from patronus.core.errors import KernelError, PatronusError, Unavailable, from_wire
from patronus.core.varlink import MalformedMessage, Message
from patronus.kernel.descriptors import ERROR_PREFIX, Receiver, peer, send

log = logging.getLogger(__name__)

CONFIGURE = "Configure"
WATCH = "Watch"
CALL_TIME_S = 10.0
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 2.0


class Channel:
    """The channel to one server process. ``push`` and ``call`` may come from any thread.

    ``on_event`` gets each event and ``on_connect`` is called when the server is there (again) and has
    its configuration, both in the channel's own thread.
    """

    def __init__(
        self,
        path: Path,
        interface: str,
        on_event: Callable[[dict[str, Any]], None],
        on_connect: Callable[[], None] | None = None,
    ) -> None:
        self._path = path
        self._interface = interface
        self._on_event = on_event
        self._on_connect = on_connect
        self._lock = threading.Lock()
        self._connected = threading.Event()
        self._stopping = threading.Event()
        self._configuration: dict[str, Any] | None = None
        self._descriptors: tuple[int, ...] = ()
        self._taken_by = 0
        self._watch: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @property
    def connected(self) -> bool:
        """Return whether the server is there."""
        return self._connected.is_set()

    @property
    def taken(self) -> bool:
        """Return whether the server that is there now has taken the last configuration."""
        return self._taken_by != 0

    def start(self) -> None:
        """Begin to look for the server; harmless where that has begun."""
        if self._thread is None:
            name = f"channel {self._path.parent.name}"
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the channel's thread and close what it remembers."""
        self._stopping.set()
        if (watch := self._watch) is not None:
            _shut(watch)
        if self._thread is not None:
            self._thread.join(LONGEST_WAIT_S + CALL_TIME_S)
        self._remember(None, ())

    def push(self, parameters: dict[str, Any], descriptors: Sequence[int], patience_s: float = 0.0) -> None:
        """Give the server its configuration; one that is away gets it when it comes.

        With ``patience_s`` it has to come within that time. The descriptors are duplicated; the caller
        keeps its own. Raises KernelError where the server refuses, or stays away longer.
        """
        with self._lock:
            self._remember(parameters, descriptors)
            self._taken_by = 0
            try:
                self._deliver()
                return
            except Unavailable as error:
                reason = error
        if patience_s and not (self._connected.wait(patience_s) and self.taken):
            raise KernelError(str(reason))
        if not patience_s:
            log.info("%s gets its configuration when it comes", self._path.parent.name)

    def call(self, method: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask the server for something. Raises Unavailable, or the error that it answers."""
        return self._call(method, dict(parameters or {}), ())

    def _remember(self, parameters: dict[str, Any] | None, descriptors: Sequence[int]) -> None:
        copies = tuple(os.dup(descriptor) for descriptor in descriptors)
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._configuration, self._descriptors = parameters, copies

    def _deliver(self) -> None:
        if self._configuration is None:
            return
        try:
            self._call(CONFIGURE, self._configuration, self._descriptors)
        except Unavailable:
            raise
        except PatronusError as error:
            raise KernelError(f"{self._path.parent.name} refused its configuration: {error}") from error

    def _call(self, method: str, parameters: dict[str, Any], descriptors: Sequence[int]) -> dict[str, Any]:
        try:
            with self._connect() as sock:
                process, _ = peer(sock)
                sock.settimeout(CALL_TIME_S)
                send(sock, {"method": f"{self._interface}.{method}", "parameters": parameters}, descriptors)
                reply = next(_replies(sock))
        except (OSError, EOFError, MalformedMessage) as error:
            raise Unavailable(f"{self._path.parent.name} does not answer: {error}") from error
        result = _result(reply)
        if method == CONFIGURE:
            self._taken_by = process
        return result

    def _connect(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            sock.connect(str(self._path))
        except OSError:
            sock.close()
            raise
        return sock

    def _run(self) -> None:
        wait_s = FIRST_WAIT_S
        while not self._stopping.wait(wait_s):
            try:
                self._follow()
            except (OSError, EOFError, MalformedMessage, PatronusError) as error:
                wait_s = FIRST_WAIT_S if self._connected.is_set() else min(2 * wait_s, LONGEST_WAIT_S)
                if self._connected.is_set():
                    log.warning("%s went away: %s", self._path.parent.name, error)
            except Exception:  # this thread must outlive a mistake: nobody else configures the server
                log.exception("%s said what was not understood", self._path.parent.name)
                wait_s = LONGEST_WAIT_S
            self._connected.clear()
            self._taken_by = 0

    def _follow(self) -> None:
        """Bring a server that has come up to date, and hand on its events until it goes."""
        with self._connect() as sock:
            self._watch = sock
            self._deliver_again(peer(sock)[0])
            self._connected.set()
            if self._on_connect is not None:
                self._on_connect()
            send(sock, {"method": f"{self._interface}.{WATCH}", "more": True})
            for reply in _replies(sock):
                self._on_event(_result(reply))

    def _deliver_again(self, process: int) -> None:
        """Push what was pushed last, unless this very process has taken it; report a refusal and go on."""
        try:
            with self._lock:
                if self._taken_by != process:
                    self._deliver()
        except KernelError as error:
            log.error("%s", error)


def _replies(sock: socket.socket) -> Iterator[Message]:
    receiver = Receiver(sock)
    while True:
        for delivery in receiver.receive():
            delivery.close()
            yield delivery.message


def _result(reply: Message) -> dict[str, Any]:
    """Return the parameters of a reply. Raises the error that it carries."""
    parameters = reply.get("parameters")
    values = parameters if isinstance(parameters, dict) else {}
    if "error" in reply:
        raise from_wire(str(reply["error"]).removeprefix(ERROR_PREFIX), values)
    return values


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        log.debug("the watch had ended already")
