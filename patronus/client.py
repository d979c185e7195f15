# SPDX-License-Identifier: GPL-2.0-or-later
"""The only way in to the daemon: calls verbs over its Varlink socket. Imports nothing but core."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from patronus.core.errors import Unavailable, from_wire
from patronus.core.varlink import PREFIX, Decoder, MalformedMessage, Message, encode

SOCKET = Path("/run/patronus/patronus.sock")
CHUNK = 65536
ANSWER_TIME_S = 60.0
"""A commit with a slow kernel takes seconds; a daemon that is silent for a minute is not there."""


def full_method(verb: str) -> str:
    """Return the Varlink method of ``firewall.AddRule``: ``io.patronus.firewall.v1.AddRule``."""
    interface, _, method = verb.partition(".")
    return f"{PREFIX}.{interface}.v1.{method}"


class Client:
    """One connection to the daemon, made at the first call and again when it broke. One thread at a time."""

    def __init__(
        self, path: Path | str = SOCKET, *, timeout_s: float = ANSWER_TIME_S, session: str | None = None
    ) -> None:
        """Remember where the daemon is. ``session``: the session or API token of calls that name none."""
        self._path = str(path)
        self._session = session
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._decoder = Decoder()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; the next call makes a new one."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._decoder = Decoder()

    def interrupt(self) -> None:
        """End a call that waits in another thread: it raises Unavailable there."""
        connection = self._socket
        if connection is not None:
            with suppress(OSError):  # it was over by itself
                connection.shutdown(socket.SHUT_RDWR)

    def call(
        self,
        verb: str,
        parameters: dict[str, Any] | None = None,
        *,
        session: str | None = None,
        origin: str | None = None,
    ) -> dict[str, Any]:
        """Call a verb and return its result.

        ``session`` is a session's token from log-in, or an API token; ``origin`` says on whose behalf a
        trusted face calls. Raises the error that the daemon answered, or Unavailable.
        """
        with self._translated():
            self._send(_call_message(verb, parameters, session or self._session, origin))
            return _result(next(self._messages()))

    def stream(
        self,
        verb: str,
        parameters: dict[str, Any] | None = None,
        *,
        session: str | None = None,
        origin: str | None = None,
        idle_s: float | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Call a verb that answers many times; yield each answer until the daemon ends the stream.

        ``idle_s`` limits the silence between two answers (None: wait for ever).
        """
        with self._translated():
            self._send(_call_message(verb, parameters, session or self._session, origin) | {"more": True})
            if self._socket is not None:
                self._socket.settimeout(idle_s)
            for message in self._messages():
                yield _result(message)
                if not message.get("continues"):
                    break
        self.close()

    def describe(self) -> list[dict[str, Any]]:
        """Return the declaration of every verb that the daemon has (``Verb.describe``)."""
        verbs: list[dict[str, Any]] = self.call("system.Describe")["verbs"]
        return verbs

    def _connect(self) -> socket.socket:
        if self._socket is None:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(self._timeout_s)
            try:
                connection.connect(self._path)
            except OSError:
                connection.close()
                raise
            self._socket = connection
        return self._socket

    def _send(self, message: Message) -> None:
        data = encode(message)
        try:
            self._connect().sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            self.close()
            self._connect().sendall(data)

    def _messages(self) -> Iterator[Message]:
        while True:
            data = self._connect().recv(CHUNK)
            if not data:
                raise ConnectionResetError("the daemon closed the connection")
            yield from self._decoder.feed(data)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OSError, MalformedMessage) as error:
            self.close()
            raise Unavailable(f"patronusd does not answer on {self._path}: {error}") from error


def _call_message(
    verb: str, parameters: dict[str, Any] | None, session: str | None, origin: str | None
) -> Message:
    given = dict(parameters or {})
    if session is not None:
        given["session"] = session
    if origin is not None:
        given["origin"] = origin
    return {"method": full_method(verb), "parameters": given}


def _result(message: Message) -> dict[str, Any]:
    parameters = message.get("parameters") or {}
    if error := message.get("error"):
        raise from_wire(str(error).rpartition(".")[2], parameters)
    return dict(parameters)
