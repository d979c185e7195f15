# SPDX-License-Identifier: GPL-2.0-or-later
"""The clock: set by the servers that are configured, by nobody else, and believed only then."""

import json
import time
from typing import Any

from qemu.internet import ADDRESS
from tests.vm.lab import LAN_ADDRESS, Lab, eventually
from tests.vm.time_server import TimeServer

STAMP = "/run/patronus-clock/synchronised"
UNIT = "patronus-ntp.service"
MAIN_FILE = "/etc/patronus/patronus.toml"
AHEAD_S = 3600.0


def clock(lab: Lab) -> dict[str, Any]:
    """Return what the status says of the clock."""
    found: dict[str, Any] = json.loads(lab.guest.succeed("patronus --json status"))["system"]["time"]
    return found


def ahead_s(lab: Lab) -> float:
    """Return how far the router's clock is before the host's."""
    return int(lab.guest.succeed("date +%s")) - time.time()


def ask(lab: Lab, server: str) -> None:
    """Name a time server in the main file; the file as it was is kept."""
    lab.guest.succeed(f"cp {MAIN_FILE} /run/before.toml")
    lab.guest.succeed(f"printf '\\n[time]\\nservers = [\"{server}\"]\\n' >>{MAIN_FILE}")
    lab.guest.succeed("patronus config commit")


def host_would_set_its_clock(lab: Lab) -> bool:
    """Let a host of the LAN ask the router for the time, once; it would follow an answer that is set."""
    once = [
        "chronyd",
        "-Q",
        "-x",
        "-u",
        "root",
        "-t",
        "20",
        f"server {LAN_ADDRESS} iburst maxsamples 1",
        "pidfile /",
    ]
    return lab.client.execute([*once, "cmdport 0", "bindcmdaddress /"], timeout_s=120).returncode == 0


def test_without_a_server_nobody_is_asked_and_the_clock_is_not_believed(lab: Lab) -> None:
    assert clock(lab) == {"synchronised": False, "servers": [], "serves": []}
    assert "not synchronised" in lab.guest.succeed("patronus status")
    lab.guest.fail(f"test -e {STAMP}")
    lab.guest.fail(f"systemctl is-active {UNIT}")
    lab.guest.succeed(f"systemctl start {UNIT}")  # its condition: no file of ours, no client
    lab.guest.fail(f"systemctl is-active {UNIT}")


def test_a_server_sets_the_clock_once_it_answers_and_is_let_go_with_its_line(lab: Lab) -> None:
    with TimeServer(lab.server, ADDRESS, ahead_s=AHEAD_S) as server:
        ask(lab, ADDRESS)
        eventually(lambda: server.asked, timeout_s=120)
        assert clock(lab) == {"synchronised": False, "servers": [ADDRESS], "serves": []}
        lab.guest.fail(f"test -e {STAMP}")
        assert ahead_s(lab) < AHEAD_S / 2
        server.answers = True
        lab.guest.wait_until_succeeds(f"test -e {STAMP}", timeout_s=240)
        assert clock(lab) == {"synchronised": True, "servers": [ADDRESS], "serves": []}
        assert ahead_s(lab) > AHEAD_S / 2
        assert ":123 " not in lab.guest.succeed("ss -lunH")
        lab.lease()
        assert not host_would_set_its_clock(lab)
        lab.guest.succeed(f"echo 'serve = [\"lan\"]' >>{MAIN_FILE} && patronus config commit")
        lab.guest.wait_until_succeeds(f"test -e {STAMP}", timeout_s=240)
        assert host_would_set_its_clock(lab)
        lab.guest.succeed("patronus doctor")
        lab.guest.succeed(f"cat /run/before.toml >{MAIN_FILE} && patronus config commit")
        lab.guest.fail(f"systemctl is-active {UNIT}")
        assert clock(lab) == {"synchronised": False, "servers": [], "serves": []}
