# SPDX-License-Identifier: GPL-2.0-or-later
"""chronyd as patronusd tells it to be: asks its server, and gives the time to hosts once it knows it.

No clock is moved (``-x``). The host that asks is chronyd as well, once (``-Q``): it prints what it would do.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from patronus.daemon.chrony import SOCKET, render
from patronus.daemon.clock_report import TimeSource, Tracking, sources, tracking
from patronus.daemon.time_verbs import ASK
from tests.netns.gitops.server import certificate
from tests.netns.lab import Lab, Namespace

AWAIT_CLOCK = Path(__file__).parents[3] / "rootfs/usr/lib/patronus/await-clock"
LONG_S = 120
UPSTREAM = "allow\nlocal stratum 1\npidfile /\ncmdport 0\nbindcmdaddress /\n"
ONCE = "pidfile /\ncmdport 0\nbindcmdaddress /\n"


@contextmanager
def chronyd(namespace: Namespace, path: Path, text: str) -> Iterator[None]:
    """Run chronyd in the namespace; it leaves the clock alone."""
    path.write_text(text)
    with namespace:
        running = subprocess.Popen(["chronyd", "-n", "-x", "-u", "root", "-f", str(path)])
    try:
        yield
    finally:
        running.terminate()
        running.wait(LONG_S)


def told(servers: tuple[str, ...], folder: Path, *, serves: bool, nts: bool = False) -> str:
    """Return our configuration with its files in a folder of the test."""
    text = render(servers, serves=serves, nts=nts).replace(SOCKET, str(folder / "chronyd.sock"))
    return text.replace("/var/lib/patronus-ntp", str(folder))


def sets_its_clock(lab: Lab, folder: Path) -> bool:
    """Let a host of the LAN ask the router once; return whether it would follow."""
    path = folder / "host.conf"
    path.write_text(f"server 192.168.1.1 iburst maxsamples 1\n{ONCE}")
    with lab.lan.namespace:
        done = subprocess.run(
            ["chronyd", "-Q", "-x", "-u", "root", "-t", "3", "-f", str(path)],
            check=False, capture_output=True, text=True, timeout=LONG_S,
        )  # fmt: skip
    return done.returncode == 0 and "System clock wrong by" in done.stdout + done.stderr


def eventually(found: Callable[[], bool]) -> bool:
    """Ask until it is so, or for long."""
    end = time.monotonic() + LONG_S
    while not found():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def asked(lab: Lab) -> tuple[list[TimeSource], Tracking | None]:
    """Ask the router's chronyd how it is, as patronusd does."""
    return sources(lab.router.run(*ASK, "sources")), tracking(lab.router.run(*ASK, "tracking"))


def is_set(folder: Path) -> bool:
    """Wait as the unit beside chronyd does, which is started again where chronyd was not there yet."""
    waiting, control, stamp = str(AWAIT_CLOCK), str(folder / "chronyd.sock"), folder / "synchronised"
    eventually(
        lambda: subprocess.run([waiting, control, str(stamp)], check=False, timeout=LONG_S).returncode == 0
    )
    return stamp.exists()


def test_hosts_follow_the_router_once_its_own_server_has_answered(lab: Lab, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "run").mkdir(mode=0o700)
    with ExitStack() as stack:
        text = told(("198.51.100.9",), tmp_path / "run", serves=True)
        stack.enter_context(chronyd(lab.router, tmp_path / "router.conf", text))
        assert not sets_its_clock(lab, tmp_path), "a router that does not know the time is followed"
        stack.enter_context(chronyd(lab.wan.namespace, tmp_path / "upstream.conf", UPSTREAM))
        assert eventually(lambda: sets_its_clock(lab, tmp_path))
        assert is_set(tmp_path / "run")
        (server,), seen = asked(lab)
        assert (server.name, server.state, server.stratum) == ("198.51.100.9", "chosen", 1)
        assert server.reached > 0 and server.last_s is not None
        assert seen is not None and (seen.source, seen.stratum) == ("198.51.100.9", 2)


def test_where_nobody_is_served_no_port_is_open(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    with (
        chronyd(lab.wan.namespace, tmp_path / "upstream.conf", UPSTREAM),
        chronyd(
            lab.router, tmp_path / "router.conf", told(("198.51.100.9",), tmp_path / "run", serves=False)
        ),
    ):
        assert is_set(tmp_path / "run")
        assert ":123 " not in lab.router.run("ss", "-lunH")
        assert not sets_its_clock(lab, tmp_path)


def test_with_nts_a_server_that_cannot_prove_itself_is_not_heard(lab: Lab, tmp_path: Path) -> None:
    """Two servers, both right; one has a certificate for its address."""
    (tmp_path / "run").mkdir(mode=0o700)
    certificate(tmp_path, host="198.51.100.9")
    lab.more_addresses("wan", "198.51.100.10/24")
    key, shown = tmp_path / "server.key", tmp_path / "server.crt"
    proving = f"{UPSTREAM}bindaddress 198.51.100.9\nntsserverkey {key}\nntsservercert {shown}\n"
    text = told(("198.51.100.9", "198.51.100.10"), tmp_path / "run", serves=False, nts=True)
    with (
        chronyd(lab.wan.namespace, tmp_path / "proving.conf", proving),
        chronyd(lab.wan.namespace, tmp_path / "plain.conf", f"{UPSTREAM}bindaddress 198.51.100.10\n"),
        chronyd(
            lab.router, tmp_path / "router.conf", f"{text}ntstrustedcerts {tmp_path / 'server-ca.crt'}\n"
        ),
    ):
        assert is_set(tmp_path / "run")
        found = {item.name: item for item in asked(lab)[0]}
        assert found["198.51.100.9"].state == "chosen"
        assert (found["198.51.100.10"].state, found["198.51.100.10"].reached) == ("silent", 0)
