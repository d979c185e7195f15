# SPDX-License-Identifier: GPL-2.0-or-later
"""What chronyd is told, chrony.conf(5). Pure."""

from __future__ import annotations

from collections.abc import Sequence

PORT = 123
STATUS_PORT = 323
"""Where it says how it is, to this machine alone; nothing can be changed there."""
SOCKET = "/run/patronus-chronyd/chronyd.sock"
"""By it the unit beside it learns that the clock is set; nothing is listened on for that."""
_ALWAYS = f"""\
driftfile /var/lib/patronus-ntp/drift
pidfile /
bindcmdaddress {SOCKET}
bindcmdaddress 127.0.0.1
cmdport {STATUS_PORT}
# A clock that is wrong by more than a second is set at once, also after a machine was asleep.
makestep 1 -1
rtcsync
"""
_PROVEN = """\
ntsdumpdir /var/lib/patronus-ntp
# A clock that was lost cannot judge the time of a certificate: the first answer may set it all the same.
nocerttimecheck 1
"""
_SERVING = """\
# Who may ask is the firewall's to say.
allow
ratelimit interval 1 burst 16
"""


def render(servers: Sequence[str], *, serves: bool, nts: bool = False) -> str:
    """Return the configuration for these servers; without a clock that is set, hosts are told so.

    With ``nts`` what does not prove itself is not believed (RFC 8915).
    """
    asked = "".join(f"server {server} iburst{' nts' if nts else ''}\n" for server in servers)
    rest = (_PROVEN if nts else "") + (_SERVING if serves else "port 0\n")
    return f"# Written by patronusd.\n{asked}{_ALWAYS}{rest}"
