# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon as one request sees it: a connection, the visitor's token, and where the visitor is."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from flask import current_app, g, request

from patronus.client import Client
from patronus.core.errors import NotAuthenticated
from patronus.core.role import COMING_IN, Role
from webui.routes import RouteTable

DESCRIBE_EVERY_S = 60.0
"""A daemon that was restarted with another plugin is noticed within this time."""


class Daemon:
    """Reaches the daemon. Knows its verbs from its own description, which is asked for now and then."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._lock = threading.Lock()
        self._verbs: dict[str, dict[str, Any]] = {}
        self._table = RouteTable(())
        self._asked = float("-inf")

    def client(self) -> Client:
        """Return the connection of this request; it ends with the request."""
        if "client" not in g:
            g.client = Client(self._socket)
        client: Client = g.client
        return client

    def open(self) -> Client:
        """Return a connection that outlives this request; who opens it ends it."""
        return Client(self._socket)

    def verbs(self) -> dict[str, dict[str, Any]]:
        """Return verb name → description. Raises Unavailable."""
        self._refresh()
        return self._verbs

    def table(self) -> RouteTable:
        """Return the REST routes. Raises Unavailable."""
        self._refresh()
        return self._table

    def call(self, verb: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call a verb as the visitor. Raises the error tree.

        Without a token only what is open to all is called: never with the web server's own standing.
        What is open to all is called without one: a session that has ended must not close the log-in.
        Who comes in needs no description of the verbs, for which a daemon that has just begun lets wait.
        Where ``g.drafting`` says that the visitor works in a draft, the call is about that.
        """
        closed = verb not in COMING_IN and Role[self.verbs()[verb]["role"].upper()] is not Role.NONE
        token = visitor_token() if closed else None
        if closed and token is None:
            raise NotAuthenticated("log in first")
        given = dict(parameters or {})
        if g.get("drafting") and self._takes_draft(verb):
            given["draft"] = True
        return self.client().call(verb, given, session=token, origin=visitor_origin())

    def _takes_draft(self, verb: str) -> bool:
        """Return whether a call can be about the visitor's draft: what acts at once cannot."""
        described = self.verbs()[verb]
        return not described["changes"] or "draft" in described["parameters"].get("properties", {})

    def has(self, verb: str) -> bool:
        """Return whether the daemon has this verb."""
        return verb in self.verbs()

    def _refresh(self) -> None:
        with self._lock:
            if time.monotonic() - self._asked < DESCRIBE_EVERY_S:
                return
            verbs = self.client().describe()
            self._verbs = {verb["name"]: verb for verb in verbs}
            self._table = RouteTable.of(verbs)
            self._asked = time.monotonic()


def daemon() -> Daemon:
    """Return the daemon of the running application."""
    found: Daemon = current_app.extensions["patronus"]
    return found


def visitor_origin() -> str:
    """Return where the visitor is: ``web 192.168.1.10``."""
    return f"web {(request.remote_addr or 'unknown').removeprefix('::ffff:')}"


def visitor_token() -> str | None:
    """Return the token that the gate found on this request."""
    token: str | None = g.get("token")
    return token


def end_connection(error: BaseException | None = None) -> None:  # noqa: ARG001 - Flask hands the error in
    """Close the request's connection."""
    client: Client | None = g.pop("client", None)
    if client is not None:
        client.close()
