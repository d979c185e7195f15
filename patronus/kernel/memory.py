# SPDX-License-Identifier: GPL-2.0-or-later
"""How much memory there is, and what the C library keeps of it though nobody uses it."""

from __future__ import annotations

import ctypes
import os

_LIBRARY = ctypes.CDLL(None)


def give_back() -> None:
    """Return free memory to the system, malloc_trim(3); does nothing where the C library has no such call."""
    trim = getattr(_LIBRARY, "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))


def total_bytes() -> int:
    """Return all memory of the machine, sysconf(3)."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
