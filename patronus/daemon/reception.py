# SPDX-License-Identifier: GPL-2.0-or-later
"""Where callers are received: they come in at once, and wait for other verbs until all are loaded.

The verbs are a third of what patronusd is made of. No packet waits for them, and whoever opens the page sees
the log-in meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from patronus.core.errors import NotFound
from patronus.core.role import COMING_IN
from patronus.core.varlink import PREFIX, Message
from patronus.core.verb import Role
from patronus.daemon import credentials
from patronus.daemon.event_stream import EventStream
from patronus.daemon.machine import image_release
from patronus.daemon.peer import Peer
from patronus.daemon.table import VerbTable
from patronus.secrets import service as secrets_service
from patronus.secrets.entry_verbs import EntryVerbs
from patronus.secrets.service import Doorkeeper

if TYPE_CHECKING:
    from patronus.daemon.wiring import Router


class Reception:
    """Answers calls: at once those of strangers that come in, the others once ``open_whole`` was called."""

    def __init__(self, doorkeeper: Doorkeeper, table: VerbTable, stream: EventStream) -> None:
        self.doorkeeper = doorkeeper
        self.table = table
        self._stream = stream
        self._first = frozenset(verb.method for verb in table.verbs() if verb.name in COMING_IN)
        self._whole = threading.Event()

    def open_whole(self) -> None:
        """Answer every call from now on: all verbs are in the table."""
        self._whole.set()

    def answer(self, peer: Peer, method: str, parameters: dict[str, Any]) -> Iterator[Message]:
        """Answer one call: a verb, the stream of events, or a question about the verbs themselves."""
        if method not in self._first:
            self._whole.wait()
        if method == f"{PREFIX}.system.v1.Events":
            yield from self._events(peer, parameters)
        elif method.startswith("org.varlink.service."):
            yield {"parameters": self._service(method, parameters)}
        else:
            yield {"parameters": self.table.call(peer, method, parameters)}

    def _events(self, peer: Peer, parameters: dict[str, Any]) -> Iterator[Message]:
        def permit() -> None:
            self.table.permit(peer, Role.VIEWER, dict(parameters))

        yield from self._stream.replies(parameters, permit)

    def _service(self, method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        from patronus.daemon.description import interfaces  # few ever ask

        described = interfaces(self.table.verbs())
        if method == "org.varlink.service.GetInfo":
            version = image_release().version
            return {
                "vendor": "Patronus", "product": "patronusd", "version": version, "url": "",
                "interfaces": sorted(described),
            }  # fmt: skip
        name = parameters.get("interface")
        if method != "org.varlink.service.GetInterfaceDescription" or name not in described:
            raise NotFound(f"there is no {method} of {name}")
        return {"description": described[str(name)]}


def make(router: Router) -> Reception:
    """Put a doorkeeper at the router's door."""
    host = router.host
    doorkeeper = secrets_service.create(
        host.places,
        host.clock,
        router.vault,
        router.passwords,
        password=router.given.get(credentials.PASSWORD),
        reset=router.given.get(credentials.RESET),
        router=router.hostname,
    )
    router.notices.watched.insert(0, doorkeeper.way_in.notice)
    table = VerbTable(EntryVerbs(doorkeeper).verbs(), doorkeeper.authenticate, router.audit)
    return Reception(doorkeeper, table, EventStream(router.bus))
