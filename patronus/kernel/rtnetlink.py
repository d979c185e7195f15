# SPDX-License-Identifier: GPL-2.0-or-later
"""pyroute2's rtnetlink(7) socket without the rest of that package.

``import pyroute2`` also loads its database, its console and its test laboratory, which brings unittest and
asyncio, and asks two programs what machine this is: most of the import's time at boot, and 10 MB. So the
package is entered without running its ``__init__`` and with an empty laboratory, and left as if nobody had
imported it: who wants the whole package gets it as always.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec
from types import ModuleType

PACKAGE = "pyroute2"
LABORATORY = "pyroute2.lab"
"""It wraps sockets in mocks where a test asks for it; ours are never asked."""


@contextmanager
def _entered() -> Iterator[None]:
    """Let submodules be imported while the package's own ``__init__`` does not run."""
    if PACKAGE in sys.modules:
        yield
        return
    spec = find_spec(PACKAGE)
    if spec is None:
        raise ModuleNotFoundError(f"no module named {PACKAGE}", name=PACKAGE)
    sys.modules[PACKAGE] = module_from_spec(spec)
    laboratory = ModuleType(LABORATORY)
    vars(laboratory)["LAB_API"] = type("LAB_API", (), {})
    sys.modules[LABORATORY] = laboratory
    try:
        with _asking_the_kernel():
            yield
    finally:
        del sys.modules[PACKAGE], sys.modules[LABORATORY]


@contextmanager
def _asking_the_kernel() -> Iterator[None]:
    """Let ``platform`` answer from uname(2) alone, where it would run ``uname -p`` and ``file``."""
    words = platform.uname, platform.architecture
    vars(platform).update(
        uname=os.uname, architecture=lambda: ("64bit" if sys.maxsize > 2**32 else "32bit", "ELF")
    )
    try:
        yield
    finally:
        platform.uname, platform.architecture = words


with _entered():
    from pyroute2.iproute import IPRoute
    from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError

__all__ = ["IPRoute", "NetlinkDumpInterrupted", "NetlinkError"]
