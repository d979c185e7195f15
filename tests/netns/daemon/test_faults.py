# SPDX-License-Identifier: GPL-2.0-or-later
"""The disk turns read-only or cannot be read, the kernel is changed by hand: it routes on, and says so."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from patronus.core.errors import StorageError
from tests.netns.daemon.machine import Machine, eventually, heard

RULE = {"name": "one", "protocol": "udp", "destination_port": 99, "action": "drop"}


@contextmanager
def read_only(machine: Machine) -> Iterator[None]:
    """Make every folder that persists read-only, as a data partition is after an I/O error."""
    places = (machine.places.state, machine.places.config, machine.places.log)
    script = 'for at; do mount --bind "$at" "$at" && mount -o remount,bind,ro "$at"; done'
    subprocess.run(machine._inside("sh", "-ec", script, "sh", *map(str, places)), check=True)
    try:
        yield
    finally:
        subprocess.run(machine._inside("umount", *map(str, places)), check=True)


def test_a_read_only_data_partition_changes_nothing_and_keeps_nobody_from_coming_up(fresh: Machine) -> None:
    fresh.call("firewall.AddRule", rule=RULE)
    ruleset = fresh.ruleset()
    fresh.kill()
    with read_only(fresh):
        fresh.start()
        assert fresh.ruleset() == ruleset
        assert fresh.doctor() == []
        with pytest.raises(StorageError, match="Read-only file system"):
            fresh.call("firewall.AddRule", rule={**RULE, "name": "two"})
        assert fresh.ruleset() == ruleset
        assert "Read-only file system" in fresh.patronus("status").out.replace("\n", " ")
        fresh.kill()
    fresh.start()
    fresh.call("firewall.AddRule", rule={**RULE, "name": "two"})
    assert [item["rule"]["name"] for item in fresh.call("firewall.ListRules")["rules"]] == ["one", "two"]
    assert fresh.doctor() == []


@pytest.mark.parametrize("target", ["pipe", "/dev/zero", "/nowhere"])
def test_a_file_that_cannot_be_read_stops_neither_the_router_nor_other_changes(
    fresh: Machine, target: str
) -> None:
    odd = fresh.file("firewall/rules.yaml")
    odd.parent.mkdir(exist_ok=True)
    if target == "pipe":
        os.mkfifo(odd)
    else:
        odd.symlink_to(target)
    said = fresh.patronus("config", "check")
    assert (said.code, "firewall/rules.yaml" in said.err) == (1, True), said.err
    assert fresh.patronus("block", "198.51.100.66").code == 0
    ruleset = fresh.ruleset()
    fresh.kill()
    fresh.start()
    assert fresh.ruleset() == ruleset
    (notice,) = fresh.call("system.Status")["notices"]
    assert "firewall/rules.yaml" in notice
    odd.unlink()
    assert fresh.call("firewall.AddRule", rule=RULE)["generation"]
    assert "one" in odd.read_text()


def test_a_folder_that_cannot_be_looked_into_is_not_taken_for_an_empty_one(fresh: Machine) -> None:
    """Left to root alone by an editor or a copy, it would take every rule and zone away with it."""
    ruleset, folder = fresh.ruleset(), fresh.file("firewall")
    folder.chmod(0)
    for command in ("check", "load"):
        said = fresh.patronus("config", command)
        assert (said.code, "firewall" in said.err, "Permission denied" in said.err) == (1, True, True), said
    fresh.file("patronus.toml").write_text('[engine]\nwatch = true\nwatch_quiet = "1s"\n')
    assert fresh.patronus("block", "198.51.100.66").code == 0
    assert fresh.patronus("unblock", "198.51.100.66").code == 0
    assert fresh.ruleset() == ruleset
    fresh.kill()
    fresh.start()
    assert fresh.ruleset() == ruleset
    assert "Permission denied" in " ".join(fresh.call("system.Status")["notices"])
    folder.chmod(0o750)
    assert fresh.patronus("config", "check").code == 0
    assert fresh.patronus("config", "load").code == 0
    assert fresh.doctor() == []


def test_generations_that_cannot_be_read_leave_the_confirmed_one_running_from_memory(fresh: Machine) -> None:
    number = fresh.call("firewall.AddRule", rule=RULE)["generation"]
    ruleset = fresh.ruleset()
    fresh.call("firewall.AddRule", rule={**RULE, "name": "two"}, confirm_s=600)
    fresh.kill()
    folder = fresh.places.state / "generations"
    shutil.move(folder, folder.with_name("away"))
    folder.write_text("this is no folder any more")
    fresh.start()
    assert fresh.ruleset() == ruleset
    status = fresh.call("system.Status")
    assert status["generation"] == number
    assert any("as it is in memory" in notice for notice in status["notices"])
    assert fresh.doctor() == []
    assert fresh.patronus("config", "log").code == 1
    fresh.kill()
    folder.unlink()
    shutil.move(folder.with_name("away"), folder)
    fresh.start()
    assert len(fresh.call("firewall.ListRules")["rules"]) == 2


def test_what_is_changed_by_hand_in_the_kernel_is_said_once_and_so_is_its_end(fresh: Machine) -> None:
    assert fresh.patronus("doctor").code == 0
    fresh.file("patronus.toml").write_text('[engine]\ndrift_check = "1s"\n')
    assert fresh.patronus("config", "load").code == 0
    with fresh.listening() as printed:
        heard(fresh, printed)
        fresh.router.run("nft", "add", "chain", "inet", "patronus", "by_hand")
        eventually(lambda: '"drift"' in printed(), "the event")
        said = fresh.patronus("doctor")
        assert (said.code, "by_hand" in said.out) == (1, True)
        assert "not as planned" in fresh.patronus("status").out
        fresh.router.run("nft", "delete", "chain", "inet", "patronus", "by_hand")
        eventually(lambda: '"drift-ended"' in printed(), "the end")
        assert printed().count('"drift"') == 1
    assert fresh.patronus("--json", "doctor").json() == {"differences": []}
