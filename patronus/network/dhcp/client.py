# SPDX-License-Identifier: GPL-2.0-or-later
"""Who a client is, and what it says that its host is called."""

from __future__ import annotations

import re
from typing import NamedTuple

from patronus.network.dhcp.codec import Code, Packet
from patronus.network.dhcp.config import ClientClass, Pool

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class Asked(NamedTuple):
    """A packet, and who sent it when: made out once, since every question about it needs that."""

    packet: Packet
    client: str
    mac: str
    now_s: float


def who_asks(packet: Packet, now_s: float) -> Asked:
    """Return the packet with its client."""
    return Asked(packet, client_of(packet), packet.hardware.hex(":"), now_s)


def client_of(packet: Packet) -> str:
    """Return the key of the client: its identifier, else its hardware address (section 4.2)."""
    identifier = packet.options.get(Code.CLIENT_ID, b"")
    if len(identifier) >= 2:
        return f"id:{identifier.hex()}"
    return f"hw:{packet.hardware_type:02x}:{packet.hardware.hex()}"


def class_of(packet: Packet, pool: Pool) -> ClientClass | None:
    """Return the pool's first class that the host belongs to (RFC 2132 section 9.13, RFC 3004)."""
    vendor = packet.options.get(Code.VENDOR_CLASS, b"")
    users = _user_classes(packet.options.get(Code.USER_CLASS, b""))
    for item in pool.classes:
        if vendor.startswith(item.vendor) and (not item.user or item.user in users):
            return item
    return None


def _user_classes(value: bytes) -> set[bytes]:
    """Return the classes of the option, each behind its length; iPXE sends its one without."""
    classes, position = {value}, 0
    while position < len(value):
        end = position + 1 + value[position]
        classes.add(value[position + 1 : end])
        position = end
    return classes


def hostname_of(packet: Packet) -> str:
    """Return the host's name as one label in lower case, or nothing where what it sent is no name.

    The FQDN option comes first (RFC 4702: three bytes of flags, then the name), then option 12.
    """
    fqdn = packet.options.get(Code.CLIENT_FQDN, b"")
    names = (_fqdn_label(fqdn), packet.options.get(Code.HOSTNAME, b"").rstrip(b"\0").partition(b".")[0])
    return next(filter(None, map(label, names)), "")


def label(raw: bytes) -> str:
    """Return one label of a name in lower case, or nothing where it is none."""
    text = raw.decode("ascii", "replace").lower()
    return text if _LABEL.fullmatch(text) else ""


def _fqdn_label(fqdn: bytes) -> bytes:
    if len(fqdn) < 4:
        return b""
    flags, name = fqdn[0], fqdn[3:]
    if flags & 4:
        return name[1 : 1 + name[0]]
    return name.partition(b".")[0]
