# SPDX-License-Identifier: GPL-2.0-or-later
"""Settings of the kernel below /proc/sys/net, by their dotted names: ``net.ipv4.ip_forward``."""

from __future__ import annotations

from pathlib import Path

from patronus.core.errors import KernelError

_ROOT = Path("/proc/sys")


def read(name: str) -> str:
    """Return a setting. Raises KernelError."""
    try:
        return _path(name).read_text().strip()
    except OSError as error:
        raise KernelError(f"cannot read {name}: {error.strerror}") from error


def write(name: str, value: str) -> None:
    """Change a setting. Raises KernelError."""
    try:
        _path(name).write_text(f"{value}\n")
    except OSError as error:
        raise KernelError(f"cannot set {name} to {value}: {error.strerror}") from error


def _path(name: str) -> Path:
    """Return the file of a setting; a slash in the name stands for a dot, as in sysctl(8)."""
    return _ROOT / name.translate(str.maketrans("./", "/."))
