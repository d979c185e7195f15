# SPDX-License-Identifier: GPL-2.0-or-later
"""From a stick onto the internal disk, which starts alone as a new router; beside it the stick is itself."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from qemu import disks
from qemu.guest import Guest, shell_credentials
from qemu.machine import Machine, Nic, UserNet
from qemu.vm import Vm
from tests.vm.lab import BOOT_LIMIT_S, ON_TRIAL, PATIENCE
from tests.vm.slots import copy

pytestmark = pytest.mark.skipif("PATRONUS_INSTALL" not in os.environ, reason="in the soak")
ASK_S, INSTALL_S = 300.0, 900.0
KEPT = "/var/lib/patronus/kept"
INTERNAL, STICK = "vda", "vdb"
"""The disk beside the one that the machine starts from is the first on the bus."""


def own_disk(guest: Guest) -> set[str]:
    """Return the disks that root and data of a running router lie on."""
    root = guest.succeed("ls /sys/class/block/dm-0/slaves").split()
    data = guest.succeed("findmnt --noheadings --output SOURCE /var").strip().removeprefix("/dev/")
    assert len(root) == 2
    return {name.rstrip("0123456789") for name in (*root, data)}


def switch_off(vm: Vm) -> None:
    """Switch off as a person does, and wait for it."""
    vm.guest.succeed("sync; systemctl --no-block poweroff")
    vm.wait_off(timeout_s=BOOT_LIMIT_S)


@pytest.fixture
def stick(folder: Path, image: Path) -> Iterator[Vm]:
    """A machine with the image as it left the shop, and an empty disk beside it."""
    place = folder / "stick"
    place.mkdir()
    nics = (Nic(UserNet(), "52:54:00:00:00:01"), Nic(UserNet(), "52:54:00:00:00:02"))
    empty = place / "internal.qcow2"
    credentials = {**shell_credentials(), **PATIENCE}
    machine = Machine(image, nics=nics, credentials=credentials, more_disks=(empty,))
    with Vm(machine, folder=place) as vm:
        disks.blank(vm.emulator, empty, size=4 << 30)
        yield vm


def wait_well(vm: Vm) -> str:
    """Wait until it has proved itself, and nothing has failed; return the machine's identity."""
    vm.guest.wait_ready(timeout_s=BOOT_LIMIT_S)
    vm.guest.wait_for_unit("multi-user.target", timeout_s=BOOT_LIMIT_S)
    vm.guest.wait_until_succeeds(f"! compgen -G '{ON_TRIAL}'", timeout_s=BOOT_LIMIT_S)
    assert vm.guest.succeed("systemctl list-units --failed --plain --no-legend") == ""
    return vm.guest.succeed("cat /etc/machine-id")


def disks_of(vm: Vm) -> dict[str, list[str]]:
    """Return disk → why it is not taken."""
    found = json.loads(vm.guest.succeed("patronus --json install", timeout_s=ASK_S))
    return {disk["name"]: disk["problems"] for disk in found["disks"]}


def test_the_installed_disk_starts_alone_as_a_new_router_and_beside_the_stick_as_the_other_one(
    stick: Vm, folder: Path
) -> None:
    stick.start()
    identity = wait_well(stick)
    stick.guest.succeed(f"echo kept >{KEPT}")
    assert f"hold a key while it starts): {INTERNAL}" in stick.console()
    assert disks_of(stick) == {INTERNAL: [], STICK: ["this router runs from it"]}
    for refused in (f"patronus install {STICK} --yes", f"echo {STICK} | patronus install {INTERNAL}"):
        stick.guest.fail(refused, timeout_s=ASK_S)
    said = stick.guest.succeed(f"echo {INTERNAL} | patronus install {INTERNAL}", timeout_s=INSTALL_S)
    assert "read back and equal" in said
    switch_off(stick)

    place = folder / "installed"
    place.mkdir()
    installed = Vm(replace(stick.machine, more_disks=()), folder=place, keep_disks=True)
    stick.machine.more_disks[0].rename(installed.places.disk)
    copy(stick.places.variables, installed.places.variables)
    with installed:
        installed.start()
        assert wait_well(installed) != identity
        assert own_disk(installed.guest) == {INTERNAL}
        assert "set-up code" in installed.console()
        installed.guest.fail(f"cat {KEPT}")
        said = installed.guest.succeed("patronus update status", timeout_s=ASK_S)
        assert "(has proved itself)" in said
        switch_off(installed)

    stick.start(machine=replace(stick.machine, more_disks=(installed.places.disk,)))
    assert wait_well(stick) == identity
    assert own_disk(stick.guest) == {STICK}
    assert stick.guest.succeed(f"cat {KEPT}") == "kept\n"
    assert disks_of(stick) == {INTERNAL: [], STICK: ["this router runs from it"]}
