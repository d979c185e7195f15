# SPDX-License-Identifier: GPL-2.0-or-later
"""A small binding of libbpf.so.1 by ctypes, and the one place that turns its refusals into ``KernelError``.

Only what Patronus calls is declared here; the signatures are those of ``bpf/bpf.h`` and ``bpf/libbpf.h``
of libbpf 1.x. libbpf's own messages (the verifier's log, a driver's reason for refusing XDP) are kept
per call and go into the error, where a person can read them.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, c_bool, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from functools import cache
from threading import RLock
from typing import Any

from patronus.core.errors import KernelError

_MESSAGE_BYTES = 8192
_MESSAGES_MAX = 400
_LEVEL_DEBUG = 2

_PRINT = ctypes.CFUNCTYPE(c_int, c_int, c_void_p, c_void_p)
SAMPLE_CALLBACK = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t)


class OpenOptions(ctypes.Structure):
    """``struct bpf_object_open_opts`` as far as we set it; libbpf takes the rest as zero."""

    _fields_ = (
        ("sz", c_size_t),
        ("object_name", c_char_p),
        ("relaxed_maps", c_bool),
        ("pin_root_path", c_char_p),
    )


class BatchOptions(ctypes.Structure):
    """``struct bpf_map_batch_opts``."""

    _fields_ = (("sz", c_size_t), ("elem_flags", c_uint64), ("flags", c_uint64))


class MapCreateOptions(ctypes.Structure):
    """``struct bpf_map_create_opts`` as far as we set it."""

    _fields_ = (
        ("sz", c_size_t),
        ("btf_fd", c_uint32),
        ("btf_key_type_id", c_uint32),
        ("btf_value_type_id", c_uint32),
        ("btf_vmlinux_value_type_id", c_uint32),
        ("inner_map_fd", c_uint32),
        ("map_flags", c_uint32),
    )


class TestRunOptions(ctypes.Structure):
    """``struct bpf_test_run_opts``; ``duration`` is in nanoseconds for one run."""

    _fields_ = (
        ("sz", c_size_t),
        ("data_in", c_void_p),
        ("data_out", c_void_p),
        ("data_size_in", c_uint32),
        ("data_size_out", c_uint32),
        ("ctx_in", c_void_p),
        ("ctx_out", c_void_p),
        ("ctx_size_in", c_uint32),
        ("ctx_size_out", c_uint32),
        ("retval", c_uint32),
        ("repeat", c_int),
        ("duration", c_uint32),
        ("flags", c_uint32),
        ("cpu", c_uint32),
        ("batch_size", c_uint32),
    )


class XdpAttachOptions(ctypes.Structure):
    """``struct bpf_xdp_attach_opts``."""

    _fields_ = (("sz", c_size_t), ("old_prog_fd", c_int))


class XdpQueryOptions(ctypes.Structure):
    """``struct bpf_xdp_query_opts`` as far as we read it; program ids, 0 where there is none."""

    _fields_ = (
        ("sz", c_size_t),
        ("prog_id", c_uint32),
        ("drv_prog_id", c_uint32),
        ("hw_prog_id", c_uint32),
        ("skb_prog_id", c_uint32),
        ("attach_mode", ctypes.c_uint8),
    )


class MapInfo(ctypes.Structure):
    """The start of ``struct bpf_map_info``."""

    _fields_ = (
        ("type", c_uint32),
        ("id", c_uint32),
        ("key_size", c_uint32),
        ("value_size", c_uint32),
        ("max_entries", c_uint32),
        ("map_flags", c_uint32),
    )


class ProgramInfo(ctypes.Structure):
    """The start of ``struct bpf_prog_info``."""

    _fields_ = (("type", c_uint32), ("id", c_uint32))


_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "libbpf_version_string": (c_char_p, ()),
    "libbpf_num_possible_cpus": (c_int, ()),
    "bpf_object__open_file": (c_void_p, (c_char_p, POINTER(OpenOptions))),
    "bpf_object__load": (c_int, (c_void_p,)),
    "bpf_object__close": (None, (c_void_p,)),
    "bpf_object__next_map": (c_void_p, (c_void_p, c_void_p)),
    "bpf_object__find_map_by_name": (c_void_p, (c_void_p, c_char_p)),
    "bpf_object__find_program_by_name": (c_void_p, (c_void_p, c_char_p)),
    "bpf_program__fd": (c_int, (c_void_p,)),
    "bpf_map__fd": (c_int, (c_void_p,)),
    "bpf_map__name": (c_char_p, (c_void_p,)),
    "bpf_map__is_internal": (c_bool, (c_void_p,)),
    "bpf_map__set_initial_value": (c_int, (c_void_p, c_void_p, c_size_t)),
    "bpf_map__set_max_entries": (c_int, (c_void_p, c_uint32)),
    "bpf_map__set_pin_path": (c_int, (c_void_p, c_char_p)),
    "bpf_map__type": (c_int, (c_void_p,)),
    "bpf_map__key_size": (c_uint32, (c_void_p,)),
    "bpf_map__value_size": (c_uint32, (c_void_p,)),
    "bpf_map__max_entries": (c_uint32, (c_void_p,)),
    "bpf_map__reuse_fd": (c_int, (c_void_p, c_int)),
    "bpf_map_create": (
        c_int,
        (c_int, c_char_p, c_uint32, c_uint32, c_uint32, POINTER(MapCreateOptions)),
    ),
    "bpf_obj_get": (c_int, (c_char_p,)),
    "bpf_obj_pin": (c_int, (c_int, c_char_p)),
    "bpf_obj_get_info_by_fd": (c_int, (c_int, c_void_p, POINTER(c_uint32))),
    "bpf_map_lookup_elem": (c_int, (c_int, c_void_p, c_void_p)),
    "bpf_map_update_elem": (c_int, (c_int, c_void_p, c_void_p, c_uint64)),
    "bpf_map_delete_elem": (c_int, (c_int, c_void_p)),
    "bpf_map_get_next_key": (c_int, (c_int, c_void_p, c_void_p)),
    "bpf_map_lookup_batch": (
        c_int,
        (c_int, c_void_p, c_void_p, c_void_p, c_void_p, POINTER(c_uint32), POINTER(BatchOptions)),
    ),
    "bpf_map_update_batch": (
        c_int,
        (c_int, c_void_p, c_void_p, POINTER(c_uint32), POINTER(BatchOptions)),
    ),
    "bpf_prog_test_run_opts": (c_int, (c_int, POINTER(TestRunOptions))),
    "bpf_xdp_attach": (c_int, (c_int, c_int, c_uint32, POINTER(XdpAttachOptions))),
    "bpf_xdp_detach": (c_int, (c_int, c_uint32, POINTER(XdpAttachOptions))),
    "bpf_xdp_query": (c_int, (c_int, c_int, POINTER(XdpQueryOptions))),
    "ring_buffer__new": (c_void_p, (c_int, SAMPLE_CALLBACK, c_void_p, c_void_p)),
    "ring_buffer__poll": (c_int, (c_void_p, c_int)),
    "ring_buffer__free": (None, (c_void_p,)),
}

_messages: list[str] = []
_calling = RLock()  # the messages belong to the call that is under way


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _keep_message(level: int, form: int, arguments: int) -> int:
    """Render one libbpf message with vsnprintf; runs inside the libbpf call that it belongs to."""
    if level >= _LEVEL_DEBUG or len(_messages) >= _MESSAGES_MAX:
        return 0
    buffer = ctypes.create_string_buffer(_MESSAGE_BYTES)
    _libc().vsnprintf(buffer, c_size_t(_MESSAGE_BYTES), c_void_p(form), c_void_p(arguments))
    text = buffer.value.decode(errors="replace").strip()
    if text:
        _messages.append(text)
    return 0


_printer = _PRINT(_keep_message)  # libbpf holds its address: it must live on


@cache
def library() -> Any:
    """Return libbpf with typed functions. Raises KernelError when it is not installed."""
    try:
        loaded = ctypes.CDLL("libbpf.so.1", use_errno=True)
    except OSError as error:
        raise KernelError(f"libbpf.so.1 cannot be loaded: {error}") from error
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    loaded.libbpf_set_print.restype = c_void_p
    loaded.libbpf_set_print.argtypes = (_PRINT,)
    loaded.libbpf_set_print(_printer)
    return loaded


@contextmanager
def messages() -> Iterator[list[str]]:
    """Yield the list that collects what libbpf says inside the block."""
    with _calling:
        _messages.clear()
        yield _messages


def refusal(doing: str, number: int, said: list[str] | None = None) -> KernelError:
    """Return the error for errno ``number`` while ``doing``, with what libbpf said, its end if it is long."""
    name = errno.errorcode.get(number, str(number))
    detail = "".join(f"\n  {line}" for line in (said or [])[-12:])
    return KernelError(f"{doing}: {os.strerror(number)} ({name}){detail}")


def check(result: int, doing: str) -> int:
    """Return ``result`` of a libbpf call, or raise KernelError where it is a negative errno."""
    if result < 0:
        raise refusal(doing, -result, _messages)
    return result


def check_pointer(pointer: int | None, doing: str) -> int:
    """Return ``pointer`` of a libbpf call, or raise KernelError where it is NULL."""
    if not pointer:
        raise refusal(doing, ctypes.get_errno() or errno.EINVAL, _messages)
    return pointer


def call(name: str, *arguments: object, doing: str) -> int:
    """Call the libbpf function ``name``, which answers with a negative errno on failure."""
    with messages():
        return check(int(getattr(library(), name)(*arguments)), doing)


def possible_cpus() -> int:
    """Return how many values a per-CPU map holds for each key."""
    return call("libbpf_num_possible_cpus", doing="counting the CPUs")
