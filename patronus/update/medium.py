# SPDX-License-Identifier: GPL-2.0-or-later
"""Partitions as rows of bytes: copied, and read back from the medium itself."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from patronus.core.errors import Conflict, StorageError

PIECE = 1 << 20

Progress = Callable[[int], None]


def _nobody(done: int) -> None:
    """Tell nobody how far it is."""


def read_back(device: Path, size: int, progress: Progress = _nobody) -> str:
    """Return the sha256 of the first ``size`` bytes, read from the disk, not from memory. Raises OSError."""
    digest, done = hashlib.sha256(), 0
    with device.open("rb") as handle:
        os.fsync(handle.fileno())
        os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while done < size and (piece := handle.read(min(PIECE, size - done))):
            digest.update(piece)
            done += len(piece)
            progress(done)
    return digest.hexdigest()


def copy(source: Path, target: Path, size: int, progress: Progress = _nobody) -> str:
    """Copy the first ``size`` bytes onto a partition that nobody else holds; return what was read, as sha256.

    Raises Conflict where somebody holds it, StorageError where the source ends early, OSError.
    """
    digest, done = hashlib.sha256(), 0
    with source.open("rb", buffering=0) as reading, os.fdopen(claim(target), "wb", buffering=0) as writing:
        while done < size and (piece := reading.read(min(PIECE, size - done))):
            digest.update(piece)
            left = memoryview(piece)
            while left:
                left = left[writing.write(left) :]
            done += len(piece)
            progress(done)
        os.fsync(writing.fileno())
    if done < size:
        raise StorageError(f"{source} ends after {done} of {size} bytes")
    return digest.hexdigest()


def claim(device: Path) -> int:
    """Open a device for writing, alone; return the descriptor. Raises Conflict where somebody holds it."""
    try:
        return os.open(device, os.O_WRONLY | os.O_EXCL | os.O_CLOEXEC)
    except OSError as error:
        raise Conflict(f"{device} cannot be had alone: {error.strerror}") from error
