# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole router as it is on the device, but for systemd: real daemon, servers, units helper and DHCP client.

Its network cards are ``eth0`` (the factory's LAN), ``eth1`` (WAN) and ``eth2`` (without a role); a neighbour
in a namespace of its own hangs on each.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patronus.client import Client
from patronus.kernel.host import Places
from tests.netns.daemon.keeper import SHOWN, USER
from tests.netns.daemon.provider import Provider
from tests.netns.lab import Namespace, connect
from tests.netns.services.network import Server

CHECKOUT = Path(__file__).parents[3]
LONG_S = 120.0
"""A limit for what takes a second: machines differ, and several may share one."""
UNIT = CHECKOUT / "rootfs/usr/lib/systemd/system/patronusd.service"
RESOLV = "nameserver 192.168.1.1\n"
_COUNTERS = re.compile(r"counter packets \d+ bytes \d+")
_EXPIRES = re.compile(r" expires \S+")


def eventually(found: Callable[[], Any], what: str) -> Any:
    """Return the first true answer; fail when there is none for long."""
    end = time.monotonic() + LONG_S
    while time.monotonic() < end:
        if answer := found():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come about")


def listens(path: Path) -> bool:
    """Whether somebody listens at the socket; its file is there a moment before."""
    with socket.socket(socket.AF_UNIX) as end:
        return end.connect_ex(str(path)) == 0


def as_unit(unit: Path = UNIT) -> list[str]:
    """Return what runs a command with the user, groups and capabilities of one of the image's units."""
    given = next(line for line in unit.read_text().splitlines() if line.startswith("AmbientCapabilities="))
    words = given.partition("=")[2].lower().split()
    kept = ",".join(f"+{word.removeprefix('cap_')}" for word in words)
    options = [f"--inh-caps=-all,{kept}", f"--ambient-caps=-all,{kept}", f"--bounding-set=-all,{kept}"]
    groups = ["--regid", USER, "--clear-groups", "--reuid", USER, "--no-new-privs"]
    return ["setpriv", "--pdeathsig", "KILL", *groups, *options]


def unit_environment() -> dict[str, str]:
    """Return the variables that the image's unit sets."""
    lines = UNIT.read_text().splitlines()
    given = (line.partition("=")[2] for line in lines if line.startswith("Environment="))
    return {name: value for name, _, value in (one.partition("=") for one in given)}


@dataclass(frozen=True)
class Said:
    """What a run of the command line came to."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return the output, read."""
        return json.loads(self.out)


class Machine:
    """The router and its neighbours. ``credentials``: name → bytes, as the owner gave them."""

    def __init__(self, credentials: Mapping[str, bytes] | None = None) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="patronus-", dir="/run"))
        self.root.chmod(0o755)
        self.places = Places.below(self.root)
        self.log = self.root / "daemon.log"
        self.router, self.lan, self.wan, self.dmz = (Namespace() for _ in range(4))
        for name, neighbour, device in (
            ("eth0", self.lan, "eth0"), ("eth1", self.wan, "isp"), ("eth2", self.dmz, "eth0"),
        ):  # fmt: skip
            connect(self.router, name, neighbour, device)
        self._folders(credentials or {})
        self.provider = Provider(self.wan, self.root)
        self._keeper = self._keep()
        nowhere = Namespace()
        self.servers = [
            Server("dhcp", nowhere, self.root / "run", USER),
            Server("dns", self.router, self.root / "run", USER),
        ]
        nowhere.close()
        self.daemon: subprocess.Popen[bytes] | None = None
        self.program = "patronus.daemon"

    def _folders(self, credentials: Mapping[str, bytes]) -> None:
        run = self.places.run
        for folder in (run, self.places.config, self.places.log, self.places.state):
            folder.mkdir(parents=True, exist_ok=True)
            shutil.chown(folder, USER, USER)
        for name in ("patronus-units", "patronus-web"):
            run.with_name(name).mkdir()
            shutil.chown(run.with_name(name), USER, USER)
        for name in SHOWN:
            (self.root / name).mkdir(parents=True)
            shutil.chown(self.root / name, USER)
        (self.root / "credentials").mkdir()
        (self.root / "resolv.conf").write_text(RESOLV)
        for name, text in credentials.items():
            (self.root / "credentials" / name).write_bytes(text)

    def _keep(self) -> subprocess.Popen[str]:
        command = [
            "setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--uts", sys.executable, "-m",
            "tests.netns.daemon.keeper", str(self.root),
        ]  # fmt: skip
        with self.router:
            keeper = subprocess.Popen(
                command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == "ready\n"
        return keeper

    def _inside(self, *command: str) -> list[str]:
        """Return the command line that runs in the router's mount and host-name namespaces."""
        it = Path("/proc") / str(self._keeper.pid)
        entering = ["nsenter", f"--mount={it}/ns/mnt", f"--uts={it}/ns/uts", f"--root={it}/root"]
        return ["setpriv", "--pdeathsig", "KILL", *entering, f"--wd={it}/cwd", *command]

    def own_sysfs(self) -> None:
        """Show the router its own cards below /sys, not those of the machine that the tests run on."""
        with self.router:
            subprocess.run(self._inside("mount", "-t", "sysfs", "none", "/sys"), check=True)

    def launch(self) -> subprocess.Popen[bytes]:
        """Start patronusd and return at once."""
        credentials = {"CREDENTIALS_DIRECTORY": str(self.root / "credentials")}
        environment = {**os.environ, **unit_environment(), **credentials}
        command = [*as_unit(), sys.executable, "-m", self.program, "--root", str(self.root)]
        (self.places.run / "patronus.sock").unlink(missing_ok=True)
        with self.router, self.log.open("ab") as log:
            self.daemon = subprocess.Popen(
                self._inside(*command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )
        return self.daemon

    def start(self) -> None:
        """Start patronusd and wait until it serves."""
        process = self.launch()
        path = self.places.run / "patronus.sock"
        eventually(lambda: listens(path) or process.poll() is not None, "the daemon's socket")
        assert process.poll() is None, self.said()

    def kill(self) -> None:
        """End patronusd at once, without a chance to tidy up."""
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()

    def stop(self) -> int:
        """Ask patronusd to end and return its status."""
        assert self.daemon is not None
        self.daemon.terminate()
        return self.daemon.wait(LONG_S)

    def said(self) -> str:
        """Return the daemon's log."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def client(self) -> Client:
        """Return a connection to the daemon, as root."""
        return Client(self.places.run / "patronus.sock")

    def call(self, verb: str, **parameters: Any) -> dict[str, Any]:
        """Call one verb as root."""
        with self.client() as client:
            return client.call(verb, parameters)

    def command_line(self, *arguments: str) -> list[str]:
        """Return how a user runs ``patronus``."""
        path = self.places.run / "patronus.sock"
        return [sys.executable, "-m", "patronus.cli", "--socket", str(path), *arguments]

    def patronus(self, *arguments: str, user: int = 0) -> Said:
        """Run ``patronus`` with these arguments as a user of the router."""
        done = subprocess.run(
            self.command_line(*arguments), cwd=CHECKOUT, capture_output=True, text=True, check=False,
            timeout=LONG_S, user=user, stdin=subprocess.DEVNULL, env={**os.environ, "COLUMNS": "200"},
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def listening(self) -> Iterator[Callable[[], str]]:
        """Run ``patronus events``, and lend what returns all that it has printed."""
        path = self.root / "events"
        with path.open("wb") as out:
            process = subprocess.Popen(self.command_line("--json", "events"), cwd=CHECKOUT, stdout=out)
        try:
            yield path.read_text
        finally:
            process.kill()
            process.wait()

    def ruleset(self) -> str:
        """Return what nftables has, but for counters and the time that is left of what ends."""
        text = self.router.run("nft", "list", "ruleset")
        return _EXPIRES.sub("", _COUNTERS.sub("counter", text))

    def file(self, name: str) -> Path:
        """Return a file of the working copy."""
        return self.places.config / name

    def doctor(self) -> list[dict[str, str]]:
        """Return how the kernel differs from the plan."""
        found: list[dict[str, str]] = self.call("config.Doctor")["differences"]
        return found

    def uplinked(self) -> str:
        """Wait until the WAN has its address, and return it."""

        def address() -> str | None:
            words = self.router.ip("-4 -o address show dev eth1").split()
            return words[words.index("inet") + 1].partition("/")[0] if "inet" in words else None

        found: str = eventually(address, "the WAN's address")
        eventually(lambda: "default" in self.router.ip("route show dev eth1"), "the default route")
        eventually(lambda: found in self.ruleset(), "the WAN's address in the firewall's plan")
        return found

    def lease(self, *options: str, namespace: Namespace | None = None) -> str:
        """Get a LAN client its address with dhcpcd, which sets address and route; return the address."""
        there = namespace or self.lan
        there.ip("-4 address flush dev eth0")
        command = ["timeout", "-k", "1", "60", "unshare", "--mount", "sh", "-c"]
        command += [
            'mount -t tmpfs none /var/lib/dhcpcd && mount -t tmpfs none /run && exec dhcpcd "$@"',
            "sh",
        ]
        command += ["-4", "-1", "-B", "-A", "-L", "--nodelay", "-c", "/bin/true", *options, "eth0"]
        with there:
            subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
        words = there.ip("-4 -o address show dev eth0").split()
        return words[words.index("inet") + 1].partition("/")[0] if "inet" in words else ""

    def page(self, url: str = "http://www.example/") -> str:
        """Fetch a page from the LAN with curl, names resolved by the router; nothing where that fails."""
        script = "touch /etc/resolv.conf && "
        script += f'mount --bind {self.root}/resolv.conf /etc/resolv.conf && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", script, "sh", "curl", "-s", "--max-time", "2", url]
        with self.lan:
            found = subprocess.run(command, capture_output=True, text=True, check=False)
        return found.stdout

    def close(self) -> None:
        """End everything; the servers and the daemon must end well."""
        codes = [self.stop()] if self.daemon is not None and self.daemon.poll() is None else []
        codes += [server.stop() for server in self.servers]
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        self._keeper.wait(LONG_S)
        self.provider.close()
        for namespace in (self.router, self.lan, self.wan, self.dmz):
            namespace.close()
        shutil.rmtree(self.root)
        assert set(codes) <= {0}


def heard(machine: Machine, printed: Callable[[], str]) -> None:
    """Make changes until the stream of events shows one: from then on it misses nothing."""
    names = itertools.count()

    def changed() -> bool:
        machine.call("firewall.Block", prefix=f"198.51.100.{next(names) % 250}")
        return "config-changed" in printed()

    eventually(changed, "the stream")
