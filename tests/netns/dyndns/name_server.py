# SPDX-License-Identifier: GPL-2.0-or-later
"""A name server that takes signed updates: dnspython reads and checks them, and signs answers."""

from __future__ import annotations

import socketserver
import struct
import threading
import time
from base64 import b64encode
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.update

ZONE = "example.net"
KEY, SECRET = "router.key", b"0123456789abcdef0123456789abcdef"
BASE64 = b64encode(SECRET).decode()
_BADSIG, _BADKEY, _BADTIME = 16, 17, 18


class NameServer:
    """Serves TCP at an address. ``zone``: (name, type) → what stands there."""

    def __init__(
        self, address: str = "127.0.0.1", where: AbstractContextManager[Any] | None = None, port: int = 0
    ) -> None:
        self.zone: dict[tuple[str, str], str] = {}
        self.refuses = False
        self.signs = True
        self.sources: list[str] = []
        owner = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                owner.sources.append(str(self.client_address[0]))
                (length,) = struct.unpack("!H", self.rfile.read(2))
                answer = owner.answer(self.rfile.read(length))
                self.wfile.write(struct.pack("!H", len(answer)) + answer)

        with where or nullcontext():
            self._server = socketserver.ThreadingTCPServer((address, port), Handler)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, wire: bytes) -> bytes:
        """Do an update that is signed well; return the answer."""
        algorithm = self._algorithm(wire)
        key = dns.tsig.Key(KEY, SECRET, algorithm)
        try:
            asked = dns.message.from_wire(wire, keyring={key.name: key})
        except dns.message.UnknownTSIGKey:
            return self._refused(wire, _BADKEY)
        except dns.tsig.BadSignature:
            return self._refused(wire, _BADSIG)
        except dns.tsig.BadTime:
            return self._refused(wire, _BADTIME)
        if not self.signs:
            return wire[:2] + struct.pack("!HHHHH", 0xA800, 0, 0, 0, 0)
        answer = dns.message.make_response(asked)
        answer.set_rcode(self._done(asked))
        return bytes(answer.to_wire())

    def _algorithm(self, wire: bytes) -> dns.name.Name:
        """Return what a message says to be signed by: one key is good for each."""
        bare = dns.message.from_wire(wire, keyring=False, continue_on_error=True)
        return bare.keyalgorithm or dns.tsig.HMAC_SHA256

    def _done(self, asked: Any) -> dns.rcode.Rcode:
        if self.refuses:
            return dns.rcode.REFUSED
        if not isinstance(asked, dns.update.UpdateMessage) or not asked.had_tsig:
            return dns.rcode.FORMERR
        if asked.zone[0].name != dns.name.from_text(ZONE):
            return dns.rcode.NOTAUTH
        for change in asked.update:
            place = (change.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(change.rdtype))
            if change.deleting == dns.rdataclass.ANY:
                self.zone.pop(place, None)
            else:
                self.zone[place] = f"{change[0].to_text()} {change.ttl}"
        return dns.rcode.NOERROR

    @staticmethod
    def _refused(wire: bytes, error: int) -> bytes:
        """Return an answer that says by an empty signature what is wrong with that of the question."""
        number = wire[:2]
        algorithm = dns.tsig.HMAC_SHA256.to_wire()
        data = algorithm + struct.pack("!HIHH", 0, int(time.time()), 300, 0) + number
        data += struct.pack("!HH", error, 0)
        record = dns.name.from_text(KEY).to_wire() + struct.pack("!HHIH", 250, 255, 0, len(data)) + data
        head: bytes = number + struct.pack("!HHHHH", 0xA809, 0, 0, 0, 1)
        return head + bytes(record)

    def close(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
