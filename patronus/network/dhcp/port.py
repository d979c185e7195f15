# SPDX-License-Identifier: GPL-2.0-or-later
"""A device's sockets as the server process holds them: what waits on them, and a reply on its way."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from patronus.kernel.sockets import IP_PKTINFO, PKTINFO_V4
from patronus.network.dhcp.config import write_address
from patronus.network.dhcp.frame import CLIENT_PORT, SERVER_PORT, frame
from patronus.network.dhcp.reply import Reply, Way

log = logging.getLogger("patronus-dhcp")

BATCH = 256
"""Packets that share one transaction at most: a full socket buffer of them."""
LARGEST = 4096


@dataclass(frozen=True)
class Port:
    """A device's sockets, as patronusd passed them, and the hardware address that we send from."""

    device: str
    mac: bytes
    datagrams: socket.socket
    frames: socket.socket
    arp: socket.socket

    @classmethod
    def of(cls, data: Mapping[str, Any], sockets: Sequence[socket.socket]) -> Port:
        """Return the port that patronusd describes. Raises KeyError, ValueError, TypeError, IndexError."""
        at = data["sockets"]
        return cls(data["name"], bytes.fromhex(data["mac"]), sockets[at], sockets[at + 1], sockets[at + 2])

    def send(self, reply: Reply) -> None:
        """Send the reply its way. Raises OSError."""
        data = reply.bytes()
        if reply.way is Way.LINK:
            self.frames.send(frame(self.mac, reply.packet.hardware, reply.server, reply.address, data))
            return
        port = SERVER_PORT if reply.way is Way.RELAY else CLIENT_PORT
        self.datagrams.sendmsg((data,), _leaving(reply.server), 0, (_written(reply.address), port))

    def close(self) -> None:
        """Close the sockets."""
        for sock in (self.datagrams, self.frames, self.arp):
            sock.close()


_written = lru_cache(256)(write_address)
"""Relays, and hosts that come back, are written to again and again."""


@lru_cache(256)
def _leaving(server: int) -> tuple[tuple[int, int, bytes]]:
    """Return what makes a datagram leave from this address of ours."""
    return ((socket.IPPROTO_IP, IP_PKTINFO, PKTINFO_V4.pack(0, server.to_bytes(4), bytes(4))),)


def waiting(sock: socket.socket) -> list[bytes]:
    """Return what waits on the socket, up to a batch."""
    found: list[bytes] = []
    try:
        while len(found) < BATCH:
            found.append(sock.recv(LARGEST))
    except BlockingIOError:
        pass
    except OSError as error:
        log.warning("receiving: %s", error)
    return found
