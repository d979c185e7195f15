# SPDX-License-Identifier: GPL-2.0-or-later
"""A thousand broken requests, the same each time: the daemon refuses them, lives, and has learned nothing.

In the soak ten thousand, each time others.
"""

from __future__ import annotations

import json
import os
import random
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.netns.daemon.machine import LONG_S, Machine

SEED, SENSELESS = int(os.environ.get("PATRONUS_SEED", "7")), 0.7
REQUESTS = int(os.environ.get("PATRONUS_REQUESTS", "1000"))
GROWTH_KIB = 64 * 1024
"""What a thousand requests may leave in memory: far less than they carry."""
NOT_CALLED = {"firewall.Trace", "system.Reboot", "system.PowerOff", "system.FactoryReset", "system.Events"}
ENDLESS = "1e999, not in quotes"
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 2**31, 2**63, 2**64, 10**400, 1e308, ENDLESS, "", "x" * 5000, "\x00", "é\u202e",
    "../../etc/shadow", "192.0.2.0/33", "::/0", "%n%s", "$(reboot)", "'; drop table", [], {}, [[[[[]]]]],
    {"a": {"b": {"c": None}}}, [None] * 1000, {"id": {"id": "id"}},
)  # fmt: skip
NOT_JSON: tuple[Any, ...] = (float("nan"), float("inf"), "\ud800", ["\udfff"])


class Breaker:
    """Makes requests, and breaks them in one of many ways."""

    def __init__(self, verbs: list[dict[str, Any]]) -> None:
        self._chance = random.Random(SEED)
        self._verbs = [verb for verb in verbs if verb["name"] not in NOT_CALLED]

    def request(self) -> bytes:
        """Return the bytes of one request."""
        verb = self._chance.choice(self._verbs)
        fields = [*verb["parameters"].get("properties", {}), "session", "origin", "nonsense"]
        given = {
            name: self._chance.choice(VALUES) for name in self._chance.sample(fields, min(3, len(fields)))
        }
        if verb["changes"] or self._chance.random() < SENSELESS:
            given["nonsense"] = self._chance.choice(VALUES)  # no verb takes it: what is sound is refused too
        else:
            given.pop("nonsense", None)
        message: Any = {"method": verb["method"], "parameters": given}
        kind = self._chance.randrange(10)
        if kind == 0:
            message["method"] = self._chance.choice([*VALUES, verb["method"] + "x", "io.patronus", "a.b.c"])
        elif kind == 1:
            message["parameters"] = self._chance.choice([value for value in VALUES if value])
        elif kind == 2:
            message = self._chance.choice([*VALUES, *NOT_JSON, *({"method": bad} for bad in NOT_JSON)])
        elif kind == 3:
            message |= {"more": self._chance.choice(VALUES), "oneway": self._chance.choice(VALUES)}
        data = json.dumps(message).replace(f'"{ENDLESS}"', "1e999").encode() + b"\0"
        return self._scratched(data) if kind in (4, 5) else data

    def _scratched(self, data: bytes) -> bytes:
        broken = bytearray(data)
        for _ in range(self._chance.randint(1, 8)):
            broken[self._chance.randrange(len(broken) - 1)] = self._chance.randrange(256)
        return bytes(broken) + b"\0"


def ask(machine: Machine, data: bytes) -> bytes:
    """Send bytes on a connection of their own, end it, and return all that comes back."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(LONG_S)
        connection.connect(str(machine.places.run / "patronus.sock"))
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        parts = []
        try:
            while part := connection.recv(65536):
                parts.append(part)
        except ConnectionResetError:
            pass
    return b"".join(parts)


def memory_kib(machine: Machine) -> int:
    """Return the daemon's resident memory (proc_pid_status(5))."""
    assert machine.daemon is not None
    lines = Path(f"/proc/{machine.daemon.pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:")))


def state(machine: Machine) -> object:
    """Return all that a request could change."""
    generations = machine.call("config.Log")["generations"]
    accounts = machine.places.state / "accounts" / "accounts.json"
    return (
        generations, machine.ruleset(), machine.call("config.Show"), machine.doctor(),
        machine.call("firewall.ListBlocks"), accounts.exists(), machine.router.ip("-br address show"),
    )  # fmt: skip


def test_broken_requests_change_nothing(machine: Machine) -> None:
    breaker = Breaker(machine.call("system.Describe")["verbs"])
    before = state(machine)
    for _ in range(20):
        ask(machine, breaker.request())
    start_kib = memory_kib(machine)
    answered = refused = 0
    for _ in range(REQUESTS):
        for reply in ask(machine, breaker.request()).split(b"\0")[:-1]:
            answered += 1
            refused += "error" in json.loads(reply)
    assert answered > refused > REQUESTS // 3
    assert machine.daemon is not None
    assert machine.daemon.poll() is None
    assert "Traceback" not in machine.said(), machine.said()[-3000:]
    assert memory_kib(machine) - start_kib < GROWTH_KIB
    assert state(machine) == before


def test_a_request_without_an_end_is_cut_off(machine: Machine) -> None:
    start_kib = memory_kib(machine)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(LONG_S)
        connection.connect(str(machine.places.run / "patronus.sock"))
        sent = 0
        try:
            while sent < 64 * 2**20:
                sent += connection.send(b"x" * 65536)
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert sent < 32 * 2**20
    assert memory_kib(machine) - start_kib < GROWTH_KIB
    assert machine.patronus("status").code == 0


def test_a_sound_request_still_works(machine: Machine) -> None:
    reply = ask(machine, b'{"method":"io.patronus.system.v1.Status"}\0')
    assert json.loads(reply.rstrip(b"\0"))["parameters"]["hostname"] == "patronus"


@pytest.mark.parametrize("seconds", [float("inf"), 1e308, 1e12])
def test_a_deadline_that_is_far_away_does_no_harm(machine: Machine, seconds: float) -> None:
    before = machine.call("config.Show")["files"]
    rule = {"protocol": "udp", "destination_port": 9, "action": "drop"}
    given = json.dumps({"rule": rule, "confirm_s": seconds}).replace("Infinity", "1e999")
    data = b'{"method":"io.patronus.firewall.v1.AddRule","parameters":' + given.encode() + b"}\0"
    reply = json.loads(ask(machine, data).rstrip(b"\0"))
    assert ("error" in reply) == (seconds == float("inf")), reply
    if "error" not in reply:
        assert machine.call("config.Pending")["remaining_s"] > 0
        assert machine.patronus("status").code == 0
        machine.call("config.Rollback", generation=reply["parameters"]["generation"] - 1)
    assert machine.call("config.Show")["files"] == before
    assert machine.call("config.Pending")["generation"] is None
