# SPDX-License-Identifier: GPL-2.0-or-later
"""systemd's varlinkctl speaks with the daemon: what it describes can be parsed, and called."""

from __future__ import annotations

import json
import re
import subprocess

from tests.netns.daemon.machine import LONG_S, Machine


def varlinkctl(machine: Machine, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run varlinkctl on the daemon's socket."""
    address = f"unix:{machine.places.run}/patronus.sock"
    command = ["varlinkctl", verb, *(["--json=short"] if verb != "introspect" else []), address, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=LONG_S, stdin=subprocess.DEVNULL
    )


def listed(machine: Machine) -> list[str]:
    """Return the names of the interfaces."""
    return (
        varlinkctl(machine, "list-interfaces")
        .stdout.replace('"', " ")
        .replace(",", " ")
        .strip("[]\n ")
        .split()
    )


def test_the_service_says_what_it_is(machine: Machine) -> None:
    said = varlinkctl(machine, "info")
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["product"] == "patronusd"


def test_every_interface_can_be_parsed_and_tells_every_method(machine: Machine) -> None:
    verbs = machine.call("system.Describe")["verbs"]
    methods = {verb["method"] for verb in verbs}
    names = listed(machine)
    assert set(names) == {"org.varlink.service", *(name.rpartition(".")[0] for name in methods)}
    told = set()
    for name in names:
        said = varlinkctl(machine, "introspect", name)
        assert said.returncode == 0, f"{name}: {said.stderr}"
        told |= {f"{name}.{method}" for method in re.findall(r"^method (\w+)", said.stdout, re.MULTILINE)}
    assert {method for method in told if not method.startswith("org.")} == methods
    assert varlinkctl(machine, "introspect", "io.patronus.nothing.v1").returncode != 0


def test_verbs_can_be_called(machine: Machine) -> None:
    said = varlinkctl(machine, "call", "io.patronus.system.v1.Status", "{}")
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["hostname"] == "patronus"
    rule = {"rule": {"protocol": "udp", "destination_port": 9, "action": "drop"}}
    added = varlinkctl(machine, "call", "io.patronus.firewall.v1.AddRule", json.dumps(rule))
    assert added.returncode == 0, added.stderr
    removed = {"id": json.loads(added.stdout)["id"]}
    assert (
        varlinkctl(machine, "call", "io.patronus.firewall.v1.RemoveRule", json.dumps(removed)).returncode == 0
    )
    again = varlinkctl(machine, "call", "io.patronus.firewall.v1.RemoveRule", json.dumps(removed))
    assert again.returncode != 0
    assert "io.patronus.NotFound" in again.stderr


def test_what_is_not_there_is_refused_in_varlinks_words(machine: Machine) -> None:
    said = varlinkctl(machine, "call", "io.patronus.system.v1.Explode", "{}")
    assert said.returncode != 0
    said = varlinkctl(machine, "call", "io.patronus.firewall.v1.RemoveRule", '{"id": 7}')
    assert said.returncode != 0
    assert "InvalidRequest" in said.stderr
