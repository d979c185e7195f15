# SPDX-License-Identifier: GPL-2.0-or-later
"""A network namespace that plays one machine, without a name that others could see.

It lives as long as its holder, a process that reads from a pipe of ours: when the harness ends, however it
ends, the pipe closes, and the namespace, its links and every process in it are gone. It has its own mounts
(fresh ``/proc``, ``/sys``, ``/run``, ``/var/lib``, an overlay over ``/etc``), so that DHCP clients and
resolvers work on files of their own. Needs root and Linux.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from qemu.errors import CommandFailed, HarnessError, Timeout

T = TypeVar("T")
_CLONE_NEWNET = 0x40000000
_FURNISH = """
set -e
mount --make-rprivate /
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mkdir /run/etc /run/work /run/lib
mount -t overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/work overlay /etc
cp -a --no-preserve=all /var/lib/misc /run/lib 2>/dev/null || mkdir -p /run/lib/misc
mkdir -p /run/lib/dhcpcd
mount --bind /run/lib /var/lib
: >/etc/resolv.conf
ip link set lo up
sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
echo furnished
exec cat >/dev/null
"""


class Namespace:
    """One machine's network, seen from outside."""

    def __init__(self, name: str) -> None:
        self.name = name
        argv = ["unshare", "--net", "--mount", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc"]
        self._holder = subprocess.Popen(
            [*argv, "bash", "-c", _FURNISH], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"furnished\n":
            raise HarnessError(f"the namespace {name} could not be made: needs root, unshare, mount and ip")
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children")
        self.pid = int(children.read_text().split()[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the namespace and all that runs in it."""
        self._holder.kill()
        with self._holder:
            pass

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return the command that runs ``argv`` inside."""
        enter = ["nsenter", f"--target={self.pid}", "--net", "--mount", "--pid", "--uts", "--root", "--wd=/"]
        return [*enter, "--", *argv]

    def execute(self, argv: Sequence[str], *, timeout_s: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, whatever that is."""
        try:
            return subprocess.run(
                self.command(argv), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                timeout=timeout_s,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise Timeout(f"{self.name}: `{' '.join(argv)}` ran for over {timeout_s:.0f} s") from error

    def succeed(self, argv: Sequence[str], *, timeout_s: float = 30.0) -> str:
        """Run a command that must end with 0; return its output."""
        done = self.execute(argv, timeout_s=timeout_s)
        if done.returncode != 0:
            raise CommandFailed(self.name, " ".join(argv), done.returncode, done.stdout, done.stderr)
        return done.stdout

    def fail(self, argv: Sequence[str], *, timeout_s: float = 30.0) -> str:
        """Run a command that must not end with 0; return both its streams."""
        done = self.execute(argv, timeout_s=timeout_s)
        if done.returncode == 0:
            raise CommandFailed(self.name, f"{' '.join(argv)} (should fail)", 0, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def start(self, argv: Sequence[str], *, log: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a process in the background; it ends with the namespace at the latest."""
        output = log.open("ab") if log else None
        process = subprocess.Popen(
            self.command(argv), stdin=subprocess.DEVNULL, stdout=output or subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        if output:
            output.close()
        return process

    def inside(self, work: Callable[[], T]) -> T:
        """Call ``work`` in a thread that is in this network; a socket that it opens stays in it."""

        def run() -> T:
            self._enter_network()
            return work()

        with ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"in-{self.name}") as thread:
            return thread.submit(run).result()

    def connect(self, link: str, other: Namespace, other_link: str) -> None:
        """Lay a wire (a veth pair) from here to the other namespace."""
        enter = ["nsenter", f"--target={self.pid}", "--net", "--"]  # the caller's view of process ids
        peer = ["peer", "name", other_link, "netns", str(other.pid)]
        subprocess.run([*enter, "ip", "link", "add", link, "type", "veth", *peer], check=True)

    def _enter_network(self) -> None:
        """Move the calling thread, and it alone (setns(2)), into this network."""
        libc = ctypes.CDLL(None, use_errno=True)
        place = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if libc.setns(place, _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"entering the network of {self.name}")
        finally:
            os.close(place)
