# SPDX-License-Identifier: GPL-2.0-or-later
"""Offloads by ethtool's short names, and what the kernel calls their parts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from patronus.core.card import Offload
from patronus.network.interfaces.card_model import Offloads

PARTS: Mapping[str, tuple[str, ...]] = {
    "tso": ("tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-tcp-ecn-segmentation"),
    "gso": ("tx-generic-segmentation",),
    "gro": ("rx-gro",),
    "rx-gro-hw": ("rx-gro-hw",),
    "rx-udp-gro-forwarding": ("rx-udp-gro-forwarding",),
    "lro": ("rx-lro",),
    "rx": ("rx-checksum",),
    "tx": ("tx-checksum-ipv4", "tx-checksum-ipv6", "tx-checksum-ip-generic"),
    "sg": ("tx-scatter-gather",),
    "rxvlan": ("rx-vlan-hw-parse",),
    "txvlan": ("tx-vlan-hw-insert",),
    "rxhash": ("rx-hashing",),
}
"""Short name → its parts; it is on where one of them is."""
_OFF_TOO: Mapping[str, tuple[str, ...]] = {
    "tso": ("tx-tcp-mangleid-segmentation",),
    "tx": ("tx-checksum-sctp", "tx-checksum-fcoe-crc"),
}
"""Parts that go off with the others, but do not come on: few want packets renumbered."""


def asked(offloads: Offloads) -> dict[str, bool]:
    """Return short name → what the file says, in the order of the model."""
    return {name: value for name, value in offloads.model_dump(by_alias=True).items() if value is not None}


def parts(name: str, on: bool, offered: Mapping[str, Offload]) -> dict[str, bool] | None:  # noqa: FBT001
    """Return what to switch for a short name; None where the card cannot have it so."""
    known = (*PARTS[name], *(() if on else _OFF_TOO.get(name, ())))
    found = {part: on for part in known if part in offered and not offered[part].fixed}
    return found if found or is_on(name, offered) == on else None


def is_on(name: str, offered: Mapping[str, Offload]) -> bool:
    """Return whether it is on, in whole or in part."""
    return any(offered[part].on for part in PARTS[name] if part in offered)


def changeable(offered: Mapping[str, Offload]) -> Iterator[str]:
    """Yield the short names of what can be switched at a card."""
    for name, known in PARTS.items():
        if any(part in offered and not offered[part].fixed for part in known):
            yield name
