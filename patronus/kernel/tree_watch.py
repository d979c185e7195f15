# SPDX-License-Identifier: GPL-2.0-or-later
"""Tells when files below a folder change, and no more than that. Source: inotify(7).

The folder and those below it are watched, hidden ones left out; folders that come are watched from then on.
"""

from __future__ import annotations

import ctypes
import logging
import os
import select
import threading
from collections.abc import Callable
from pathlib import Path

from patronus.core.errors import KernelError

log = logging.getLogger(__name__)

_MODIFY, _ATTRIB, _CLOSE_WRITE, _MOVED, _CREATE, _DELETE = 0x2, 0x4, 0x8, 0xC0, 0x100, 0x200
_ONLY_FOLDERS = 0x01000000
_MASK = _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED | _CREATE | _DELETE | _ONLY_FOLDERS
_BUFFER = 65536


class TreeWatch:
    """Calls ``on_change`` in a thread of its own, once for each burst of events; it must not raise."""

    def __init__(self, root: Path, on_change: Callable[[], None]) -> None:
        self._root = root
        self._on_change = on_change
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._events = -1
        self._stop, self._stopper = -1, -1
        self._thread = threading.Thread(target=self._watch, name="tree-watch", daemon=True)

    def start(self) -> None:
        """Begin. Raises KernelError where the kernel has no watch left."""
        self._events = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._events < 0:
            raise KernelError(f"no watch on {self._root}: {os.strerror(ctypes.get_errno())}")
        self._stop, self._stopper = os.pipe2(os.O_CLOEXEC)
        self._follow()
        self._thread.start()

    def stop(self) -> None:
        """End."""
        if self._events < 0:
            return
        os.write(self._stopper, b"x")
        self._thread.join()
        for descriptor in (self._events, self._stop, self._stopper):
            os.close(descriptor)
        self._events = -1

    def _follow(self) -> None:
        """Watch every folder that is there; to watch one again changes nothing."""
        for folder, folders, _files in os.walk(self._root):
            folders[:] = [name for name in folders if not name.startswith(".")]
            if self._libc.inotify_add_watch(self._events, os.fsencode(folder), ctypes.c_uint32(_MASK)) < 0:
                log.error("%s is not watched: %s", folder, os.strerror(ctypes.get_errno()))

    def _watch(self) -> None:
        while self._stop not in select.select([self._events, self._stop], [], [])[0]:
            self._drain()
            self._follow()
            self._on_change()

    def _drain(self) -> None:
        try:
            while os.read(self._events, _BUFFER):
                pass
        except BlockingIOError:
            return
