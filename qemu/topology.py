# SPDX-License-Identifier: GPL-2.0-or-later
"""The networks around a router, declared in a few lines.

::

    with Topology() as net:
        wan, lan = net.segment("wan"), net.segment("lan")
        server = wan.host("server", "203.0.113.1/24")
        client = lan.host("client")
        machine = Machine(image, nics=(lan.nic(), wan.nic()))

A segment is a cable with as many ends as wanted: a bridge in a namespace of its own. A host is a namespace
with one link, ``eth0``, on a segment. A segment's tap is made inside its namespace and only its file
descriptor leaves it, so that nothing is ever visible in the caller's network.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

from qemu.capture import Capture, packet_socket
from qemu.machine import Nic, Tap
from qemu.namespace import Namespace

_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI, _IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
_TAP, _SPLICE = "tap0", "splice0"


class Topology:
    """All segments and hosts of one experiment."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._macs = (f"52:54:00:00:01:{number:02x}" for number in itertools.count(1))
        self._host_macs = (f"52:54:00:00:02:{number:02x}" for number in itertools.count(1))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def segment(self, name: str) -> Segment:
        """Lay a new cable."""
        return Segment(self, self.namespace(f"segment-{name}"), name)

    def namespace(self, name: str) -> Namespace:
        """Make a namespace that ends with the topology."""
        return self._stack.enter_context(Namespace(name))

    def close_later(self, descriptor: int) -> None:
        """Close the file descriptor with the topology."""
        self._stack.callback(os.close, descriptor)

    def next_mac(self) -> str:
        """Return a locally administered address that no one else here has."""
        return next(self._macs)

    def next_host_mac(self) -> str:
        """Return one for a host: the same in every run, as a router that a snapshot brings back knows it."""
        return next(self._host_macs)


class Segment:
    """A cable: a bridge that carries every frame, tagged or not."""

    def __init__(self, topology: Topology, namespace: Namespace, name: str) -> None:
        self._topology = topology
        self._namespace = namespace
        self._hosts = itertools.count(1)
        self.name = name
        namespace.succeed(
            ["ip", "link", "add", "br0", "type", "bridge", "stp_state", "0", "forward_delay", "0"]
        )
        self._raise("br0")

    def nic(self, *, mac: str | None = None, slot: int | None = None) -> Nic:
        """Put a tap on the cable and return the NIC that holds its other end. One a segment."""
        descriptor = self._namespace.inside(_open_tap)
        self._topology.close_later(descriptor)
        self._join(_TAP)
        return Nic(Tap(descriptor), mac or self._topology.next_mac(), slot)

    def host(self, name: str, *addresses: str, gateway: str | None = None) -> Host:
        """Put a host on the cable, with its addresses (``203.0.113.1/24``) and default routes."""
        namespace = self._topology.namespace(name)
        outer = f"h{next(self._hosts)}"
        self._namespace.connect(outer, namespace, Host.link)
        self._join(outer)
        mac = self._topology.next_host_mac()
        namespace.succeed(["ip", "link", "set", Host.link, "address", mac, "up"])
        for address in addresses:
            namespace.succeed(["ip", "address", "add", address, "dev", Host.link])
        if gateway:
            namespace.succeed(["ip", "route", "add", "default", "via", gateway])
        return Host(namespace)

    @contextmanager
    def spliced(self, other: Segment) -> Iterator[None]:
        """Make one cable of two, from ``with`` until its end."""
        self._namespace.connect(_SPLICE, other._namespace, _SPLICE)
        for segment in (self, other):
            segment._join(_SPLICE)
        try:
            yield
        finally:
            self._namespace.succeed(["ip", "link", "delete", _SPLICE])

    def capture(self) -> Capture:
        """Watch the router's end of the cable."""
        return Capture(self._namespace, _TAP)

    def wire(self) -> socket.socket:
        """Open the router's end of the cable: what is sent on it comes to the router's card as it is."""
        return packet_socket(self._namespace, _TAP)

    def _join(self, link: str) -> None:
        self._namespace.succeed(["ip", "link", "set", link, "master", "br0"])
        self._raise(link)

    def _raise(self, link: str) -> None:
        """Bring a link of the cable up, without an address: the cable itself never speaks."""
        self._namespace.succeed(["sysctl", "-qw", f"net.ipv6.conf.{link}.disable_ipv6=1"])
        self._namespace.succeed(["ip", "link", "set", link, "up"])


class Host:
    """A machine at the end of a cable."""

    link = "eth0"

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.execute, self.succeed, self.fail = namespace.execute, namespace.succeed, namespace.fail
        self.start, self.inside = namespace.start, namespace.inside

    def capture(self) -> Capture:
        """Watch the host's link."""
        return Capture(self.namespace, self.link)

    def addresses(self, family: str = "inet") -> list[str]:
        """Return the host's global addresses of a family (``inet``, ``inet6``), without prefix lengths."""
        said = self.succeed(["ip", "-oneline", "address", "show", "dev", self.link, "scope", "global"])
        rows = [line.split() for line in said.splitlines()]
        return [row[3].partition("/")[0] for row in rows if row[2] == family]

    def mac(self) -> str:
        """Return the address of the host's link."""
        return self.succeed(["cat", f"/sys/class/net/{self.link}/address"]).strip()


def _open_tap() -> int:
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(
        descriptor, _TUNSETIFF, struct.pack("16sH22x", _TAP.encode(), _IFF_TAP | _IFF_NO_PI | _IFF_VNET_HDR)
    )
    return descriptor
