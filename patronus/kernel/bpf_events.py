# SPDX-License-Identifier: GPL-2.0-or-later
"""The reader of sampled drops: a BPF ring buffer through libbpf. One reader at a time consumes it."""

from __future__ import annotations

import ctypes
import time
from types import TracebackType
from typing import Self

from patronus.kernel.bpf_codec import DropEvent, event_of
from patronus.kernel.bpf_library import SAMPLE_CALLBACK, call, check_pointer, library, messages
from patronus.kernel.bpf_map import Map

_MS_PER_S = 1000


class DropEvents:
    """Reads drop events from the ring buffer ``ring``, whose descriptor stays the caller's."""

    def __init__(self, ring: Map) -> None:
        self._raw: list[bytes] = []
        self._callback = SAMPLE_CALLBACK(self._keep)  # libbpf holds the address: it must live on
        with messages():
            pointer = library().ring_buffer__new(ring.descriptor, self._callback, None, None)
            self._buffer = check_pointer(pointer, f"opening ring buffer {ring.name}")

    def _keep(self, _context: int | None, data: int, size: int) -> int:
        self._raw.append(ctypes.string_at(data, size))
        return 0

    def poll(self, timeout_s: float = 0.0) -> list[DropEvent]:
        """Return what has come, oldest first; waits up to ``timeout_s`` for the first one."""
        self._raw.clear()
        timeout_ms = int(timeout_s * _MS_PER_S)
        call("ring_buffer__poll", self._buffer, timeout_ms, doing="reading drop events")
        return [event_of(raw) for raw in self._raw]

    def gather(self, seconds: float, most: int) -> list[DropEvent]:
        """Return what comes within ``seconds``, ``most`` at most, oldest first; not what lay there before."""
        self.poll()
        found: list[DropEvent] = []
        until = time.monotonic() + seconds
        while len(found) < most and (left := until - time.monotonic()) > 0:
            found += self.poll(left)
        return found[:most]

    def close(self) -> None:
        """Unmap the ring buffer."""
        library().ring_buffer__free(self._buffer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
