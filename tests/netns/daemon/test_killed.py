# SPDX-License-Identifier: GPL-2.0-or-later
"""patronusd is killed at any moment: what runs then is a whole generation, and the kernel is like it."""

from __future__ import annotations

import os
import random
import re
import signal
import threading
import time
from socket import SOCK_STREAM

import pytest

from patronus.core.errors import PatronusError, Unavailable
from tests.netns.daemon.machine import LONG_S, Machine, eventually
from tests.netns.daemon.provider import WEB
from tests.netns.lab import Server

RULE = {"name": "waits", "protocol": "udp", "destination_port": 99, "action": "drop"}
SEED = 20261122
ROUNDS = 10
POINTS = 6
"""Points of the walk that kill in an ordinary run."""


def names(machine: Machine) -> list[str]:
    """Return the names of the rules that run."""
    return [item["rule"]["name"] for item in machine.call("firewall.ListRules")["rules"]]


def add(machine: Machine, name: str, confirm_s: float = 0.0) -> int:
    """Add a rule and return the generation."""
    rule = {**RULE, "name": name}
    found: int = machine.call("firewall.AddRule", rule=rule, confirm_s=confirm_s)["generation"]
    return found


def test_past_its_deadline_a_change_is_gone_before_anyone_is_served(fresh: Machine) -> None:
    ruleset = fresh.ruleset()
    add(fresh, "waits", confirm_s=10)
    assert fresh.ruleset() != ruleset
    fresh.kill()
    time.sleep(10)  # the deadline passes while nobody is there
    assert fresh.ruleset() != ruleset
    fresh.start()
    assert names(fresh) == []
    assert fresh.ruleset() == ruleset
    assert fresh.call("config.Pending")["generation"] is None
    assert any("not confirmed in time" in notice for notice in fresh.call("system.Status")["notices"])
    assert fresh.doctor() == []


def test_within_its_deadline_a_change_still_waits_and_can_be_kept(fresh: Machine) -> None:
    number = add(fresh, "waits", confirm_s=60)
    fresh.kill()
    fresh.start()
    assert fresh.call("config.Pending")["generation"] == number
    assert names(fresh) == ["waits"]
    assert fresh.call("config.Confirm") == {"generation": number}
    fresh.kill()
    fresh.start()
    assert names(fresh) == ["waits"]
    assert fresh.call("config.Pending")["generation"] is None


def test_within_its_deadline_and_never_confirmed_it_goes(fresh: Machine) -> None:
    add(fresh, "waits", confirm_s=4)
    fresh.kill()
    fresh.start()
    eventually(lambda: names(fresh) == [], "the end of the change")
    assert fresh.doctor() == []


def test_in_the_middle_of_commits_the_old_or_the_new_generation_is_whole(fresh: Machine) -> None:
    chance = random.Random(SEED)
    for turn in range(ROUNDS):
        before = names(fresh)
        change = threading.Thread(target=_attempt, args=(fresh, f"turn {turn}"))
        change.start()
        time.sleep(chance.uniform(0.0, 0.15))
        fresh.kill()
        change.join()
        fresh.start()
        assert names(fresh) in (before, [*before, f"turn {turn}"])
        assert fresh.doctor() == []
        shown = fresh.call("config.Show")["files"]
        assert {name: fresh.file(name).read_text() for name in shown} == shown
        assert fresh.call("system.Status")["notices"] == []


def test_killed_at_a_named_point_of_the_walk_the_old_or_the_new_generation_is_whole(fresh: Machine) -> None:
    """Every point is passed once and recorded; a sample of them kills, all of them in the soak."""
    fresh.kill()
    fresh.program = "tests.netns.daemon.fatal"
    fresh.start()
    add(fresh, "first")
    armed, passed = fresh.root / "armed", fresh.root / "points"
    passed.touch()
    passed.chmod(0o666)  # the daemon's user writes it
    armed.write_text("0")
    add(fresh, "recorded")
    armed.unlink()
    points = passed.read_text().splitlines()
    assert len(points) > 30
    assert any(point.startswith("step firewall: ") for point in points)
    assert "the walk" in points and "rename .confirmed.tmp" in points
    count = min(int(os.environ.get("PATRONUS_KILL_POINTS", str(POINTS))), len(points))
    chance = random.Random(int(os.environ.get("PATRONUS_SEED", str(SEED))))
    for number in sorted(chance.sample(range(1, len(points) + 1), count)):
        _killed_at(fresh, number, points[number - 1])


def _killed_at(machine: Machine, number: int, point: str) -> None:
    before, armed = names(machine), machine.root / "armed"
    armed.write_text(str(number))
    with pytest.raises(Unavailable):
        add(machine, f"killed at {number}")
    assert machine.daemon is not None
    assert machine.daemon.wait(LONG_S) == -signal.SIGKILL, point
    armed.unlink()
    machine.start()
    assert names(machine) in (before, [*before, f"killed at {number}"]), point
    assert machine.doctor() == [], point
    shown = machine.call("config.Show")["files"]
    assert {name: machine.file(name).read_text() for name in shown} == shown, point
    assert machine.call("system.Status")["notices"] == [], point


def _attempt(machine: Machine, name: str) -> None:
    try:
        add(machine, name)
    except PatronusError:
        return


def test_a_restart_keeps_connections_and_counters(fresh: Machine) -> None:
    wan = fresh.uplinked()
    fresh.lease()
    fresh.call("firewall.AddRule", rule={**RULE, "name": "count", "action": "allow", "protocol": "tcp",
                                         "destination_port": 7777})  # fmt: skip
    server = Server(fresh.wan.socket(4, SOCK_STREAM), WEB, 7777)
    with fresh.lan.socket(4, SOCK_STREAM) as client:
        client.settimeout(LONG_S)
        client.connect((WEB, 7777))
        assert client.recv(100) == f"{wan}\n".encode()
        counted = _packets(fresh)
        assert counted > 0
        fresh.kill()
        client.sendall(b"nobody is there")
        assert client.recv(100) == b"nobody is there"
        fresh.start()
        client.sendall(b"and back")
        assert client.recv(100) == b"and back"
        assert _packets(fresh) >= counted
        assert fresh.stop() == 0
        fresh.start()
        client.sendall(b"again")
        assert client.recv(100) == b"again"
    server.close()


def _packets(machine: Machine) -> int:
    (rule,) = machine.call("firewall.ListRules")["rules"]
    text = machine.router.run("nft", "list", "counters", "table", "inet", "patronus")
    assert re.search(r"packets [1-9]", text)
    found: int = rule["packets"]
    return found
