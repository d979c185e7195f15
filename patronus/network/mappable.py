# SPDX-License-Identifier: GPL-2.0-or-later
"""What another table than the firewall's may forward to hosts, as part of a feature's plan."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network

from patronus.core.values import PortRange


@dataclass(frozen=True)
class Mappable:
    """Connections that somebody else may translate, and that the filter then lets through.

    ``outside``  zone in which they arrive; ``inside``: zones to which they may go.
    ``hosts``    to whom; ``ports``: the ports there, of TCP and UDP.
    """

    outside: str
    inside: tuple[str, ...]
    hosts: tuple[IPv4Network, ...]
    ports: tuple[PortRange, ...]
