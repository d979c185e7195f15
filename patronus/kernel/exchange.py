# SPDX-License-Identifier: GPL-2.0-or-later
"""One Varlink call on a unix socket: connect, ask, read one reply, hang up."""

from __future__ import annotations

import socket
from pathlib import Path

from patronus.core.errors import Unavailable
from patronus.core.varlink import Decoder, MalformedMessage, Message, encode

_RECEIVE = 65536


def exchange(path: Path, request: Message, time_s: float) -> Message:
    """Return the reply. Raises Unavailable where nobody answers within ``time_s``; it shows no parameters."""
    decoder = Decoder()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(time_s)
            connection.connect(str(path))
            connection.sendall(encode(request))
            while data := connection.recv(_RECEIVE):
                for message in decoder.feed(data):
                    return message
    except OSError as error:
        raise Unavailable(f"{path}: {error}") from error
    except MalformedMessage as error:
        raise Unavailable(f"{path} does not speak Varlink") from error
    raise Unavailable(f"{path}: hung up")
