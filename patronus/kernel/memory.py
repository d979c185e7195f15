# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that the C library keeps though nobody uses it."""

from __future__ import annotations

import ctypes

_LIBRARY = ctypes.CDLL(None)


def give_back() -> None:
    """Return free memory to the system, malloc_trim(3); does nothing where the C library has no such call."""
    trim = getattr(_LIBRARY, "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))
