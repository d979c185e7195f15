# SPDX-License-Identifier: GPL-2.0-or-later
"""Open connections past the rules, on the kernel's flow table: on which devices, and why not. Pure.

The kernel takes over the packets of connections that were let through, in front of prerouting. So what has to
be done for each packet must not be needed: connections with a mark stay with the rules, for by it they are
kept on their uplink, routed by a policy, or given a class of service; and so does what arrives at a device
that is shaped, or below one, since the way out may then be past the shaper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256

from patronus.core.problem import Problem
from patronus.firewall.check.known import warning
from patronus.firewall.policy import Policy
from patronus.network.interfaces.plan import InterfacesPlan

PATH = ("firewall/conntrack", "offload")
NAME_DIGITS = 12


def flow_devices(policy: Policy, links: InterfacesPlan, shaped: frozenset[str]) -> tuple[str, ...]:
    """Return the devices of zones at which packets of open connections are taken over, sorted."""
    near = shaped | frozenset(_below(shaped, links))
    return tuple(sorted(device for device in policy.zone_of if device not in near))


def _below(devices: frozenset[str], links: InterfacesPlan) -> Iterator[str]:
    """Yield what carries the devices: the parents of VLANs, the members of bridges and bonds."""
    parents = {link.name: link.parent for link in links.links if link.parent is not None}
    waiting = list(devices)
    while waiting:
        device = waiting.pop()
        found = [link.name for link in links.links if link.master == device]
        found += [parents[device]] if device in parents else []
        yield from found
        waiting += found


def flow_table_name(devices: tuple[str, ...]) -> str:
    """Return the table's name: another one for other devices."""
    return f"offload/{sha256(' '.join(devices).encode()).hexdigest()[:NAME_DIGITS]}"


def offload_warnings(
    devices: tuple[str, ...], shaped: frozenset[str], uplinks: Mapping[str, int], refused: str | None
) -> Iterator[Problem]:
    """Yield what a person may expect of the setting and does not get."""
    if refused is not None:
        message = f"open connections stay with the rules: {refused}"
        yield warning(PATH, message, hint="nothing else is different")
        return
    if not devices:
        yield warning(
            PATH, "open connections stay with the rules: every device of a zone is shaped, or below one"
        )
    elif shaped:
        yield warning(PATH, f"what arrives at {', '.join(sorted(shaped))} stays with the rules: it is shaped")
    if uplinks:
        yield warning(PATH, "connections that are kept on an uplink have a mark, and stay with the rules")


def once(ask: Callable[[], str | None]) -> Callable[[], str | None]:
    """Return a question of which the answer is kept: a kernel does not change while it runs."""
    answers: list[str | None] = []

    def asked() -> str | None:
        if not answers:
            answers.append(ask())
        return answers[0]

    return asked
