# SPDX-License-Identifier: GPL-2.0-or-later
"""A real router is saved and restored: on itself, on another, and back when nobody confirms."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from patronus.core.errors import (
    Conflict,
    InvalidConfiguration,
    InvalidRequest,
    NotPermitted,
    PatronusError,
)
from patronus.daemon.backup.contents import pack, unpack
from patronus.secrets import archive
from patronus.secrets.stretch import Stretching, stretch
from tests.netns.daemon.machine import Machine, eventually
from tests.netns.daemon.terminal import at_terminal
from tests.netns.daemon.test_secrets import VALUE, clear_text, typed

PASSWORD = "correct horse battery"
RULE = {"name": "no telnet", "protocol": "tcp", "destination_port": 23, "action": "drop"}


@pytest.fixture(scope="module")
def saved(machine: Machine) -> Iterator[tuple[Machine, Path, str]]:
    """Lend a router with a rule, a secret and a lease, its backup, and the client's address."""
    machine.call("firewall.AddRule", rule=RULE)
    machine.call("secrets.Set", name="wg-home", secret=VALUE)
    address = machine.lease("-h", "laptop")
    file = machine.root.with_suffix(".backup")
    done = typed(machine, PASSWORD + "\n", "backup", "create", str(file))
    assert done.returncode == 0, done.stderr
    yield machine, file, address
    file.unlink()


def given(file: Path, **more: Any) -> dict[str, Any]:
    return {"backup": base64.b64encode(file.read_bytes()).decode(), "password": PASSWORD, **more}


def rules(machine: Machine) -> list[str]:
    return [item["rule"]["name"] for item in machine.call("firewall.ListRules")["rules"]]


def stored(machine: Machine) -> dict[str, bytes]:
    """Return the secrets of a router, by way of a new backup."""
    data = base64.b64decode(machine.call("backup.Create", password=PASSWORD)["backup"])
    return unpack(archive.unseal(stretch(PASSWORD, archive.stretching_of(data)), data)).values()


def rewritten(file: Path, **change: Any) -> str:
    """Return the backup with other content, under the same password."""
    data = file.read_bytes()
    how = archive.stretching_of(data)
    contents = unpack(archive.unseal(stretch(PASSWORD, how), data)).model_copy(update=change)
    fresh = Stretching.fresh()
    return base64.b64encode(archive.seal(stretch(PASSWORD, fresh), fresh, pack(contents))).decode()


def test_a_backup_holds_everything_and_shows_nothing(saved: tuple[Machine, Path, str]) -> None:
    machine, file, _ = saved
    data = file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    assert VALUE.encode() not in data and b"telnet" not in data
    found = machine.call("backup.Inspect", **given(file))
    assert found["secrets"] == ["wg-home"] and found["leases"] >= 1
    assert "firewall/rules.yaml" in found["files"]
    assert {role["id"]: role["nic"] for role in found["roles"]} == {"lan": "eth0", "wan": "eth1"}
    assert clear_text(machine, VALUE, PASSWORD) == []
    refused = typed(machine, PASSWORD + "\n", "backup", "create", str(file))
    assert refused.returncode == 1 and "exists already" in refused.stderr
    assert file.read_bytes() == data


def test_what_was_lost_comes_back_with_one_command(saved: tuple[Machine, Path, str]) -> None:
    machine, file, address = saved
    identifier = machine.call("firewall.ListRules")["rules"][0]["id"]
    machine.call("firewall.RemoveRule", id=identifier)
    machine.call("secrets.Delete", name="wg-home")
    machine.call("dhcp.RemoveLease", address=address)
    assert rules(machine) == []
    done = typed(machine, PASSWORD + "\n", "backup", "restore", str(file))
    assert done.returncode == 0, done.stderr
    assert "1 secrets and 1 leases were restored" in done.stdout, done.stdout
    assert rules(machine) == ["no telnet"] and machine.doctor() == []
    assert [item["name"] for item in machine.call("secrets.List")["secrets"]] == ["wg-home"]
    leases = {item["address"]: item["hostname"] for item in machine.call("dhcp.ListLeases")["leases"]}
    assert leases[address] == "laptop"
    assert "backup of" in machine.call("config.Log")["generations"][0]["comment"]


def test_what_cannot_be_opened_changes_nothing(saved: tuple[Machine, Path, str]) -> None:
    machine, file, _ = saved
    before = machine.call("config.Log")["generations"][0]["number"], machine.ruleset()
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    broken = base64.b64encode(bytes(data)).decode()
    cut = base64.b64encode(file.read_bytes()[:-5]).decode()
    later = base64.b64encode(file.read_bytes().replace(b"backup 1", b"backup 2", 1)).decode()
    tries: list[tuple[dict[str, Any], type[PatronusError], str]] = [
        ({"password": "correct horse staple"}, NotPermitted, "password is wrong"),
        ({"backup": broken}, InvalidRequest, "changed or cut short"),
        ({"backup": cut}, InvalidRequest, "changed or cut short"),
        ({"backup": later}, InvalidRequest, "later version"),
        ({"backup": "AAAA"}, InvalidRequest, "not a backup"),
        ({"backup": "!"}, InvalidRequest, "not base64"),
        ({"backup": rewritten(file, schema_version=9)}, InvalidConfiguration, "version 9"),
        ({"backup": rewritten(file, files={"moon.yaml": ""})}, InvalidConfiguration, "moon.yaml"),
        ({"roles": {"moon": "eth1"}}, InvalidRequest, "no role moon"),
    ]
    for change, kind, said in tries:
        with pytest.raises(kind, match=said):
            machine.call("backup.Restore", **{**given(file), **change})
    assert before == (machine.call("config.Log")["generations"][0]["number"], machine.ruleset())
    assert machine.call("secrets.Status")["damaged"] == []
    records = machine.places.log.joinpath("audit.log").read_text()
    assert "backup.Restore" in records and PASSWORD not in records and broken[:40] not in records


def test_a_restore_that_is_not_confirmed_gives_rules_and_secrets_back(
    saved: tuple[Machine, Path, str],
) -> None:
    machine, file, _ = saved
    machine.call("secrets.Set", name="wg-home", secret="the newer key")
    identifier = machine.call("firewall.ListRules")["rules"][0]["id"]
    machine.call("firewall.RemoveRule", id=identifier)
    folder = machine.places.config / "secrets.d"
    report = machine.call("backup.Restore", **given(file, confirm_s=25))
    assert report["confirm_within_s"] == 25 and rules(machine) == ["no telnet"]
    with pytest.raises(Conflict, match="waits for confirmation"):
        machine.call("backup.Restore", **given(file))
    assert any("undo" in path.name for path in folder.iterdir())
    assert stored(machine) == {"wg-home": VALUE.encode()}
    eventually(lambda: rules(machine) == [], "the rules of before")
    eventually(lambda: not any("undo" in path.name for path in folder.iterdir()), "the secrets of before")
    assert stored(machine) == {"wg-home": b"the newer key"}
    machine.call("backup.Restore", **given(file, confirm_s=60))
    machine.call("config.Confirm")
    assert stored(machine) == {"wg-home": VALUE.encode()}
    assert rules(machine) == ["no telnet"]
    assert not any("undo" in path.name for path in folder.iterdir())


def test_a_daemon_killed_in_the_window_gives_both_back_before_it_serves(
    saved: tuple[Machine, Path, str],
) -> None:
    machine, file, _ = saved
    machine.call("secrets.Set", name="wg-home", secret="the newest key")
    machine.call("firewall.RemoveRule", id=machine.call("firewall.ListRules")["rules"][0]["id"])
    pending = machine.call("backup.Restore", **given(file, confirm_s=2))["generation"]
    machine.kill()
    time.sleep(2)
    machine.start()
    assert machine.call("system.Status")["generation"] == pending - 1
    assert rules(machine) == [] and stored(machine) == {"wg-home": b"the newest key"}
    assert not any("undo" in path.name for path in (machine.places.config / "secrets.d").iterdir())


def test_on_another_router_the_roles_ask_for_its_cards(saved: tuple[Machine, Path, str]) -> None:
    machine, file, address = saved
    other = Machine()
    try:
        other.start()
        refused = typed(other, PASSWORD + "\n", "backup", "restore", str(file))
        assert refused.returncode == 1
        assert "no network card of its own here: " in refused.stderr
        assert "wan (was " in refused.stderr and "eth2 (" in refused.stderr
        assert rules(other) == [] and other.call("secrets.List")["secrets"] == []
        answers = {"Password of the backup": PASSWORD, "Network card of wan": "eth1"}
        command = ("backup", "restore", str(file), "--map", "lan=eth2")
        done = at_terminal(other, answers, *command)
        assert done.code == 0 and PASSWORD not in done.out, done.out
        assert "Network card of wan (eth0, eth1, eth2, none):" in done.out
        assert rules(other) == ["no telnet"] and other.doctor() == []
        devices = {item["id"]: item["device"] for item in other.call("interfaces.List")["interfaces"]}
        assert devices == {"lan": "eth2", "wan": "eth1"}
        assert [item["name"] for item in other.call("secrets.List")["secrets"]] == ["wg-home"]
        assert address in [item["address"] for item in other.call("dhcp.ListLeases")["leases"]]
        assert clear_text(other, VALUE, PASSWORD) == []
    finally:
        other.close()
