# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers over TLS and HTTPS: unbound, and one of our own for what a good one never does."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dnslib

from tests.netns.gitops.server import certificate
from tests.netns.lab import Namespace
from tests.netns.services.network import wait_for

ADDRESS, PORT, NAME = "203.0.113.1", 853, "dns.example"
HTTPS_PORT = 443
LONG = " ".join(f'"{"x" * 200}"' for _ in range(16))
UNBOUND = """
server:
  interface: {address}@{port}
  tls-port: {tls}
  https-port: {https}
  tls-service-key: "{folder}/server.key"
  tls-service-pem: "{folder}/server.crt"
  access-control: 0.0.0.0/0 allow
  num-threads: 1
  module-config: "iterator"
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  pidfile: ""
  local-zone: "example." static
  local-data: "www.example. 600 A 198.51.100.7"
  local-data: "other.example. 600 A 198.51.100.8"
  local-data: 'long.example. 600 TXT {long}'
remote-control:
  control-enable: no
"""


@contextmanager
def unbound(namespace: Namespace, folder: Path, host: str = NAME, port: int = PORT) -> Iterator[str]:
    """Run unbound over TLS or HTTPS with a certificate for ``host``; yields the authority's, in PEM."""
    ca = certificate(folder, host=host)
    told = UNBOUND.format(address=ADDRESS, port=port, tls=PORT, https=HTTPS_PORT, folder=folder, long=LONG)
    (folder / "unbound.conf").write_text(told)
    with running(namespace, folder, port):
        yield ca


@contextmanager
def running(namespace: Namespace, folder: Path, port: int = PORT) -> Iterator[None]:
    """Run unbound with the configuration that is there."""
    with namespace:
        process = subprocess.Popen(["unbound", "-d", "-c", str(folder / "unbound.conf")])
    try:
        wait_for(lambda: f"{ADDRESS}:{port}" in namespace.run("ss", "-Hltn"))
        yield
    finally:
        process.kill()
        process.wait()


class Odd:
    """A server that shakes hands and then is ``mute``, ``lying``, ``truncating``, ``garbled`` or ``short``.

    ``short`` answers well and hangs up after each answer. ``connections`` counts who came.
    """

    def __init__(self, namespace: Namespace, folder: Path, manner: str, port: int = PORT) -> None:
        self.ca = certificate(folder, host=NAME)
        self.connections = 0
        self._manner = manner
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(folder / "server.crt", folder / "server.key")
        self._listener = namespace.socket(4, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((ADDRESS, port))
        self._listener.listen()
        self._listener.settimeout(None)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError, EOFError), self._context.wrap_socket(sock, server_side=True) as stream:
            while True:
                message = _exactly(stream, int.from_bytes(_exactly(stream, 2)))
                reply = self._reply(message)
                stream.sendall(len(reply).to_bytes(2) + reply if reply else b"")
                if self._manner == "short":
                    stream.unwrap()
                    return

    def _reply(self, message: bytes) -> bytes:
        question = dnslib.DNSRecord.parse(message)
        answer = question.reply()
        if self._manner == "mute":
            return b""
        if self._manner == "garbled":
            return message[:2] + b"\xff" * 30
        if self._manner == "lying":
            answer.q.qname = dnslib.DNSLabel("lie.example")
        if self._manner == "truncating":
            answer.header.tc = 1
        else:
            answer.add_answer(dnslib.RR(answer.q.qname, ttl=0, rdata=dnslib.A("198.51.100.9")))
        return bytes(answer.pack())


def _exactly(stream: ssl.SSLSocket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = stream.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data
