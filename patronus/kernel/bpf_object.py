# SPDX-License-Identifier: GPL-2.0-or-later
"""A compiled BPF object: open, set its load-time constants, load, pin; and run a program on a test packet."""

from __future__ import annotations

import ctypes
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from patronus.core.errors import KernelError
from patronus.kernel.bpf_library import (
    OpenOptions,
    ProgramInfo,
    TestRunOptions,
    call,
    check_pointer,
    library,
    messages,
)
from patronus.kernel.bpf_map import Map

_PACKET_BYTES_MAX = 65536
_DEVMAP_HASH = 25
_XDP_MD = struct.Struct(
    "=6I"
)  # struct xdp_md: data, its end, its meta data, the device, its queue, the way out


@dataclass(frozen=True)
class TestRun:
    """What BPF_PROG_TEST_RUN answered: the verdict, the packet afterwards, nanoseconds for one run."""

    __test__ = False  # for pytest: not a test case

    verdict: int
    packet: bytes
    duration_ns: int


class Program:
    """A loaded program by its descriptor, which it owns."""

    def __init__(self, descriptor: int, name: str) -> None:
        self.descriptor = descriptor
        self.name = name

    @classmethod
    def pinned(cls, path: Path) -> Self:
        """Open the program pinned at ``path``. Raises KernelError when there is none."""
        doing = f"opening the program pinned at {path}"
        return cls(call("bpf_obj_get", bytes(path), doing=doing), path.name)

    @property
    def id(self) -> int:
        """The kernel's number of this program."""
        info = ProgramInfo()
        size = ctypes.c_uint32(ctypes.sizeof(info))
        pointers = (ctypes.byref(info), ctypes.byref(size))
        call("bpf_obj_get_info_by_fd", self.descriptor, *pointers, doing=f"identifying program {self.name}")
        return int(info.id)

    def run(self, packet: bytes, repeat: int = 1, arrives_at: int | None = None) -> TestRun:
        """Run on ``packet`` (from the Ethernet header on, at least 14 bytes), ``repeat`` times.

        ``arrives_at`` is the number of the device at which it comes in; the loopback, where nothing is said.
        """
        room = ctypes.create_string_buffer(_PACKET_BYTES_MAX)
        arrival = None if arrives_at is None else _XDP_MD.pack(0, len(packet), 0, arrives_at, 0, 0)
        options = TestRunOptions(
            sz=ctypes.sizeof(TestRunOptions),
            data_in=ctypes.cast(ctypes.c_char_p(packet), ctypes.c_void_p),
            data_size_in=len(packet),
            data_out=ctypes.cast(room, ctypes.c_void_p),
            data_size_out=_PACKET_BYTES_MAX,
            repeat=repeat,
            ctx_in=None if arrival is None else ctypes.cast(ctypes.c_char_p(arrival), ctypes.c_void_p),
            ctx_size_in=0 if arrival is None else len(arrival),
        )
        doing = f"running {self.name} on {len(packet)} bytes"
        call("bpf_prog_test_run_opts", self.descriptor, ctypes.byref(options), doing=doing)
        return TestRun(options.retval, room.raw[: options.data_size_out], options.duration)

    def pin(self, path: Path) -> None:
        """Pin at ``path`` in one step, in place of what is pinned there."""
        following = path.with_name(f"{path.name}_next")
        following.unlink(missing_ok=True)
        call("bpf_obj_pin", self.descriptor, bytes(following), doing=f"pinning {self.name} at {path}")
        following.rename(path)

    def close(self) -> None:
        """Give the descriptor back; the program lives on while it is pinned or attached."""
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Object:
    """An opened object file. Before ``load`` its constants and map sizes can be set."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            # libbpf's own message for a missing file names neither the file nor the reason
            call("bpf_obj_get", bytes(path), doing=f"opening BPF object {path}")
        self.path = path
        self._unpinned: dict[str, Path] = {}
        options = OpenOptions(sz=ctypes.sizeof(OpenOptions))
        with messages():
            pointer = library().bpf_object__open_file(bytes(path), ctypes.byref(options))
            self._object = check_pointer(pointer, f"opening BPF object {path}")

    def _map(self, name: str) -> int:
        with messages():
            pointer = library().bpf_object__find_map_by_name(self._object, name.encode())
            return check_pointer(pointer, f"{self.path.name} has no map {name}")

    def set_constants(self, section: str, value: bytes) -> None:
        """Set a read-only data section, for one ``.rodata.settings``, whole."""
        doing = f"setting {section} of {self.path.name} to {len(value)} bytes"
        call("bpf_map__set_initial_value", self._map(section), value, len(value), doing=doing)

    def set_max_entries(self, name: str, entries: int) -> None:
        """Give map ``name`` another size."""
        doing = f"setting the size of map {name} to {entries}"
        call("bpf_map__set_max_entries", self._map(name), entries, doing=doing)

    def map_names(self) -> list[str]:
        """Return the names of the maps that the source declares."""
        names: list[str] = []
        pointer = library().bpf_object__next_map(self._object, None)
        while pointer:
            if not library().bpf_map__is_internal(pointer):
                names.append(library().bpf_map__name(pointer).decode())
            pointer = library().bpf_object__next_map(self._object, pointer)
        return names

    def pin_maps(self, folder: Path) -> None:
        """Let ``load`` pin every map in ``folder`` by name, or take the one that is pinned there.

        A pinned map of another shape makes ``load`` fail, so that old state is never misread.
        """
        for name in self.map_names():
            if library().bpf_map__type(self._map(name)) == _DEVMAP_HASH:
                self._pin_by_hand(name, folder / name)
                continue
            place = bytes(folder / name)
            call("bpf_map__set_pin_path", self._map(name), place, doing=f"setting the pin of map {name}")

    def _pin_by_hand(self, name: str, place: Path) -> None:
        """Take the pinned map of devices, or pin the new one after the load.

        The kernel adds a flag to such a map, by which libbpf 1.5 takes it for one of another shape.
        """
        if not place.exists():
            self._unpinned[name] = place
            return
        pointer, declared = self._map(name), ("key_size", "value_size", "max_entries")
        with Map.pinned(place) as kept:
            for what in declared:
                if getattr(kept, what) != getattr(library(), f"bpf_map__{what}")(pointer):
                    raise KernelError(f"the map pinned at {place} has another {what} than map {name}")
            doing = f"taking the map pinned at {place}"
            call("bpf_map__reuse_fd", pointer, kept.descriptor, doing=doing)

    def unpin_maps(self) -> None:
        """Let ``load`` pin nothing, whatever the source asks for."""
        for name in self.map_names():
            call("bpf_map__set_pin_path", self._map(name), None, doing=f"clearing the pin of map {name}")

    def load(self) -> None:
        """Let the kernel verify and take the object. Raises KernelError with the verifier's last lines."""
        call("bpf_object__load", self._object, doing=f"loading BPF object {self.path}")
        for name, place in self._unpinned.items():
            with self.map(name) as made:
                call("bpf_obj_pin", made.descriptor, bytes(place), doing=f"pinning map {name} at {place}")

    def program(self, name: str) -> Program:
        """Return the loaded program ``name``."""
        with messages():
            pointer = library().bpf_object__find_program_by_name(self._object, name.encode())
            found = check_pointer(pointer, f"{self.path.name} has no program {name}")
        descriptor = call("bpf_program__fd", found, doing=f"program {name} is not loaded")
        return Program(os.dup(descriptor), name)

    def map(self, name: str) -> Map:
        """Return the loaded map ``name``."""
        descriptor = call("bpf_map__fd", self._map(name), doing=f"map {name} is not loaded")
        return Map(os.dup(descriptor), name)

    def close(self) -> None:
        """Free the object; what is pinned, attached or opened from it lives on."""
        library().bpf_object__close(self._object)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
