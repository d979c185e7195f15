# SPDX-License-Identifier: GPL-2.0-or-later
"""A tracked connection as a value: a word that the firewall and the kernel's adapter share. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address


@dataclass(frozen=True)
class Way:
    """One direction of a connection; ports are 0 and ``icmp`` None where the protocol has none."""

    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    protocol: int
    source_port: int = 0
    destination_port: int = 0
    icmp: int | None = None


@dataclass(frozen=True)
class Connection:
    """One entry of conntrack.

    ``original`` is how the first packet came, ``reply`` how the answer comes: its source is the translated
    destination. ``expected`` says that a helper announced it (FTP's data), ``translated`` that its
    destination was rewritten. ``key`` is the kernel's own form of the name, to end it by.
    """

    original: Way
    reply: Way
    expected: bool = False
    translated: bool = False
    key: bytes = b""


@dataclass(frozen=True)
class Tracked:
    """A connection with what conntrack knows beside its ends.

    ``state`` is TCP's (``established``, ``time-wait``), empty for other protocols; ``answered`` whether
    anything came back. ``remaining_s`` is when it is forgotten unless another packet comes; ``offloaded``
    whether its packets go past the rules.
    """

    connection: Connection
    state: str = ""
    answered: bool = False
    remaining_s: int = 0
    mark: int = 0
    offloaded: bool = False
