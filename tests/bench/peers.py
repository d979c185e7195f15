# SPDX-License-Identifier: GPL-2.0-or-later
"""Firewall managers of others, with the bench's rules between two devices of a namespace of their own.

Both read their files and replace their whole ruleset when they reload; neither knows another way to change
one rule for good. Run in the test tree, whose folders are in memory and gone with the process.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tests.bench.clock import children_s, worked_s
from tests.netns.lab import LONG_S, Namespace

Rules = Sequence[Mapping[str, Any]]
"""Rules of ``tests.bench.commit``: one source, one protocol, one port or range, allow or drop."""
_VERDICTS = {"allow": "accept", "drop": "drop"}
_ZONES = ("wan", "lan")


class Manager(Protocol):
    """What reads its files and puts their meaning into the kernel."""

    package: str

    def write(self, rules: Rules) -> None:
        """Write its file."""

    def reload(self) -> None:
        """Have the files in the kernel; return when they are."""

    def worked_s(self) -> float:
        """Return the processor time of its programs until now."""

    def listed(self) -> str:
        """Return its ruleset as nft lists it."""

    def close(self) -> None:
        """End what it runs."""


def _between() -> Namespace:
    """Return a namespace with the two devices."""
    found = Namespace()
    found.ip("link add wan type veth peer name lan")
    for name in _ZONES:
        found.ip(f"link set {name} up")
    return found


class Foomuuri:
    """Foomuuri: a program that makes text of its files, which nft reads."""

    package = "foomuuri"
    _FILE = Path("/etc/foomuuri/bench.conf")
    _HEAD = "zone {\n  localhost\n  wan wan\n  lan lan\n}\nwan-lan {\n"

    def __init__(self, rules: Rules) -> None:
        self._namespace = _between()
        for name in ("/var/lib/foomuuri", "/run/foomuuri"):
            Path(name).mkdir(exist_ok=True)
        self.write(rules)
        self.reload()

    def write(self, rules: Rules) -> None:
        """Write its file; the rules count, as ours do."""
        lines = (
            f"  {rule['protocol']} {rule['destination_port'][0]} saddr {rule['source'][0]}"
            f" {_VERDICTS[rule['action']]} counter\n"
            for rule in rules
        )
        self._FILE.write_text(f"{self._HEAD}{''.join(lines)}  drop\n}}\n")

    def reload(self) -> None:
        """Have the files in the kernel."""
        self._namespace.run("foomuuri", "reload")

    def worked_s(self) -> float:
        """Return the processor time of its programs, which are our children."""
        return children_s()

    def listed(self) -> str:
        """Return its ruleset."""
        return self._namespace.run("nft", "list", "ruleset")

    def close(self) -> None:
        """Let go."""
        self._namespace.close()


_NO_REPLY = "Did not receive a reply"
_BUS = """<busconfig>
  <type>system</type>
  <listen>unix:path={path}</listen>
  <policy context="default">
    <allow own="*"/> <allow send_destination="*"/> <allow receive_sender="*"/>
  </policy>
</busconfig>
"""


class Firewalld:
    """firewalld on a bus of its own: a daemon that its client asks to reload."""

    package = "firewalld"
    _FOLDER = Path("/etc/firewalld")

    def __init__(self, rules: Rules, folder: Path) -> None:
        self._namespace = _between()
        for zone in _ZONES:
            text = f'<zone target="DROP"><short>{zone}</short><interface name="{zone}"/></zone>\n'
            (self._FOLDER / "zones" / f"{zone}.xml").write_text(text)
        self.write(rules)
        socket, given = folder / "bus", folder / "bus.conf"
        given.write_text(_BUS.format(path=socket))
        self._environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={socket}"}
        self._bus = self._start("dbus-daemon", f"--config-file={given}", "--nofork")
        _wait(socket.exists, "the bus")
        self._daemon = self._start("firewalld", "--nofork", "--nopid")
        _wait(lambda: self._ask("--state").returncode == 0, "firewalld")

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        command = ["setpriv", "--pdeathsig", "KILL", *words]
        with self._namespace:
            return subprocess.Popen(
                command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )

    def _ask(self, word: str) -> subprocess.CompletedProcess[str]:
        with self._namespace:
            return subprocess.run(
                ["firewall-cmd", word], env=self._environment, capture_output=True, text=True, check=False
            )

    def write(self, rules: Rules) -> None:
        """Write its file: a policy of rich rules, each for a source of its own, so that no order matters."""
        lines = (
            f'<rule family="{"ipv6" if ":" in rule["source"][0] else "ipv4"}">'
            f'<source address="{rule["source"][0]}"/>'
            f'<port port="{rule["destination_port"][0]}" protocol="{rule["protocol"]}"/>'
            f"<{_VERDICTS[rule['action']]}/></rule>\n"
            for rule in rules
        )
        head = '<policy target="CONTINUE"><ingress-zone name="wan"/><egress-zone name="lan"/>\n'
        (self._FOLDER / "policies/bench.xml").write_text(f"{head}{''.join(lines)}</policy>\n")

    def reload(self) -> None:
        """Have the files in the kernel. Raises RuntimeError with what the client says, which waits 25 s."""
        done = self._ask("--reload")
        if _NO_REPLY in done.stderr:
            _wait(lambda: self._ask("--state").returncode == 0, "firewalld's answer")
        elif done.returncode:
            raise RuntimeError(f"firewall-cmd --reload: {done.stderr or done.stdout}")

    def worked_s(self) -> float:
        """Return the processor time of the daemon and of the client."""
        return worked_s(self._daemon.pid) + children_s()

    def listed(self) -> str:
        """Return its ruleset."""
        return self._namespace.run("nft", "list", "ruleset")

    def close(self) -> None:
        """End the daemon and its bus."""
        for process in (self._daemon, self._bus):
            process.terminate()
            process.wait()
        self._namespace.close()


def _wait(there: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + LONG_S
    while not there():
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.1)
