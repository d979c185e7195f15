# SPDX-License-Identifier: GPL-2.0-or-later
"""avahi as patronusd tells it to be, without a single capability, between the LAN and the guests.

The hosts are sockets that say and hear what RFC 6762 has on the wire.
"""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dnslib
import pytest

from patronus.network.mdns.plan import PORT, render
from tests.netns.lab import Host, Lab
from tests.netns.services.network import wait_for

GROUP, JOINED = "224.0.0.251", "FB0000E0"
LONG_S = 60.0
USER = "avahi"
CONFINED = (
    "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--bounding-set=-all",
    "--inh-caps=-all", "--no-new-privs",
)  # fmt: skip
ALONE = "--no-drop-root --no-chroot --no-rlimits -f"


@contextmanager
def repeating(lab: Lab, path: Path, *only: str) -> Iterator[None]:
    """Run avahi on the router as its unit does."""
    path.write_text(render(["lan", "guest"], only))
    run = Path("/run/avahi-daemon")
    run.mkdir(exist_ok=True)
    shutil.chown(run, USER, USER)
    for place in path.parents:
        if place.name.startswith(("pytest", "popen", "test_")):
            place.chmod(0o755)
    with lab.router:
        process = subprocess.Popen([*CONFINED, "avahi-daemon", *ALONE.split(), str(path)])
    try:
        wait_for(lambda: lab.router.run("cat", "/proc/net/igmp").count(JOINED) == len(("lan", "guest")))
        yield
    finally:
        process.terminate()
        process.wait(LONG_S)


SILENCE_S = 0.25
"""After which a host says again what was not heard."""


@contextmanager
def listening(host: Host) -> Iterator[socket.socket]:
    """Return a socket that says and hears multicast DNS on the host's network."""
    with host.namespace.socket(4, socket.SOCK_DGRAM) as found:
        found.settimeout(SILENCE_S)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(("", PORT))
        member = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(host.ipv4))
        found.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        found.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(host.ipv4))
        found.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        found.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        yield found


def printer(kind: str) -> bytes:
    """Return what a host announces that offers a service of a kind."""
    name = f"desk.{kind}.local"
    record = dnslib.RR(f"{kind}.local", dnslib.QTYPE.PTR, ttl=120, rdata=dnslib.PTR(name))
    return bytes(dnslib.DNSRecord(dnslib.DNSHeader(qr=1, aa=1, id=0), rr=[record]).pack())


def heard(lab: Lab, at: str, *kinds: str) -> set[str]:
    """Let the LAN announce services until the last one is heard elsewhere; return all that were."""
    found: set[str] = set()
    end = time.monotonic() + LONG_S
    with listening(lab.lan) as mouth, listening(lab.hosts[at]) as ear:
        while f"{kinds[-1]}.local." not in found and time.monotonic() < end:
            for kind in kinds:
                mouth.sendto(printer(kind), (GROUP, PORT))
            try:
                while True:
                    found |= {str(item.rname) for item in dnslib.DNSRecord.parse(ear.recv(4096)).rr}
            except TimeoutError:
                continue
    return found


def test_what_one_network_says_the_other_hears_and_no_third(lab: Lab, tmp_path: Path) -> None:
    with repeating(lab, tmp_path / "avahi.conf"), listening(lab.wan) as outside:
        assert heard(lab, "guest", "_ipp._tcp") == {"_ipp._tcp.local."}
        with pytest.raises(TimeoutError):
            outside.recv(4096)


def test_only_the_kinds_that_are_named_are_repeated(lab: Lab, tmp_path: Path) -> None:
    with repeating(lab, tmp_path / "avahi.conf", "_ipp._tcp"):
        assert heard(lab, "guest", "_ssh._tcp", "_ipp._tcp") == {"_ipp._tcp.local."}
