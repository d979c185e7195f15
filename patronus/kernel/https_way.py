# SPDX-License-Identifier: GPL-2.0-or-later
"""One request over https that leaves by a device and from addresses of ours.

No proxy is asked, no redirect is followed, and nothing is remembered: what goes along reaches the server that
was named, whose certificate was checked, and nobody else.
"""

from __future__ import annotations

import http.client
import ssl
import time
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import urlsplit

from patronus.core.errors import InvalidRequest, Unavailable
from patronus.kernel.way_out import From, connected, reason

LARGEST = 16384
"""Bytes of an answer that are read."""
PIECE = 4096


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    body: str


class _Connection(http.client.HTTPSConnection):
    """To a server, by a way out."""

    def __init__(self, host: str, port: int | None, leaving: From, ca: str | None, timeout_s: float) -> None:
        self._trusted = ssl.create_default_context(cadata=ca) if ca else ssl.create_default_context()
        super().__init__(host, port, timeout=timeout_s, context=self._trusted)
        self._leaving = leaving
        self._timeout_s = timeout_s

    def connect(self) -> None:
        """Reach the server and check who it is. Raises OSError."""
        plain = connected(self.host, self.port, self._leaving, self._timeout_s)
        try:
            self.sock = self._trusted.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


def ask(
    url: str,
    leaving: From,
    *,
    ca: str | None = None,
    login: tuple[str, str] | None = None,
    agent: str = "Patronus",
    timeout_s: float = 30.0,
) -> Answer:
    """Ask for a page. What is raised has nothing of the URL in it but the host, for it may hold a secret.

    ``ca`` are certificates (PEM) that the server's must come from, else a known authority's; ``login`` is
    sent at once (RFC 7617). Raises InvalidRequest, Unavailable.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise InvalidRequest("a provider is asked over https alone")
    headers = {"User-Agent": agent, "Connection": "close"}
    if login is not None:
        headers["Authorization"] = "Basic " + b64encode(":".join(login).encode()).decode()
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection = _Connection(parts.hostname, parts.port, leaving, ca, timeout_s)
        try:
            connection.request("GET", target, headers=headers)
            response = connection.getresponse()
            return Answer(response.status, _body(response, time.monotonic() + timeout_s))
        finally:
            connection.close()
    except http.client.HTTPException as error:
        raise Unavailable(
            f"{parts.hostname} does not speak HTTP as it should: {type(error).__name__}"
        ) from None
    except OSError as error:
        raise Unavailable(f"{parts.hostname} cannot be reached: {reason(error)}") from None
    except ValueError:
        raise InvalidRequest(f"what would be asked of {parts.hostname} is no address of a page") from None


def _body(response: http.client.HTTPResponse, end: float) -> str:
    """Return the beginning of what is sent; a server that drips is not waited for longer."""
    found = bytearray()
    while len(found) < LARGEST and time.monotonic() < end:
        if not (piece := response.read1(PIECE)):
            break
        found += piece
    return bytes(found[:LARGEST]).decode(errors="replace")
