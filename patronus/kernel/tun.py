# SPDX-License-Identifier: GPL-2.0-or-later
"""A tun device that stays, for one user: whoever has it open sends and hears packets by it. linux/if_tun.h.

rtnetlink makes none, so one is made by ioctl; all else about it goes by rtnetlink as of any link. Its user
needs no capability to open it.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import struct
from contextlib import closing

from patronus.core.errors import KernelError

KIND = "tun"
"""The kernel's word for it."""
OWNER = "patronus-nat64"
_DEVICE = "/dev/net/tun"
_SET_DEVICE, _SET_STAYS, _SET_OWNER = 0x400454CA, 0x400454CB, 0x400454CC
"""TUNSETIFF, TUNSETPERSIST and TUNSETOWNER."""
_PACKETS, _PLAIN, _NEW = 0x0001, 0x1000, 0x8000
"""IFF_TUN, IFF_NO_PI and IFF_TUN_EXCL."""
_REQUEST = struct.Struct("=16sH22x")  # struct ifreq


class _Opened:
    def __init__(self) -> None:
        self.number = os.open(_DEVICE, os.O_RDWR | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self.number)


def make(name: str) -> None:
    """Make one in the network namespace of the calling thread. Raises KernelError; nothing stays then."""
    try:
        owner = pwd.getpwnam(OWNER).pw_uid
        with closing(_Opened()) as opened:
            request = _REQUEST.pack(name.encode(), _PACKETS | _PLAIN | _NEW)
            fcntl.ioctl(opened.number, _SET_DEVICE, request)
            fcntl.ioctl(opened.number, _SET_OWNER, owner)
            fcntl.ioctl(opened.number, _SET_STAYS, 1)
    except KeyError:
        raise KernelError(f"create the nat64 {name}: this system has no user {OWNER}") from None
    except OSError as error:
        raise KernelError(f"create the nat64 {name}: {error.strerror}") from error
