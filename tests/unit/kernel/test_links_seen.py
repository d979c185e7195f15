# SPDX-License-Identifier: GPL-2.0-or-later
"""Links as the kernel tells them, by messages made here: VLANs and bonds, which not every kernel has.

Cards, bridges and addresses are read from a real kernel in tests/netns/interfaces.
"""

from __future__ import annotations

import struct

import pytest

from patronus.core.link import BondSettings, Counters, Link
from patronus.kernel.links_seen import LinkSeen
from patronus.kernel.nfnetlink import attribute, attributes

UP, TO_PEER = 0x1, 0x10
ETHERNET, PPP = 1, 512
NAMES = {2: "eth0", 7: "bond0"}


def number(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def seen(*told: bytes, flags: int = UP, type_: int = ETHERNET) -> LinkSeen:
    """Return a link of which the kernel tells this."""
    data = (
        attribute(3, b"it\0") + number(4, 1500) + attribute(1, bytes.fromhex("525400000001")) + b"".join(told)
    )
    return LinkSeen(type_, 9, flags, attributes(data, 0, len(data)))


def info(kind: bytes, *data: bytes) -> bytes:
    return attribute(18, attribute(1, kind + b"\0") + attribute(2, b"".join(data)))


def link(*told: bytes) -> Link:
    return seen(*told).link(NAMES)


@pytest.mark.parametrize(("type_of_frames", "protocol"), [(b"\x81\x00", "802.1q"), (b"\x88\xa8", "802.1ad")])
def test_a_vlan_has_its_parent_its_tag_and_the_type_of_its_frames(
    type_of_frames: bytes, protocol: str
) -> None:
    made = info(b"vlan", attribute(1, struct.pack("=H", 300)), attribute(5, type_of_frames))
    found = link(number(5, 2), made, attribute(20, b"patronus\0"))
    assert (found.kind, found.parent, found.tag, found.protocol, found.ours) == (
        "vlan",
        "eth0",
        300,
        protocol,
        True,
    )


def test_a_veth_has_no_parent_though_the_kernel_names_its_other_end() -> None:
    found = seen(number(5, 2), info(b"veth"))
    assert found.is_card and found.link(NAMES).parent is None
    assert not seen(info(b"bridge")).is_card
    assert not seen(type_=PPP).is_card


@pytest.mark.parametrize(
    ("mode", "policy", "fast", "bond"),
    [
        (1, 0, 0, BondSettings("active-backup", 50)),
        (4, 1, 1, BondSettings("802.3ad", 50, "layer3+4", lacp_fast=True)),
        (0, 0, 1, BondSettings("balance-rr", 50)),
        (77, 0, 0, None),
        (1, 77, 0, None),
    ],
)
def test_a_bond_that_ours_can_say_is_read_whole(
    mode: int, policy: int, fast: int, bond: BondSettings | None
) -> None:
    data = [
        attribute(1, bytes([mode])),
        number(3, 50),
        attribute(14, bytes([policy])),
        attribute(21, bytes([fast])),
    ]
    assert link(info(b"bond", *data)).bond == bond


def test_what_is_told_of_every_link() -> None:
    counted = struct.pack("=8Q", 1, 2, 3, 4, 5, 6, 7, 8) + bytes(120)
    found = link(number(10, 7), attribute(33, b"\1"), attribute(23, counted))
    assert (found.name, found.index, found.mac, found.mtu) == ("it", 9, "52:54:00:00:00:01", 1500)
    assert (found.master, found.carrier, found.up, found.to_peer) == ("bond0", True, True, False)
    assert found.counters == Counters(
        rx_packets=1,
        tx_packets=2,
        rx_bytes=3,
        tx_bytes=4,
        rx_errors=5,
        tx_errors=6,
        rx_dropped=7,
        tx_dropped=8,
    )
    session = seen(flags=TO_PEER, type_=PPP).link(NAMES)
    assert (session.up, session.to_peer, session.carrier, session.counters) == (
        False,
        True,
        False,
        Counters(),
    )


def test_the_permanent_address_is_told_apart_from_one_set_later() -> None:
    assert seen().permanent_mac == "52:54:00:00:00:01"
    assert seen(attribute(54, bytes.fromhex("525400000099"))).permanent_mac == "52:54:00:00:00:99"


@pytest.mark.parametrize(("stp", "found"), [(0, False), (1, True)])
def test_a_bridge_says_whether_it_looks_for_loops(stp: int, *, found: bool) -> None:
    assert link(info(b"bridge", number(5, stp))).stp is found


@pytest.mark.parametrize(("filters", "found"), [(0, False), (1, True)])
def test_a_bridge_says_whether_it_keeps_vlans_apart(filters: int, *, found: bool) -> None:
    shown = link(info(b"bridge", number(5, 0), attribute(7, bytes([filters]))))
    assert (shown.filters, shown.vlans, shown.stp) == (found, None, False)
    assert not link(info(b"vlan", attribute(1, bytes([30, 0])), attribute(7, b"\1"))).filters
