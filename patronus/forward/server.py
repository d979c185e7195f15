# SPDX-License-Identifier: GPL-2.0-or-later
"""The connection to the syslog server: TLS, its certificate and name checked, or nothing is sent."""

from __future__ import annotations

import select
import socket
import ssl

CONNECT_S = 15.0
SEND_S = 30.0


class Server:
    """A connected server. Raises OSError (ssl.SSLError among them) from every method."""

    def __init__(self, host: str, port: int, ca: str | None) -> None:
        context = ssl.create_default_context(cadata=ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        raw = socket.create_connection((host, port), timeout=CONNECT_S)
        try:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SEND_S * 1000))
            self._connection = context.wrap_socket(raw, server_hostname=host)
        except BaseException:
            raw.close()
            raise
        self._connection.settimeout(SEND_S)

    def send(self, data: bytes) -> None:
        """Send; a server that has closed its end is noticed before."""
        if select.select([self._connection], [], [], 0)[0]:
            self._connection.settimeout(0.0)
            try:
                if not self._connection.recv(1024):
                    raise ConnectionResetError("the server closed the connection")
            except (ssl.SSLWantReadError, BlockingIOError):
                pass
            finally:
                self._connection.settimeout(SEND_S)
        self._connection.sendall(data)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def reason(error: OSError) -> str:
    """Return an error for a person."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not believed: {error.verify_message}"
    return error.strerror or str(error) or type(error).__name__
