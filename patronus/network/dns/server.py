# SPDX-License-Identifier: GPL-2.0-or-later
"""The DNS server process: ``python3 -m patronus.network.dns.server``. Holds no capability, opens no port.

Clients come in through the sockets that patronusd passed; questions go out through sockets of its own.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from patronus.core.errors import InvalidRequest, StorageError
from patronus.kernel.crowd import Crowd
from patronus.kernel.datagrams import COUNT, Batch, Ready, Route, reply
from patronus.kernel.endpoint import Endpoint, arguments
from patronus.kernel.heartbeat import keep_beating
from patronus.kernel.loop import Loop
from patronus.kernel.notify import notify
from patronus.kernel.sockets import bound_device
from patronus.network.dns.cache import Cache, Store
from patronus.network.dns.clients import Clients
from patronus.network.dns.config import CONTROL_INTERFACE, LeaseName, ServerConfig
from patronus.network.dns.cookies import answered
from patronus.network.dns.keeping import Keeper, open_store
from patronus.network.dns.list_reader import ListReader
from patronus.network.dns.names import MalformedMessage, wire_name
from patronus.network.dns.outside import Outside
from patronus.network.dns.query_log import QueryLog, Respond
from patronus.network.dns.resolver import Resolver
from patronus.network.dns.wire import STREAM_SIZE, Query, parse_query

log = logging.getLogger("patronus-dns")

BATCHES = 16
"""Batches of datagrams that are served in one turn of the loop."""
LAST_ANSWER_S = 10.0
"""No answer takes longer."""
STREAMS, STREAMS_EACH = 256, 16
"""TCP connections at one time: of all clients, and of one address."""
SECRET_SIZE = 16
"""Bytes of the key that our cookies are made with: another one at each start."""


class Server:
    """Sockets in, answers out; commands over the control channel."""

    def __init__(self, loop: Loop, store: Store, control: Path, peer: int) -> None:
        self._loop = loop
        usual = ServerConfig()
        self._resolver = Resolver(Cache(usual.cache_size, usual.serve_stale_s), Outside(loop))
        self._reader = ListReader(loop, self._resolver.block)
        self._sockets: list[socket.socket] = []
        self._batch, self._ready, self._ready_for = Batch(), Ready(), (0, 0)
        self._streams = Crowd(loop, each=STREAMS_EACH, together=STREAMS)
        self._clients = Clients(())
        self._secret = os.urandom(SECRET_SIZE)
        self._query_log = QueryLog(self._resolver.blocks)
        self._keeper = Keeper(loop, store, self._resolver.cache, self._query_log)
        handlers = {
            "Configure": self._configure,
            "SetLeases": self._set_leases,
            "Flush": self._flush,
            "Status": self._status,
            "Queries": self._queries,
        }
        Endpoint(loop, control, peer=peer, interface=CONTROL_INTERFACE, handlers=handlers, snapshot=list)
        loop.failed = self._failed

    def _failed(self, error: Exception) -> None:
        """Count a fault of ours and say where it lies: who meets it ends nobody else's answers."""
        self._resolver.counters["failed"] += 1
        log.error("a callback failed, and the server goes on", exc_info=error)

    def _configure(self, parameters: dict[str, Any], descriptors: tuple[int, ...]) -> dict[str, Any]:
        """Take configuration, sockets and blocklists in the place of what there was."""
        try:
            config = ServerConfig.from_data(parameters["config"])
            count = int(parameters["sockets"])
            leases = [LeaseName(**item) for item in parameters["leases"]]
            for name in config.names():
                wire_name(name)
            clients = Clients(config.policies)
            lists = [(str(name), int(size), int(at)) for name, size, at in parameters["lists"]]
        except (KeyError, TypeError, ValueError, OSError) as error:
            for descriptor in descriptors:
                os.close(descriptor)
            raise InvalidRequest(f"not a configuration: {error!r}") from error
        self._clients = clients
        self._resolver.know_leases(leases)
        self._resolver.configure(config)
        self._listen([socket.socket(fileno=descriptor) for descriptor in descriptors[:count]])
        self._reader.read(lists, descriptors[count:])
        try:
            self._query_log.keep(config.query_log_s, config.query_log_entries)
        except StorageError as error:
            log.error("%s", error)
        log.info("serving on %d sockets", count)
        return {}

    def _listen(self, sockets: list[socket.socket]) -> None:
        """Serve on these sockets; those from before still carry the answers that are under way."""
        for sock in self._sockets:
            self._loop.forget(sock)
            self._loop.call_later(LAST_ANSWER_S, sock.close)
        self._sockets = sockets
        for sock in sockets:
            device = bound_device(sock)
            if sock.type == socket.SOCK_DGRAM:
                serve = partial(self._serve_datagram, sock, device)
                self._loop.on_readable(sock, partial(self._receive, sock, serve))
            else:
                self._loop.on_readable(sock, partial(self._accept, sock, device))

    def _receive(self, sock: socket.socket, other: Callable[[bytes, Route], None]) -> None:
        """Serve the datagrams that wait; each reply leaves from the address that was asked."""
        now_for = int(time.monotonic()), self._resolver.epoch
        if now_for != self._ready_for:
            self._ready_for = now_for
            self._ready.clear()
        try:
            ready = {} if self._clients else self._ready.found  # a reply that is ready knows no client
            for _ in range(BATCHES):
                came, answered = self._batch.serve(sock.fileno(), ready, other)
                self._resolver.counters["from cache"] += answered
                if came < COUNT:
                    return
        except OSError as error:
            log.warning("receiving: %s", error)

    def _serve_datagram(self, sock: socket.socket, device: str, data: bytes, route: Route) -> None:
        """Answer a question that no reply is ready for; until the second is over, one like it has."""
        query = self._parsed(data)
        if query is None:
            return
        if self._clients or query.cookie:
            query = self._known(query, device, route.address)
        now_s = time.monotonic()
        known = self._resolver.find(query, now_s)
        if known is None:
            respond = self._heard(route.address, query, partial(self._send, sock, route))
            self._resolver.resolve(query, query.size, respond)
            return
        message = known.reply(query, now_s, query.size)
        if self._query_log.on:
            self._heard(route.address, query, partial(self._send, sock, route))(message)
            return
        if (
            not self._clients
            and not query.cookie
            and known.end_s > self._ready_for[0] + 1
            and self._ready_for[1] == self._resolver.epoch
        ):
            self._ready.put(data, message)
        self._send(sock, route, message)

    def _known(self, query: Query, device: str, client: str) -> Query:
        """Return the question with the client's policy, and with our cookie beside that of the client."""
        view = self._clients.view(device, client) if self._clients else 0
        cookie = query.cookie and answered(query.cookie, self._secret, client, int(time.time()))
        return query._replace(view=view, cookie=cookie)

    def _parsed(self, data: bytes) -> Query | None:
        """Return the question; what is none is dropped and counted."""
        try:
            return parse_query(data)
        except MalformedMessage:
            self._resolver.counters["malformed"] += 1
            return None

    def _send(self, sock: socket.socket, route: Route, message: bytes) -> None:
        try:
            reply(sock.fileno(), route, message)
        except OSError:
            self._resolver.counters["not sent"] += 1

    def _accept(self, listener: socket.socket, device: str) -> None:
        try:
            sock, client = listener.accept()
        except OSError:
            return
        if not self._streams.enter(sock, client[0], partial(self._serve_stream, device, client[0])):
            self._resolver.counters["too many streams"] += 1

    def _serve_stream(self, device: str, client: str, data: bytes, respond: Callable[[bytes], None]) -> None:
        query = self._parsed(data)
        if query is not None:
            query = self._known(query, device, client)
            self._resolver.answer(query, STREAM_SIZE, self._heard(client, query, respond))

    def _heard(self, client: str, query: Query, respond: Respond) -> Respond:
        """Return what answers the question, and has it written down where that is wanted."""
        return self._query_log.heard(client, self._clients.policy(query.view), query, respond)

    def _queries(self, parameters: dict[str, Any], _: tuple[int, ...]) -> dict[str, Any]:
        """Return the newest questions of the log."""
        before = parameters["before"]
        found = self._query_log.newest(
            int(parameters["count"]),
            str(parameters["client"]),
            str(parameters["name"]),
            str(parameters["policy"]),
            None if before is None else int(before),
        )
        return {"on": self._query_log.on, "queries": found}

    def _set_leases(self, parameters: dict[str, Any], _: tuple[int, ...]) -> dict[str, Any]:
        try:
            self._resolver.know_leases([LeaseName(**item) for item in parameters["leases"]])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidRequest(f"not leases: {error!r}") from error
        return {}

    def save(self) -> None:
        """Write the cache and the query log at the end."""
        self._keeper.save_all()

    def _flush(self, _: dict[str, Any], __: tuple[int, ...]) -> dict[str, Any]:
        return {"flushed": self._resolver.flush()}

    def _status(self, _: dict[str, Any], __: tuple[int, ...]) -> dict[str, Any]:
        return {
            "sockets": len(self._sockets),
            "cached": len(self._resolver.cache),
            "blocked": sum(map(len, self._resolver.lists.values())),
            "unread": sum(names.odd for names in self._resolver.lists.values()),
            "reading": self._reader.busy,
            "counters": dict(self._resolver.counters),
            "upstreams": list(self._resolver.sources.report(time.monotonic())),
        }


def main() -> None:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    told = arguments("patronus-dns")
    loop = Loop()
    store = open_store(told.state / "dns-cache.db")
    server = Server(loop, store, told.control, told.peer)
    notify("READY=1")
    keep_beating(loop)
    loop.run()
    server.save()
    store.close()


if __name__ == "__main__":
    os.umask(0o077)
    main()
