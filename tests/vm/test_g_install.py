# SPDX-License-Identifier: GPL-2.0-or-later
"""From a stick onto the internal disk, which starts alone as a new router; beside it the stick is itself."""

import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from qemu import disks
from qemu.guest import Guest, shell_credentials
from qemu.machine import Machine
from qemu.vm import Vm
from tests.vm.lab import BOOT_LIMIT_S, ON_TRIAL, PATIENCE
from tests.vm.slots import Esp, copy
from tests.vm.terminal import answer, choose
from tests.vm.test_9_doors import PASSWORD
from tests.vm.test_a_tampering import NICS
from tests.vm.test_b_firmware import SECURE_BOOT

pytestmark = pytest.mark.skipif("PATRONUS_INSTALL" not in os.environ, reason="in the soak")
ASK_S, INSTALL_S = 300.0, 900.0
KEPT = "/var/lib/patronus/kept"
INTERNAL, STICK = "vda", "vdb"
"""The disk beside the one that the machine starts from is the first on the bus."""
ENTRY, KEY_S = "(Install)", 20.0
"""How its title ends in the boot menu; how long the firmware may take to show where a key led."""
DISK, WORD, OWNER = "Name of the disk", "Type the word", "Password of an administrator"
"""What the boot entry asks."""
EXPOSED = 4.0
"""The most of systemd-analyze's measure, as for the other programs that write disks."""
LOOK_INSIDE = {
    "systemd.unit-dropin.patronus-install.target~harness": b"[Unit]\nWants=patronus-harness-shell.service\n"
}
"""The harness's shell, where multi-user.target is not started."""


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
    empty = place / "internal.qcow2"
    credentials = {**shell_credentials(), **PATIENCE}
    machine = Machine(image, nics=NICS, credentials=credentials, more_disks=(empty,))
    with Vm(machine, folder=place) as vm:
        disks.blank(vm.emulator, empty, size=4 << 30)
        yield vm


def alone(first: Vm, folder: Path) -> Vm:
    """Take the internal disk out of a machine that is off; return one with the firmware and this disk."""
    place = folder / "installed"
    place.mkdir()
    found = Vm(replace(first.machine, more_disks=()), folder=place, keep_disks=True)
    first.machine.more_disks[0].rename(found.places.disk)
    copy(first.places.variables, found.places.variables)
    return found


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

    installed = alone(stick, folder)
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


@pytest.fixture
def waiting(folder: Path, image: Path) -> Iterator[Vm]:
    """A machine under Secure Boot: a stick as it was flashed, whose boot menu waits, and an empty disk."""
    place = folder / "waiting"
    place.mkdir()
    disk, empty = copy(image, place / "disk.raw"), place / "internal.qcow2"
    settings = Esp(disk).take("/loader/loader.conf", place / "loader.conf")
    settings.write_text(settings.read_text().replace("timeout 0", "timeout menu-force"))
    Esp(disk).put(settings, "/loader/loader.conf")
    credentials = {**shell_credentials(), **PATIENCE, **LOOK_INSIDE}
    machine = Machine(disk, nics=NICS, credentials=credentials, more_disks=(empty,), secure_boot=True)
    with Vm(machine, folder=place) as vm:
        disks.blank(vm.emulator, empty, size=4 << 30)
        yield vm


def select(vm: Vm, title: str) -> None:
    """Go down in the boot menu until the entry whose title ends like this is under the bar, dark on light."""
    bar = re.compile(rf"\x1b\[47m[^\x1b]*{re.escape(title)} ")
    for _ in range(10):
        before, deadline = len(vm.console()), time.monotonic() + KEY_S
        vm.press("down")
        while "\x1b[47m" not in vm.console()[before:] and time.monotonic() < deadline:
            time.sleep(0.5)
        time.sleep(0.5)  # the rest of the line
        if bar.search(vm.console()[before:]):
            return
    raise AssertionError(f"no entry is called {title}:\n{vm.console()[-3000:]!r}")


def check_alone(guest: Guest) -> None:
    """Nothing runs beside the dialog, nobody is let in, and the screen asks as well."""
    guest.wait_ready(timeout_s=BOOT_LIMIT_S)
    guest.wait_until_succeeds(f"grep -aq '{DISK}' /dev/vcs1", timeout_s=BOOT_LIMIT_S)
    assert guest.succeed("ss --no-header --tcp --udp --listening") == ""
    assert "patronus_lockdown" in guest.succeed("nft list tables")
    guest.fail("systemctl is-active patronusd.service getty@tty1.service serial-getty@ttyS0.service")
    assert guest.succeed("systemctl list-units --failed --plain --no-legend") == ""
    said = guest.succeed(
        "systemd-analyze security --no-pager patronus-install@ttyS0.service", timeout_s=ASK_S
    )
    (level,) = re.findall(r"exposure level for patronus-install@ttyS0\.service: ([\d.]+)", said)
    assert float(level) <= EXPOSED, said


def test_a_fresh_stick_installs_itself_from_the_boot_menu_and_the_disk_starts_under_secure_boot(
    waiting: Vm, folder: Path
) -> None:
    waiting.start()
    waiting.wait_console(ENTRY, timeout_s=BOOT_LIMIT_S)
    select(waiting, ENTRY)
    before = len(waiting.console())
    waiting.press("ret")
    said = waiting.wait_console(DISK, timeout_s=BOOT_LIMIT_S, since=before)
    assert OWNER not in said
    assert f"{STICK} (" in said and "not taken: this router runs from it" in said
    check_alone(waiting.guest)
    assert "is not taken" in answer(waiting, STICK, DISK)
    answer(waiting, INTERNAL, WORD)
    assert "Nothing was touched" in answer(waiting, "install", DISK)
    answer(waiting, INTERNAL, WORD)
    said = answer(waiting, "overwrite", "read back and equal", timeout_s=INSTALL_S)
    assert "back: 100 %" in said
    answer(waiting, "")
    waiting.wait_off(timeout_s=BOOT_LIMIT_S)
    with alone(waiting, folder) as installed:
        installed.start()
        installed.wait_console(ENTRY, timeout_s=BOOT_LIMIT_S)  # the menu waits there as well
        installed.press("ret")
        wait_well(installed)
        assert installed.guest.succeed(f"od -An -tu1 {SECURE_BOOT}").split()[-1] == "1"
        assert own_disk(installed.guest) == {INTERNAL}
        assert "set-up code" in installed.console()


def test_from_a_router_with_an_owner_nobody_else_installs(stick: Vm) -> None:
    stick.start()
    wait_well(stick)
    stick.guest.succeed(f"echo '{PASSWORD}' | patronus user add anna --role admin", timeout_s=ASK_S)
    choose(stick, "install", OWNER)
    assert DISK not in answer(stick, INTERNAL, OWNER)
    assert f"{INTERNAL} (" in answer(stick, PASSWORD, DISK)
    answer(stick, "restart")
    wait_well(stick)
    said = stick.guest.succeed("patronus status", timeout_s=ASK_S)
    assert "Install was started on 2" in said
