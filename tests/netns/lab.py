# SPDX-License-Identifier: GPL-2.0-or-later
"""A router and its neighbours as network namespaces, with real packets between them; nothing leaves them.

A namespace lives as long as its descriptor. ``with namespace:`` moves this thread into it; a socket made
there stays there. Processes started inside inherit it.
"""

from __future__ import annotations

import errno
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

_OWN = "/proc/thread-self/ns/net"
LONG_S = 60.0
"""A limit for what comes at once: machines differ, and several may share one."""
QUIET_S = 0.05
"""How long the silence lasts that proves that a packet was dropped, once all packets are through."""
_ROUNDS = 16
"""As many queues as a first packet, what finds its neighbours, and its answer go through, and some more."""


if sys.version_info >= (3, 12):

    def _enter_new() -> None:
        """Move this thread into a network namespace of its own, unshare(2)."""
        os.unshare(os.CLONE_NEWNET)

    def _enter(descriptor: int) -> None:
        """Move this thread into a network namespace, setns(2)."""
        os.setns(descriptor, os.CLONE_NEWNET)

else:

    def _enter_new() -> None:
        """Refuse: these tests run in the test tree, whose Python can do it."""
        raise RuntimeError("os.unshare is new in Python 3.12")

    def _enter(descriptor: int) -> None:
        """Refuse likewise."""
        raise RuntimeError(f"cannot enter {descriptor}: os.setns is new in Python 3.12")


class Namespace:
    """One network namespace with its loopback up."""

    def __init__(self) -> None:
        found: list[int] = []

        def make() -> None:
            _enter_new()
            found.append(os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        self.descriptor = found[0]
        self._before: list[int] = []
        self.ip("link set lo up")
        self.sysctl("net.ipv6.conf.default.accept_dad", "0")  # a new address is used at once

    def __enter__(self) -> Namespace:
        self._before.append(os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC))
        _enter(self.descriptor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        before = self._before.pop()
        _enter(before)
        os.close(before)

    def run(self, *command: str) -> str:
        """Run a command inside and return what it says; it must succeed."""
        with self:
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def ip(self, command: str) -> str:
        """Run ip(8)."""
        return self.run("ip", *command.split())

    def sysctl(self, name: str, value: str) -> None:
        """Change a setting of this namespace."""
        with self:
            Path("/proc/sys", name.replace(".", "/")).write_text(value)

    def socket(self, version: int, kind: socket.SocketKind) -> socket.socket:
        """Return a socket that stays in this namespace."""
        with self:
            found = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, kind)
        found.settimeout(LONG_S)
        return found

    def close(self) -> None:
        """Let go; the kernel ends it with its last user."""
        os.close(self.descriptor)


def settle() -> None:
    """Return when all packets that were sent are through, however busy the machine is.

    A veth pair puts what it is given into the queue of the processor that it runs on, which is emptied in
    order: mostly within the call that sends, else when the kernel's thread has its turn. A datagram that
    comes back over the loopback was behind all others, and so often that each has passed all its devices.
    """
    before = os.sched_getaffinity(0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as marker:
        marker.settimeout(LONG_S)
        marker.bind(("127.0.0.1", 0))
        marker.connect(marker.getsockname())
        for cpu in before:
            os.sched_setaffinity(0, (cpu,))
            for _ in range(_ROUNDS):
                marker.send(b"")
                marker.recv(1)
    os.sched_setaffinity(0, before)


def connecting(outbox: socket.socket, to: str, port: int) -> int:
    """Connect a TCP socket; return zero, or the error's number: ETIMEDOUT where nobody answers at once."""
    outbox.setblocking(False)
    failure = outbox.connect_ex((to, port))
    if failure == errno.EINPROGRESS:
        settle()
        there = select.select([], [outbox], [], QUIET_S)[1]
        failure = outbox.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if there else errno.ETIMEDOUT
    outbox.settimeout(LONG_S)
    return failure


def silent(end: socket.socket) -> bool:
    """Return whether nothing comes to an end of a connection."""
    settle()
    end.settimeout(QUIET_S)
    try:
        return not end.recv(100)
    except TimeoutError:
        return True


def say_urgency(outbox: socket.socket, dscp: int) -> None:
    """Give what a socket sends a class of service; the other two bits of the byte are ECN's."""
    if outbox.family == socket.AF_INET:
        outbox.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
    else:
        outbox.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)


def connect(left: Namespace, left_name: str, right: Namespace, right_name: str) -> None:
    """Join two namespaces by a pair of devices, both up."""
    peer = f"/proc/{os.getpid()}/fd/{right.descriptor}"
    left.ip(f"link add {left_name} type veth peer name {right_name} netns {peer}")
    left.ip(f"link set {left_name} up")
    right.ip(f"link set {right_name} up")


@dataclass
class Host:
    """A neighbour of the router: its namespace and its first address of each family."""

    namespace: Namespace
    ipv4: str
    ipv6: str

    def address(self, version: int) -> str:
        """Return its address of a family."""
        return self.ipv4 if version == 4 else self.ipv6

    def udp(self, to: str, port: int, listener: Host, *, source: str | None = None) -> bool:
        """Send a datagram to ``to`` and return whether it comes out at the listener."""
        version = 6 if ":" in to else 4
        payload = os.urandom(16)
        with listener.namespace.socket(version, socket.SOCK_DGRAM) as inbox:
            inbox.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            inbox.bind((listener.address(version), port))
            with self.namespace.socket(version, socket.SOCK_DGRAM) as outbox:
                outbox.bind((source or self.address(version), 0))
                try:
                    outbox.sendto(payload, (to, port))
                    settle()
                    inbox.settimeout(QUIET_S)
                    while inbox.recv(100) != payload:
                        continue
                except OSError:
                    return False
        return True

    def stream(self, to: str, port: int, source: str | None = None) -> socket.socket:
        """Return a connected TCP socket. Raises OSError: refused at once, or in vain for a while."""
        version = 6 if ":" in to else 4
        outbox = self.namespace.socket(version, socket.SOCK_STREAM)
        outbox.bind((source or self.address(version), 0))
        if failure := connecting(outbox, to, port):
            outbox.close()
            raise OSError(failure, os.strerror(failure))
        return outbox

    def reaches(self, to: str, port: int, source: str | None = None) -> bool:
        """Return whether a TCP connection comes about."""
        try:
            self.stream(to, port, source).close()
        except OSError:
            return False
        return True

    @contextmanager
    def serving(self, port: int, version: int = 4) -> Iterator[Server]:
        """Answer TCP connections on a port: each gets its client's address, then its own words back."""
        server = Server(self.namespace.socket(version, socket.SOCK_STREAM), self.address(version), port)
        try:
            yield server
        finally:
            server.close()


class Server:
    """A TCP server in a thread."""

    def __init__(self, listener: socket.socket, address: str, port: int) -> None:
        self._listener = listener
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((address, port))
        self._listener.listen()
        self._listener.settimeout(None)
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, where = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            client.settimeout(None)
            threading.Thread(target=self._echo, args=(client, where[0]), daemon=True).start()

    def _echo(self, client: socket.socket, where: str) -> None:
        try:
            client.sendall(f"{where}\n".encode())
            while data := client.recv(4096):
                client.sendall(data)
        except OSError:
            return

    def close(self) -> None:
        """Stop serving."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._open:
            client.close()
        self._thread.join()


def _link(namespace: Namespace, name: str) -> dict[str, Any]:
    """Return what ip(8) says of a device and its addresses."""
    found: dict[str, Any] = json.loads(namespace.ip(f"-json address show {name}"))[0]
    return found


def _introduce(namespace: Namespace, device: str, address: str, mac: str) -> None:
    namespace.ip(f"neigh replace {address} lladdr {mac} dev {device} nud permanent")


class Lab:
    """A router with three neighbours: ``wan``, ``lan`` and ``guest``; its devices have the same names.

    The router has the first address of each network (wan: the second), the neighbour another. Neighbours
    inside route by the router; wan knows no way back, so that translation shows.
    """

    NETWORKS = (
        ("wan", "198.51.100.2/24", "2001:db8:1::2/64", "198.51.100.9", "2001:db8:1::9"),
        ("lan", "192.168.1.1/24", "fd00:1::1/64", "192.168.1.30", "fd00:1::30"),
        ("guest", "10.10.0.1/24", "fd00:2::1/64", "10.10.0.50", "fd00:2::50"),
    )

    def __init__(self) -> None:
        self.router = Namespace()
        self.hosts: dict[str, Host] = {}
        for name, ipv4, ipv6, host4, host6 in self.NETWORKS:
            self.hosts[name] = self._neighbour(name, ipv4, ipv6, host4, host6)

    def _neighbour(self, name: str, ipv4: str, ipv6: str, host4: str, host6: str) -> Host:
        there = Namespace()
        connect(self.router, name, there, "eth0")
        self.router.ip(f"address add {ipv4} dev {name}")
        self.router.ip(f"-6 address add {ipv6} dev {name} nodad")
        there.ip(f"address add {host4}/24 dev eth0")
        there.ip(f"-6 address add {host6}/64 dev eth0 nodad")
        there.ip(f"route add default via {ipv4.partition('/')[0]}")
        there.ip(f"-6 route add default via {ipv6.partition('/')[0]}")
        return Host(there, host4, host6)

    @property
    def wan(self) -> Host:
        """Return the neighbour outside."""
        return self.hosts["wan"]

    @property
    def lan(self) -> Host:
        """Return the neighbour inside."""
        return self.hosts["lan"]

    @property
    def guest(self) -> Host:
        """Return the neighbour on the guests' network."""
        return self.hosts["guest"]

    def more_addresses(self, name: str, *addresses: str) -> None:
        """Give a neighbour more addresses."""
        for address in addresses:
            at_once = " nodad" if ":" in address else ""
            self.hosts[name].namespace.ip(f"address add {address} dev eth0{at_once}")

    def acquaint(self) -> None:
        """Tell everybody where everybody is: on a busy machine the answer to a question may come too late."""
        for name, ipv4, ipv6, _, _ in self.NETWORKS:
            there = self.hosts[name].namespace
            at_home, inside = _link(self.router, name), _link(there, "eth0")
            for address in (ipv4, ipv6):
                _introduce(there, "eth0", address.partition("/")[0], at_home["address"])
            for found in inside["addr_info"]:
                _introduce(self.router, name, found["local"], inside["address"])

    def close(self) -> None:
        """End all namespaces."""
        for host in self.hosts.values():
            host.namespace.close()
        self.router.close()
