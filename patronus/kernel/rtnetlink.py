# SPDX-License-Identifier: GPL-2.0-or-later
"""pyroute2's rtnetlink(7) socket without the rest of that package.

``import pyroute2`` also loads its database, its console and its test laboratory, which brings unittest and
asyncio, and asks two programs what machine this is: most of the import's time at boot, and 10 MB. So the
package is entered without running its ``__init__`` and with an empty laboratory, and left as if nobody had
imported it: who wants the whole package gets it as always.

Each question opens a socket of its own, so that all may be asked from any thread.
"""

from __future__ import annotations

import errno
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

from patronus.core.errors import KernelError, LinkGone

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
    from pyroute2.netlink import nla, nlmsg
    from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError
    from pyroute2.netlink.rtnl.tcmsg import tcmsg
    from pyroute2.netlink.rtnl.tcmsg.common_act import get_tca_action
    from pyroute2.netlink.rtnl.tcmsg.sched_bpf import options as bpf_options

__all__ = [
    "IPRoute",
    "NetlinkError",
    "asking",
    "bpf_options",
    "dump",
    "get_tca_action",
    "harmless",
    "index_of",
    "nla",
    "nlmsg",
    "tcmsg",
]
_DUMP_TRIES = 5


@contextmanager
def asking(what: str) -> Iterator[Any]:
    """Lend a socket; translate what the kernel refuses. Raises KernelError, LinkGone."""
    try:
        with IPRoute() as route:
            yield route
    except NetlinkError as error:
        kind = LinkGone if abs(error.code) == errno.ENODEV else KernelError
        raise kind(f"cannot {what}: {os.strerror(abs(error.code))}") from error
    except OSError as error:
        raise KernelError(f"cannot {what}: {error}") from error


@contextmanager
def harmless(*codes: int) -> Iterator[None]:
    """Take it for done where the link is gone, or where the kernel refuses with one of these errnos.

    For what takes away: a link, its addresses or its routes may go by themselves until the request is there.
    """
    try:
        yield
    except LinkGone:
        return
    except NetlinkError as error:
        if abs(error.code) not in (errno.ENODEV, *codes):
            raise


def dump(route: Any, call: str, **filters: Any) -> list[Any]:
    """Return a whole dump; one that a change has interrupted is taken again."""
    for _ in range(_DUMP_TRIES):
        try:
            return list(getattr(route, call)(**filters))
        except NetlinkDumpInterrupted:
            continue
    raise KernelError(f"the kernel's tables change too fast to be read ({call})")


def index_of(route: Any, name: str) -> int:
    """Return the kernel's number of a link. Raises LinkGone."""
    found = route.link_lookup(ifname=name)
    if not found:
        raise LinkGone(f"there is no link {name}")
    return int(found[0])
