# SPDX-License-Identifier: GPL-2.0-or-later
"""On a veth pair in a namespace of the test's own: real packets are dropped, and pass when unblocked."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.layers.l2 import Dot1AD, Dot1Q

from patronus.core.errors import KernelError
from patronus.kernel import bpf_attach
from patronus.kernel.bpf import PROGRAM, Bpf
from patronus.kernel.bpf_attach import Mode
from patronus.kernel.bpf_codec import Reason, Settings
from patronus.kernel.bpf_load import load
from patronus.kernel.bpf_object import Object, Program
from tests.bpf.conftest import Firewall, on_cpus
from tests.bpf.test_verdicts import BAD4, BAD6, BLOCKED, GOOD4, bytes_of, ipv4, ipv6

NEAR, FAR = "xdp-near", "xdp-far"
_CLONE_NEWNET = 0x40000000
_ETH_P_ALL = 3
_LONG_S = 60.0


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@pytest.fixture
def wire() -> Iterator[None]:
    """A fresh network namespace with a veth pair, both ends up; the program goes on the near end."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    assert libc.unshare(_CLONE_NEWNET) == 0
    try:
        ip("link", "add", NEAR, "type", "veth", "peer", "name", FAR)
        for name in (NEAR, FAR):
            Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
            ip("link", "set", name, "up", "promisc", "on")
        yield
    finally:
        assert libc.setns(home, _CLONE_NEWNET) == 0
        os.close(home)


def arrives(packet: bytes) -> bool:
    """Send ``packet`` from the far end; whether the stack of the near end gets it.

    Another follows that nothing drops: once it is there, the first was judged.
    """
    follower = bytes_of(ipv4(GOOD4), UDP(dport=9), b"the one after it")
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL)) as receiver,
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender,
    ):
        receiver.bind((NEAR, _ETH_P_ALL))
        receiver.settimeout(_LONG_S)
        sender.bind((FAR, 0))
        with on_cpus(min(os.sched_getaffinity(0))):  # each processor has a queue of its own
            sender.send(packet)
            sender.send(follower)
        seen = b""
        while not seen.endswith(follower[-16:]):
            seen = receiver.recv(2048)
            if seen.endswith(packet[-16:]):
                return True
    return False


def mark(number: int) -> bytes:
    return b"packet %09d" % number


FRAMES = {
    "ipv4": ([ipv4(BAD4), UDP(dport=9)], Reason.DROP_BLOCK_IPV4),
    "vlan": ([Dot1Q(vlan=30), ipv4(BAD4), UDP(dport=9)], Reason.DROP_BLOCK_IPV4),
    "qinq": ([Dot1AD(vlan=100), Dot1Q(vlan=30), ipv4(BAD4), UDP(dport=9)], Reason.DROP_BLOCK_IPV4),
    "fragment": ([ipv4(BAD4, frag=3, proto=17)], Reason.DROP_BLOCK_IPV4),
    "ipv6": ([ipv6(BAD6), UDP(dport=9)], Reason.DROP_BLOCK_IPV6),
    "vlan-ipv6-extensions": (
        [Dot1Q(vlan=30), ipv6(BAD6), IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt(), UDP(dport=9)],
        Reason.DROP_BLOCK_IPV6,
    ),
    "ipv6-fragment": ([ipv6(BAD6), IPv6ExtHdrFragment(offset=9, nh=17)], Reason.DROP_BLOCK_IPV6),
}


@pytest.mark.parametrize("mode", list(Mode))
def test_a_blocked_packet_is_absent_at_the_receiver_and_passes_unblocked(
    firewall: Firewall, wire: None, mode: Mode
) -> None:
    attachment = firewall.bpf.attach(NEAR, mode)
    assert (attachment.mode, attachment.program_id) == (mode, firewall.program.id)
    for number, (layers, reason) in enumerate(FRAMES.values()):
        packet = bytes_of(*layers, mark(number))
        firewall.bpf.blocklist_replace(BLOCKED, [])
        before = firewall.bpf.counters()[reason].packets
        assert not arrives(packet)
        assert firewall.bpf.counters()[reason].packets == before + 1
        firewall.bpf.blocklist_replace([], [])
        assert arrives(packet), layers
        assert firewall.bpf.counters()[reason].packets == before + 1
    assert firewall.bpf.detach(NEAR)
    assert not firewall.bpf.detach(NEAR)


def test_the_kernel_is_asked_what_runs_where(firewall: Firewall, wire: None) -> None:
    assert firewall.bpf.attachments() == ()
    attachment = firewall.bpf.attach(NEAR)
    assert (attachment.ifname, attachment.mode, attachment.reason) == (NEAR, Mode.NATIVE, "")
    assert firewall.bpf.attachments() == (attachment,)
    assert firewall.bpf.attach(NEAR) == attachment
    firewall.bpf.detach(NEAR)
    assert firewall.bpf.attachments() == ()


def test_where_native_is_refused_generic_runs_and_the_reason_is_told(firewall: Firewall, wire: None) -> None:
    """The loopback has no native XDP."""
    attachment = firewall.bpf.attach("lo")
    assert attachment.mode is Mode.GENERIC
    assert "the driver refused native XDP" in attachment.reason
    assert "does not support XDP in native mode" in attachment.reason, "the kernel's own words"
    assert firewall.bpf.attachments() == (attachment,)


def test_a_strangers_program_is_left_alone(firewall: Firewall, wire: None, compiled: Path) -> None:
    with Object(compiled) as other:
        other.load()
        with other.program(PROGRAM) as stranger:
            bpf_attach.attach(NEAR, stranger)
            with pytest.raises(KernelError, match="already runs another XDP program"):
                firewall.bpf.attach(NEAR)
            with pytest.raises(KernelError, match="already runs another XDP program"):
                firewall.bpf.detach(NEAR)
            present = bpf_attach.query(NEAR)
            assert present is not None
            assert present.program_id == stranger.id
            assert firewall.bpf.attachments() == ()
            assert bpf_attach.detach(NEAR, stranger)
    assert firewall.bpf.attach(NEAR).mode is Mode.NATIVE


def test_loading_again_replaces_the_running_program_and_keeps_the_maps(
    firewall: Firewall, wire: None, compiled: Path
) -> None:
    firewall.bpf.attach(NEAR)
    firewall.bpf.block(ip_network(f"{BAD4}/32"))
    old = firewall.program.id
    assert load(compiled, firewall.pins, Settings(sample_every=7)) == [NEAR]
    with Program.pinned(firewall.pins / PROGRAM) as program:
        assert program.id != old
        present = bpf_attach.query(NEAR)
        assert present is not None
        assert (present.program_id, present.mode) == (program.id, Mode.NATIVE)
    packet = bytes_of(ipv4(BAD4), UDP(dport=9), mark(1))
    assert not arrives(packet)
    for daemon in (firewall.bpf, Bpf(firewall.pins)):
        assert [each.ifname for each in daemon.attachments()] == [NEAR]
    firewall.bpf.blocklist_replace([], [])
    assert arrives(packet)
    assert firewall.bpf.detach(NEAR)


def test_an_interface_that_is_not_there_is_named(firewall: Firewall) -> None:
    with pytest.raises(KernelError, match="there is no interface xdp-none"):
        firewall.bpf.attach("xdp-none")
