# SPDX-License-Identifier: GPL-2.0-or-later
"""pppd's options for one session, pppd(8) and pppd-pppoe(8). Pure.

pppd ends with each session and never dials again by itself: the dialler sees why it ended, and waits longer
each time.
"""

from __future__ import annotations

from collections.abc import Iterator

from patronus.network.pppoe.task import Task
from patronus.network.pppoe.words import quoted

ECHO_S, ECHOES = 5, 5
"""The provider is asked every so many seconds whether it is there, and is gone after so many silences."""
_FIXED = (
    "plugin pppoe.so",
    "noauth",  # the provider does not prove who it is; no provider can
    "hide-password",
    "nodetach",
    "nopersist",
    "maxfail 1",
    "noipdefault",
    "default-asyncmap",
    "noaccomp", "nopcomp", "novj", "noccp",  # RFC 2516 section 7: no field compression over PPPoE
    "nomppe",
)  # fmt: skip


def render(task: Task) -> str:
    """Return the text of an option file; it has the password in it."""
    return "\n".join(_lines(task)) + "\n"


def _lines(task: Task) -> Iterator[str]:
    yield from _FIXED
    yield f"nic-{task.parent}"
    yield f"ifname {task.device}"
    yield f"mtu {task.mtu}"
    yield f"mru {task.mtu}"
    yield f"lcp-echo-interval {ECHO_S}"
    yield f"lcp-echo-failure {ECHOES}"
    if task.service is not None:
        yield f"pppoe-service {quoted(task.service)}"
    if task.concentrator is not None:
        yield f"pppoe-ac {quoted(task.concentrator)}"
    if task.ipv4:
        yield from ("ipcp-accept-local", "ipcp-accept-remote")
        yield from ("defaultroute", f"defaultroute-metric {task.metric}")
        if task.dns:
            yield "usepeerdns"
    else:
        yield "noip"
    yield "+ipv6" if task.ipv6 else "noipv6"
    yield f"user {quoted(task.user)}"
    yield f"password {quoted(task.password)}"
