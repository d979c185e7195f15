# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS cookies (RFC 7873): who answers shows that it saw the question, who asks that answers reach it. Pure.

A client sends 8 bytes of its own making, and what the server gave it last; the server sends the 8 back, and
its own with them. Nobody who sees neither can write them.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

COOKIE = 10
"""The number of the option."""
CLIENT_SIZE = 8
LENGTHS = frozenset({CLIENT_SIZE, *range(16, 41)})
"""Bytes that a cookie may have: the client's alone, or with 8 to 32 of the server's (RFC 7873 section 4)."""
PLAIN_S = 3600.0
"""How long a server that seems to take no cookies is asked without."""
_OPTION = struct.Struct("!HH")
_TIME = struct.Struct("!I")
_HASH_SIZE = 8


class BadOptions(ValueError):
    """Options run over their end, or a cookie has no length that one can have."""


def cookie_in(data: bytes, start: int, end: int) -> bytes:
    """Return the cookie among the options of an OPT record, or nothing. Raises BadOptions."""
    while start < end:
        if start + _OPTION.size > end:
            raise BadOptions("an option has no length")
        code, length = _OPTION.unpack_from(data, start)
        start += _OPTION.size
        if start + length > end:
            raise BadOptions("an option is longer than its record")
        if code == COOKIE:
            if length not in LENGTHS:
                raise BadOptions(f"a cookie of {length} bytes")
            return data[start : start + length]
        start += length
    return b""


def cookie_option(cookie: bytes) -> bytes:
    """Return the option that holds a cookie; nothing for none."""
    return _OPTION.pack(COOKIE, len(cookie)) + cookie if cookie else b""


def answered(cookie: bytes, secret: bytes, address: str, now_s: int) -> bytes:
    """Return what a client is sent back: its own cookie, and ours for it and its address at this time.

    Ours is a keyed hash, so nothing is remembered of anyone (RFC 7873 section 6, RFC 9018 section 4).
    """
    client, at = cookie[:CLIENT_SIZE], _TIME.pack(now_s & 0xFFFFFFFF)
    found = hashlib.blake2s(client + at + address.encode(), key=secret, digest_size=_HASH_SIZE).digest()
    return client + bytes(4) + at + found


@dataclass
class Jar:
    """The cookies that are exchanged with one server. ``client`` is ours for it alone.

    ``server`` is what it gave last. Until ``plain_until_s`` it is asked without: it may take no cookies, or
    something on the way may not. Times are monotonic seconds.
    """

    client: bytes
    server: bytes = b""
    plain_until_s: float = 0.0

    def offered(self, now_s: float) -> bytes:
        """Return the cookie to send, or nothing."""
        return b"" if now_s < self.plain_until_s else self.client + self.server

    def refuse(self, now_s: float) -> bool:
        """Take in that a question went wrong: one with a cookie that the server never showed it takes.

        Return whether it is to be asked without for a while, as it was not before.
        """
        if self.server or now_s < self.plain_until_s:
            return False
        self.plain_until_s = now_s + PLAIN_S
        return True

    def misses(self, cookie: bytes, now_s: float) -> bool:
        """Return whether a server that has shown cookies shows none; then it is asked without for a while."""
        if cookie or not self.server:
            return False
        self.server, self.plain_until_s = b"", now_s + PLAIN_S
        return True

    def takes(self, cookie: bytes) -> bool:
        """Keep what the server gives; return whether the cookie is an answer to ours."""
        if cookie[:CLIENT_SIZE] != self.client:
            return False
        self.server = cookie[CLIENT_SIZE:] or self.server
        return True
