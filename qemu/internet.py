# SPDX-License-Identifier: GPL-2.0-or-later
"""The internet as the router's WAN sees it: DHCP, DNS names and a web server, on one host.

Nothing here reaches further than the host's own namespace: dnsmasq is told of no upstream.
"""

from __future__ import annotations

import http.server
import subprocess
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from qemu.topology import Host

ADDRESS = "203.0.113.1"
ADDRESS6 = "2001:db8:113::1"
DHCP_RANGE = "203.0.113.50,203.0.113.99,255.255.255.0,1h"
NAME = "www.example"
PAGE = "A page from the other side.\n"


@dataclass
class Web:
    """A web server in the host's network that remembers who asked."""

    visitors: list[str] = field(default_factory=list)
    _server: http.server.ThreadingHTTPServer | None = None

    def open(self, host: Host, address: str, port: int) -> None:
        """Listen inside the host's network and serve the page to all comers."""
        visitors = self.visitors

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802 — the name that the library calls
                visitors.append(self.client_address[0])
                self.send_response(200)
                self.send_header("Content-Length", str(len(PAGE)))
                self.end_headers()
                self.wfile.write(PAGE.encode())

            def log_message(self, *_words: object) -> None:
                """Say nothing: visitors are remembered instead."""

        self._server = host.inside(lambda: http.server.ThreadingHTTPServer((address, port), Page))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


class Internet:
    """A WAN-side host with services; a context manager that ends them."""

    def __init__(self, host: Host, *, names: dict[str, str] | None = None) -> None:
        self.host = host
        self.web = Web()
        self._names = {NAME: ADDRESS, **(names or {})}
        self._dnsmasq: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        argv = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file="]
        argv += ["--no-resolv", "--no-hosts", "--no-ping", "--bind-interfaces", f"--interface={Host.link}"]
        argv += [f"--dhcp-range={DHCP_RANGE}", "--dhcp-authoritative", "--dhcp-leasefile=/run/dnsmasq.leases"]
        argv += [f"--dhcp-option=option:router,{ADDRESS}", f"--dhcp-option=option:dns-server,{ADDRESS}"]
        argv += [f"--host-record={name},{address}" for name, address in self._names.items()]
        self._dnsmasq = self.host.start(argv)
        self.web.open(self.host, ADDRESS, 80)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.web.close()
        if self._dnsmasq is not None:
            self._dnsmasq.kill()
            self._dnsmasq.wait()
