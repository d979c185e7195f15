# SPDX-License-Identifier: GPL-2.0-or-later
"""pyroute2's rtnetlink(7) socket without the rest of that package.

``import pyroute2`` also loads its database, its console and its test laboratory: half of the import's time at
boot, and 10 MB. So the package is entered without running its ``__init__``, and left as if nobody had
imported it: who wants the whole package gets it as always.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec

PACKAGE = "pyroute2"


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
    try:
        yield
    finally:
        del sys.modules[PACKAGE]


with _entered():
    from pyroute2.iproute import IPRoute
    from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError

__all__ = ["IPRoute", "NetlinkDumpInterrupted", "NetlinkError"]
