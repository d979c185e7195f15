# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon's Varlink socket: one thread a connection, one call at a time on each.

Source: varlink.org; the errors of ``org.varlink.service`` are its standard ones.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from patronus.core.errors import PatronusError
from patronus.core.varlink import PREFIX, Decoder, MalformedMessage, Message, encode
from patronus.daemon.peer import Peer, peer_of, uid_of
from patronus.daemon.slots import Slots
from patronus.kernel.memory import give_back

log = logging.getLogger(__name__)

CHUNK = 65536
LARGE = 1 << 18
"""Bytes of messages whose answering leaves as much behind as is worth returning to the system."""
BACKLOG = 64
"""Connections that may wait to be taken; one that finds no slot is closed at once."""
SEND_TIME_S = 10.0
PAUSE_S = 0.2
"""After an accept that failed, for want of descriptors or memory, until the next one."""

Answer = Callable[[Peer, str, dict[str, Any]], Iterator[Message]]
"""(peer, method, parameters) → replies; all but the last carry ``continues``."""


class Server:
    """Listens on a unix socket and answers calls through ``answer``."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self._answer = answer
        self._slots = Slots()
        self._listener = _listen(path)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="varlink", daemon=True)

    def start(self) -> None:
        """Begin to serve, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting; calls under way end with their connections."""
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                if self._stopping.wait(PAUSE_S):
                    return
                log.warning("a connection could not be taken: %s", error)
                continue
            uid = uid_of(connection)
            if self._slots.take(uid):
                self._begin(connection, uid)
            else:
                connection.close()

    def _begin(self, connection: socket.socket, uid: int) -> None:
        """Serve in a thread of its own; where the kernel gives none, the peer has to come again."""
        try:
            threading.Thread(target=self._serve, args=(connection, uid), daemon=True).start()
        except RuntimeError as error:
            log.warning("a connection could not be served: %s", error)
            connection.close()
            self._slots.give_back(uid)

    def _serve(self, connection: socket.socket, uid: int) -> None:
        try:
            with connection:
                peer = peer_of(connection)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(SEND_TIME_S))
                for message in _messages(connection):
                    self._reply(connection, peer, message)
                    del message  # who waits for the next one holds none
        except (OSError, MalformedMessage) as error:
            log.debug("connection ended: %s", error)
        finally:
            self._slots.give_back(uid)

    def _reply(self, connection: socket.socket, peer: Peer, message: Message) -> None:
        method, parameters = message.get("method"), message.get("parameters") or {}
        if not isinstance(method, str) or not isinstance(parameters, dict):
            raise MalformedMessage("a call has a method and an object of parameters")
        for reply in self._replies(peer, method, parameters):
            if message.get("oneway") is not True:
                connection.sendall(encode(reply))
            if reply.get("continues") and message.get("more") is not True:
                break

    def _replies(self, peer: Peer, method: str, parameters: dict[str, Any]) -> Iterator[Message]:
        try:
            yield from self._answer(peer, method, parameters)
        except PatronusError as error:
            yield {"error": _wire_name(error), "parameters": error.parameters()}
        except Exception:
            log.exception("%s failed", method)
            yield {"error": f"{PREFIX}.Failed", "parameters": {"message": "internal error; see the journal"}}


def _wire_name(error: PatronusError) -> str:
    return error.code if "." in error.code else f"{PREFIX}.{error.code}"


def _messages(connection: socket.socket) -> Iterator[Message]:
    """Yield what the peer sends; what a large message left behind is returned once it is answered."""
    decoder, received = Decoder(), 0
    while data := connection.recv(CHUNK):
        received += len(data)
        yield from decoder.feed(data)
        if received > LARGE and not decoder.waiting:
            give_back()
        received = received if decoder.waiting else 0


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o666)
    listener.listen(BACKLOG)
    return listener


def _timeval(seconds: float) -> bytes:
    return int(seconds).to_bytes(8, "little") + bytes(8)
