# SPDX-License-Identifier: GPL-2.0-or-later
"""Tells when links or addresses change, and when dhcpcd's hook has written: one thread, one callback.

It says that something has changed, not what: whoever is told looks at the whole again, so that a lost event
costs nothing. Events that come together are told together.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from patronus.core.errors import KernelError, PatronusError, Unavailable

log = logging.getLogger(__name__)

_GROUPS = 0x1 | 0x10 | 0x100
"""RTMGRP_LINK, RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR of rtnetlink(7)."""
QUIET_S = 0.2
"""Events are gathered until there has been none for this long."""
GATHER_S = 2.0
"""They are told after this long even where they do not end."""
AGAIN_S = 2.0
"""Who could not follow is told again after this long: nothing else may ever come of a lease.

The first time is after this long too: what changed between a look and the watch is told by nobody else.
"""
_RECEIVE = 65536


def _netlink() -> socket.socket:
    try:
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
        sock.bind((0, _GROUPS))
    except OSError as error:
        raise KernelError(f"cannot watch the links: {error}") from error
    return sock


def _mailbox(path: Path) -> socket.socket:
    """Return the datagram socket that dhcpcd's hook writes to."""
    try:
        path.unlink(missing_ok=True)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sock.bind(str(path))
        path.chmod(0o660)
    except OSError as error:
        raise KernelError(f"cannot listen at {path}: {error}") from error
    return sock


class LinkWatch:
    """Calls ``changed`` in a thread of its own after links, addresses or leases have changed."""

    def __init__(self, mailbox: Path, changed: Callable[[], None]) -> None:
        self._path = mailbox
        self._changed = changed
        self._thread: threading.Thread | None = None
        self._wake: int | None = None

    def start(self) -> None:
        """Begin to watch; harmless where that has begun. Raises KernelError."""
        if self._thread is not None:
            return
        netlink, mailbox = _netlink(), _mailbox(self._path)
        stop, self._wake = os.pipe()
        self._thread = threading.Thread(
            target=self._run, args=(netlink, mailbox, stop), name="link watch", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End the thread; waits for a call that is under way."""
        if self._thread is None or self._wake is None:
            return
        os.close(self._wake)
        self._thread.join()
        self._thread, self._wake = None, None

    def _run(self, netlink: socket.socket, mailbox: socket.socket, stop: int) -> None:
        with selectors.DefaultSelector() as selector, netlink, mailbox:
            for source in (netlink, mailbox, stop):
                selector.register(source, selectors.EVENT_READ)
            again_s: float | None = AGAIN_S
            while _gather(selector, stop, again_s):
                again_s = self._tell()
        os.close(stop)

    def _tell(self) -> float | None:
        """Tell of the change; return in how many seconds to tell again, None where it was heard."""
        try:
            self._changed()
        except Unavailable as error:  # the router still starts, and looks at the links itself
            log.debug("the links have changed: %s", error)
        except PatronusError as error:
            log.error("the links have changed, and the router could not follow: %s", error)
        except Exception:  # this thread must outlive a mistake: nobody else follows the links
            log.exception("the links have changed, and the router could not follow")
        else:
            return None
        return AGAIN_S


def _gather(selector: selectors.BaseSelector, stop: int, timeout_s: float | None) -> bool:
    """Wait for events, or so long, and drain them until they pause. Return False when the watch shall end."""
    rounds = int(GATHER_S / QUIET_S)
    while ready := selector.select(timeout_s):
        for key, _ in ready:
            if key.fileobj == stop:
                return False
            assert isinstance(key.fileobj, socket.socket)
            _drain(key.fileobj)
        timeout_s, rounds = QUIET_S, rounds - 1
        if rounds == 0:
            break
    return True


def _drain(sock: socket.socket) -> None:
    """Read all that waits; ENOBUFS says that the kernel has dropped events, and is an event itself."""
    try:
        while sock.recv(_RECEIVE):
            continue
    except BlockingIOError:
        return
    except OSError as error:
        log.info("events were lost: %s", error)
