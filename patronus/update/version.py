# SPDX-License-Identifier: GPL-2.0-or-later
"""Versions of the image: numbers with dots between them, compared number by number. Pure.

systemd-sysupdate and systemd-boot order such versions the same way (UAPI.10, version format).
"""

from __future__ import annotations

import re

_VERSION = re.compile(r"\d{1,9}(\.\d{1,9}){0,3}")


def is_version(text: str) -> bool:
    """Return whether it is a version such as ``0.2.0``."""
    return _VERSION.fullmatch(text) is not None


def rank(version: str) -> tuple[int, ...]:
    """Return what versions are sorted by. Raises ValueError where it is none."""
    if not is_version(version):
        raise ValueError(f"{version!r} is no version")
    return tuple(int(part) for part in version.split("."))
