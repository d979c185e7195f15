# SPDX-License-Identifier: GPL-2.0-or-later
"""One BPF map by its descriptor: look up, update, delete, iterate, in batches where the map has them."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from patronus.kernel.bpf_library import (
    BatchOptions,
    MapCreateOptions,
    MapInfo,
    call,
    library,
    possible_cpus,
    refusal,
)

_PER_CPU_TYPES = frozenset({5, 6, 10})  # BPF_MAP_TYPE_PERCPU_HASH, _PERCPU_ARRAY, _LRU_PERCPU_HASH
_LPM_TRIE = 11  # BPF_MAP_TYPE_LPM_TRIE
_NO_PREALLOC = 1  # BPF_F_NO_PREALLOC
_BATCH = 8192
_BATCH_BYTES = 1 << 22
_PER_CPU_ALIGNMENT = 8


class Map:
    """A map; owns its descriptor. Keys and values are bytes, a per-CPU value is one after the other."""

    def __init__(self, descriptor: int, name: str) -> None:
        self.descriptor = descriptor
        self.name = name
        info = MapInfo()
        size = ctypes.c_uint32(ctypes.sizeof(info))
        call(
            "bpf_obj_get_info_by_fd",
            descriptor,
            ctypes.byref(info),
            ctypes.byref(size),
            doing=f"reading the shape of map {name}",
        )
        self.id: int = info.id
        self.key_size: int = info.key_size
        self.value_size: int = info.value_size
        self.max_entries: int = info.max_entries
        self.cpus = possible_cpus() if info.type in _PER_CPU_TYPES else 1

    @classmethod
    def pinned(cls, path: Path) -> Self:
        """Open the map pinned at ``path``. Raises KernelError when there is none or it may not be opened."""
        return cls(call("bpf_obj_get", bytes(path), doing=f"opening the map pinned at {path}"), path.name)

    @classmethod
    def trie(cls, name: str, key_size: int, value_size: int, max_entries: int) -> Self:
        """Make a prefix trie that is pinned nowhere; it lives as long as somebody holds it."""
        options = MapCreateOptions(sz=ctypes.sizeof(MapCreateOptions), map_flags=_NO_PREALLOC)
        shape = (key_size, value_size, max_entries, ctypes.byref(options))
        return cls(
            call("bpf_map_create", _LPM_TRIE, name.encode(), *shape, doing=f"making the trie {name}"), name
        )

    @property
    def slot_size(self) -> int:
        """Bytes of one CPU's value: the kernel rounds up to eight where there is one for each CPU."""
        rounded = -(-self.value_size // _PER_CPU_ALIGNMENT) * _PER_CPU_ALIGNMENT
        return self.value_size if self.cpus == 1 else rounded

    @property
    def _transfer_size(self) -> int:
        return self.slot_size * self.cpus

    def per_cpu(self, value: bytes) -> list[bytes]:
        """Split a looked-up value into what each CPU holds."""
        starts = range(0, self._transfer_size, self.slot_size)
        return [value[start : start + self.value_size] for start in starts]

    def lookup(self, key: bytes) -> bytes | None:
        """Return the value under ``key``, or None. Raises KernelError for anything but a missing key."""
        value = ctypes.create_string_buffer(self._transfer_size)
        result = library().bpf_map_lookup_elem(self.descriptor, key, value)
        if result == -errno.ENOENT:
            return None
        if result < 0:
            raise refusal(f"reading map {self.name}", -result)
        return value.raw

    def update(self, key: bytes, value: bytes) -> None:
        """Set ``key`` to ``value``. Raises KernelError, for one when the map is full (E2BIG)."""
        result = library().bpf_map_update_elem(self.descriptor, key, value, 0)
        if result < 0:
            raise refusal(f"writing map {self.name} ({self.max_entries} entries at most)", -result)

    def delete(self, key: bytes) -> bool:
        """Remove ``key``; returns whether it was there."""
        result = library().bpf_map_delete_elem(self.descriptor, key)
        if result < 0 and result != -errno.ENOENT:
            raise refusal(f"deleting from map {self.name}", -result)
        return bool(result == 0)

    def update_many(self, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Set many keys, each in one atomic step, without a system call for each."""
        pairs = list(items)
        for start in range(0, len(pairs), _BATCH):
            chunk = pairs[start : start + _BATCH]
            done = ctypes.c_uint32(len(chunk))
            call(
                "bpf_map_update_batch",
                self.descriptor,
                b"".join(key for key, _ in chunk),
                b"".join(value for _, value in chunk),
                ctypes.byref(done),
                ctypes.byref(BatchOptions(sz=ctypes.sizeof(BatchOptions))),
                doing=f"writing {len(chunk)} entries to map {self.name} ({self.max_entries} at most)",
            )

    def keys(self) -> Iterator[bytes]:
        """Yield every key; one that is deleted meanwhile makes the kernel start over."""
        key: bytes | None = None
        following = ctypes.create_string_buffer(self.key_size)
        while True:
            result = library().bpf_map_get_next_key(self.descriptor, key, following)
            if result == -errno.ENOENT:
                return
            if result < 0:
                raise refusal(f"walking map {self.name}", -result)
            key = following.raw
            yield key

    def items(self, limit: int | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value), at most ``limit``, read in batches. For arrays and hashes, not for tries."""
        cursor = ctypes.create_string_buffer(max(self.key_size, 4))
        started = False
        left = self.max_entries if limit is None else limit
        options = BatchOptions(sz=ctypes.sizeof(BatchOptions))
        while left > 0:
            room = max(_BATCH_BYTES // self._transfer_size, 256)
            keys = ctypes.create_string_buffer(room * self.key_size)
            values = ctypes.create_string_buffer(room * self._transfer_size)
            count = ctypes.c_uint32(room)
            result = library().bpf_map_lookup_batch(
                self.descriptor,
                cursor if started else None,
                cursor,
                keys,
                values,
                ctypes.byref(count),
                ctypes.byref(options),
            )
            if result < 0 and result != -errno.ENOENT:
                raise refusal(f"reading map {self.name}", -result)
            yield from self._split(keys.raw, values.raw, min(count.value, left))
            left -= count.value
            started = True
            if result == -errno.ENOENT:
                return

    def _split(self, keys: bytes, values: bytes, count: int) -> Iterator[tuple[bytes, bytes]]:
        for index in range(count):
            key = keys[index * self.key_size : (index + 1) * self.key_size]
            yield key, values[index * self._transfer_size : (index + 1) * self._transfer_size]

    def close(self) -> None:
        """Give the descriptor back; the map lives on while it is pinned or in use."""
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
