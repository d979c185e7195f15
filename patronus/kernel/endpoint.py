# SPDX-License-Identifier: GPL-2.0-or-later
"""A server process's end of the control channel: listens, and serves the one user that may command it."""

from __future__ import annotations

import argparse
import logging
import os
import pwd
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patronus.core.errors import PatronusError
from patronus.core.varlink import MalformedMessage, Message, encode
from patronus.kernel.descriptors import ERROR_PREFIX, Delivery, Receiver, send
from patronus.kernel.descriptors import peer as peer_of
from patronus.kernel.loop import Loop

log = logging.getLogger(__name__)

WATCH = "Watch"
"""The method, called with ``more``, that is answered by events for as long as the connection lives."""
SEND_TIME_S = 2.0
CONNECTIONS = 8
MOST_WAITING = 16 * 1024 * 1024
"""Bytes of events that may wait for one watcher; one that is further behind has to watch again."""
AGAIN_S = 0.02
"""After this time a watcher that had no room is tried again."""

Handler = Callable[[dict[str, Any], tuple[int, ...]], dict[str, Any]]
"""(parameters, descriptors) → parameters of the reply. The handler owns the descriptors, always."""


class Endpoint:
    """The listening control socket of a server process.

    ``interface`` is the prefix of its methods; ``handlers`` maps a method's last part to what answers it;
    ``snapshot`` gives the events that a new watcher must know first.
    """

    def __init__(
        self,
        loop: Loop,
        path: Path,
        *,
        peer: int,
        interface: str,
        handlers: Mapping[str, Handler],
        snapshot: Callable[[], Iterable[dict[str, Any]]],
    ) -> None:
        self._loop = loop
        self._peer = peer
        self._interface = interface
        self._handlers = handlers
        self._snapshot = snapshot
        self._connections: list[socket.socket] = []
        self._watchers: dict[socket.socket, bytearray] = {}
        self._sending = False
        self._listener = listen(path)
        loop.on_readable(self._listener, self._accept)

    @property
    def watched(self) -> bool:
        """Return whether somebody follows the events."""
        return bool(self._watchers)

    def close(self) -> None:
        """Stop listening and end every connection."""
        self._loop.forget(self._listener)
        self._listener.close()
        for sock in list(self._connections):
            self._drop(sock)

    def publish(self, event: dict[str, Any]) -> None:
        """Send an event to every watcher, without waiting for any: together with others of this turn.

        One that stays far behind is cut off and has to watch again.
        """
        if self._watchers:
            self._queue(list(self._watchers), {"parameters": event, "continues": True})

    def _queue(self, watchers: Iterable[socket.socket], message: Message) -> None:
        data = encode(message)
        for watcher in watchers:
            self._watchers[watcher] += data
        if not self._sending:
            self._sending = True
            self._loop.call_later(0.0, self._send_waiting)

    def _send_waiting(self) -> None:
        """Send what there is room for, and come back for the rest."""
        self._sending = False
        for watcher, waiting in list(self._watchers.items()):
            try:
                del waiting[: watcher.send(waiting)]
            except BlockingIOError:
                pass
            except OSError as error:
                log.warning("control connection ended while sending: %s", error)
                self._drop(watcher)
                continue
            if len(waiting) > MOST_WAITING:
                log.warning("a watcher does not read, and is cut off")
                self._drop(watcher)
        if any(self._watchers.values()) and not self._sending:
            self._sending = True
            self._loop.call_later(AGAIN_S, self._send_waiting)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError as error:
            log.warning("no control connection: %s", error)
            return
        _, uid = peer_of(sock)
        if uid != self._peer or len(self._connections) >= CONNECTIONS:
            log.warning("refused a control connection of uid %d", uid)
            sock.close()
            return
        sock.settimeout(SEND_TIME_S)
        receiver = Receiver(sock)
        self._connections.append(sock)
        self._loop.on_readable(sock, lambda: self._read(sock, receiver))

    def _read(self, sock: socket.socket, receiver: Receiver) -> None:
        try:
            for delivery in receiver.receive():
                self._serve(sock, delivery)
        except (EOFError, OSError, MalformedMessage) as error:
            if not isinstance(error, EOFError):
                log.warning("control connection ended: %s", error)
            self._drop(sock)
            receiver.close()

    def _serve(self, sock: socket.socket, delivery: Delivery) -> None:
        name = str(delivery.message.get("method", "")).removeprefix(f"{self._interface}.")
        parameters = delivery.message.get("parameters") or {}
        if name == WATCH:
            self._watch(sock)
        elif (handler := self._handlers.get(name)) is None:
            delivery.close()
            self._reply(sock, {"error": "org.varlink.service.MethodNotFound", "parameters": {"method": name}})
        else:
            self._reply(sock, _answer(handler, parameters, delivery.descriptors))

    def _watch(self, sock: socket.socket) -> None:
        sock.settimeout(0.0)
        self._watchers.setdefault(sock, bytearray())
        for event in self._snapshot():
            self._queue([sock], {"parameters": event, "continues": True})

    def _reply(self, sock: socket.socket, message: Message) -> None:
        if sock.fileno() < 0:
            return
        if sock in self._watchers:
            self._queue([sock], message)
            return
        try:
            send(sock, message)
        except OSError as error:
            log.warning("control connection ended while sending: %s", error)
            self._drop(sock)

    def _drop(self, sock: socket.socket) -> None:
        self._loop.forget(sock)
        if sock in self._connections:
            self._connections.remove(sock)
        self._watchers.pop(sock, None)
        sock.close()


@dataclass(frozen=True)
class Arguments:
    """What a server process is started with: its folder, its control socket, the uid that commands it."""

    state: Path
    control: Path
    peer: int


def arguments(name: str) -> Arguments:
    """Return the command line of a server; what is not given comes from systemd (systemd.exec(5)).

    Ends the process with status 2 where something is missing.
    """
    parser = argparse.ArgumentParser(prog=name)
    state, run = os.environ.get("STATE_DIRECTORY"), os.environ.get("RUNTIME_DIRECTORY")
    control = Path(run) / "control.sock" if run else None
    parser.add_argument(
        "--state", type=Path, default=state, required=state is None, help="folder to write in"
    )
    parser.add_argument("--control", type=Path, default=control, required=run is None, help="control socket")
    parser.add_argument("--peer", default="patronus", help="user that may command this process")
    told = parser.parse_args()
    try:
        peer = pwd.getpwnam(told.peer).pw_uid
    except KeyError:
        parser.error(f"no user is called {told.peer}")
    return Arguments(Path(told.state), told.control, peer)


def _answer(handler: Handler, parameters: dict[str, Any], descriptors: tuple[int, ...]) -> Message:
    try:
        return {"parameters": handler(parameters, descriptors)}
    except PatronusError as error:
        return {"error": f"{ERROR_PREFIX}{error.code}", "parameters": error.parameters()}


def listen(path: Path) -> socket.socket:
    """Listen on a unix stream socket at ``path``; the place of a dead one is taken. Raises OSError.

    Anyone may connect: the kernel's word on the peer decides, not the file's mode.
    """
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    sock.bind(str(path))
    path.chmod(0o666)
    sock.listen(CONNECTIONS)
    sock.settimeout(0)
    return sock
