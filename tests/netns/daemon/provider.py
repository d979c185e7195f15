# SPDX-License-Identifier: GPL-2.0-or-later
"""The world outside the router: dnsmasq as provider (DHCP, DNS), and a web server on another network."""

from __future__ import annotations

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.netns.lab import Namespace

GATEWAY, NETWORK, WEB = "203.0.113.1", "203.0.113", "198.51.100.7"
DNSMASQ = (
    "dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--pid-file=",
    "--bind-interfaces", f"--listen-address={GATEWAY}", "--interface=isp", "--user=root", "--no-ping",
    f"--dhcp-range={NETWORK}.50,{NETWORK}.60,1h", f"--dhcp-option=option:dns-server,{GATEWAY}",
    "--local=/example/", f"--host-record=www.example,{WEB}",
)  # fmt: skip
PORT = 80


class Page(BaseHTTPRequestHandler):
    """Tells its client from which address it sees it."""

    def do_GET(self) -> None:  # noqa: N802 - the name that the base class calls
        """Answer any page."""
        words = f"you are {self.client_address[0]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(words)))
        self.end_headers()
        self.wfile.write(words)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Provider:
    """Serves in a namespace that has a device ``isp``."""

    def __init__(self, namespace: Namespace, folder: Path) -> None:
        namespace.ip(f"address add {GATEWAY}/24 dev isp")
        namespace.ip(f"address add {WEB}/32 dev lo")
        argv = [*DNSMASQ, f"--dhcp-leasefile={folder}/provider-leases"]
        with namespace:
            self._log = (folder / "provider.log").open("ab")
            self._dnsmasq = subprocess.Popen(argv, stdout=self._log, stderr=self._log)
            self._web = ThreadingHTTPServer((WEB, PORT), Page)
        threading.Thread(target=self._web.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Serve no more."""
        self._web.shutdown()
        self._web.server_close()
        self._dnsmasq.terminate()
        self._dnsmasq.wait()
        self._log.close()
