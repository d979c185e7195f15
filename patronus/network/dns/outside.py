# SPDX-License-Identifier: GPL-2.0-or-later
"""The way out of the DNS server: its own sockets, this process's loop, and time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from patronus.kernel.loop import Loop, Timer
from patronus.kernel.outgoing import ask_datagram, ask_stream
from patronus.network.dns.config import UpstreamServer
from patronus.network.dns.upstream import Closable

if TYPE_CHECKING:
    from patronus.kernel.tls_link import Links


class Outside:
    """The transport of the resolver: sockets of our own, and this process's loop."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._links: Links | None = None

    def ask(
        self,
        server: UpstreamServer,
        data: bytes,
        on_data: Callable[[bytes], None],
        on_failure: Callable[[str], None],
    ) -> Closable:
        """Send to the server. Raises OSError."""
        if server.private:
            return self._privately(server, data, on_data, on_failure)
        ask = ask_stream if server.stream else ask_datagram
        return ask(self._loop, (server.address, server.port), data, on_data, on_failure)

    def _privately(
        self,
        server: UpstreamServer,
        data: bytes,
        on_data: Callable[[bytes], None],
        on_failure: Callable[[str], None],
    ) -> Closable:
        """Ask on the connection that there is, or a new one; only who needs TLS loads it."""
        from patronus.kernel.tls_link import Links, Peer

        self._links = self._links or Links(self._loop)
        peer = Peer(server.address, server.port, server.name, server.ca, server.path)
        return self._links.ask(peer, data, on_data, on_failure)

    def later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call back after a while."""
        return self._loop.call_later(delay_s, callback)

    def now(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic()
