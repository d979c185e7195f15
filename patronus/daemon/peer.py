# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is at the other end of the socket: the kernel says, the peer cannot."""

from __future__ import annotations

import grp
import pwd
import socket
import struct
from dataclasses import dataclass

from patronus.core.verb import Caller, Grant, Role
from patronus.daemon.gitops.judge import USER as GITOPS_USER
from patronus.daemon.gitops.repository import GRANT as GITOPS
from patronus.daemon.remote_log import GRANT as FORWARD
from patronus.daemon.remote_log import USER as FORWARD_USER

ADMIN_GROUP = "patronus-admin"
WEB_USER = "patronus-web"
OWN_GRANTS = {GITOPS_USER: GITOPS, FORWARD_USER: FORWARD}
"""User of one of our processes → the verbs that are its own."""
CREDENTIALS = struct.Struct("=iII")
"""struct ucred of unix(7): pid, uid, gid."""


@dataclass(frozen=True)
class Peer:
    """A process that connected: its user, and whether it may say on whose behalf it speaks."""

    name: str
    role: Role
    trusted_origin: bool
    grant: Grant | None = None

    def caller(self) -> Caller:
        """Return the peer as a caller in its own right, without a session."""
        return Caller(name=self.name, role=self.role, grants=(self.grant,) if self.grant else ())


def peer_of(connection: socket.socket) -> Peer:
    """Return who connected, by SO_PEERCRED (unix(7)): root and the admin group are admins, others no one."""
    uid, gid = _user(connection)
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return Peer(f"uid {uid}", Role.NONE, trusted_origin=False)
    role = Role.ADMIN if uid == 0 or _in_admin_group(name, gid) else Role.NONE
    return Peer(name, role, trusted_origin=name == WEB_USER, grant=OWN_GRANTS.get(name))


def uid_of(connection: socket.socket) -> int:
    """Return the user id of who connected; looks nothing up."""
    return _user(connection)[0]


def _user(connection: socket.socket) -> tuple[int, int]:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    _, uid, gid = CREDENTIALS.unpack(raw)
    return uid, gid


def _in_admin_group(name: str, gid: int) -> bool:
    try:
        group = grp.getgrnam(ADMIN_GROUP)
    except KeyError:
        return False
    return gid == group.gr_gid or name in group.gr_mem
