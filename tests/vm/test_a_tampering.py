# SPDX-License-Identifier: GPL-2.0-or-later
"""A system that was tampered with does not run: the boot falls to the other slot, or stops and says why.

The system in slot B is the untouched copy, and boots here. In the soak every damage takes all its tries.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qemu.guest import shell_credentials
from qemu.machine import Machine, Nic, UserNet
from qemu.vm import Vm
from tests.vm import slots
from tests.vm.lab import BOOT_LIMIT_S, Lab
from tests.vm.slots import Slot

LONG = "PATRONUS_TAMPERING" in os.environ  # in the soak
LAST_TRY = "+3" if LONG else "+1-2"
NEVER_READ = "/usr/bin/systemd-nspawn"
STOPPED = "Patronus has STOPPED"
NICS = (Nic(UserNet(), "52:54:00:00:00:01"), Nic(UserNet(), "52:54:00:00:00:02"))
DAMAGES: dict[str, Callable[[Slot], int]] = {
    "root hash": lambda slot: slot.root_block,
    "superblock": lambda slot: slot.superblock,
    "block that the boot reads": lambda slot: slot.data.offset,
}


@pytest.fixture(scope="module")
def alone(folder: Path, image: Path) -> Path:
    """The image with one try left for its only system."""
    disk = slots.copy(image, folder / "alone.raw")
    slots.count(disk, LAST_TRY)
    return disk


@pytest.fixture(scope="module")
def pair(folder: Path, alone: Path) -> tuple[Path, str]:
    """The same, and in slot B an older system that is good; with its root hash."""
    disk = slots.copy(alone, folder / "pair.raw")
    scratch = folder / "scratch"
    scratch.mkdir()
    return disk, slots.fill_other(disk, scratch)


@pytest.fixture
def victim(folder: Path) -> Iterator[Callable[[Path], Vm]]:
    """Make machines of a disk, each with a disk of its own over it."""
    made: list[Vm] = []

    def make(disk: Path) -> Vm:
        place = folder / f"victim-{len(made)}-{time.monotonic_ns()}"
        place.mkdir()
        machine = Machine(disk, nics=NICS, credentials=shell_credentials(), memory_mib=768)
        made.append(Vm(machine, folder=place))
        return made[-1]

    yield make
    for vm in made:
        vm.cut_power()


@pytest.mark.parametrize("damage", DAMAGES if LONG else ["root hash"])
def test_a_damaged_system_falls_to_the_other_slot_which_says_so(
    pair: tuple[Path, str], victim: Callable[[Path], Vm], damage: str
) -> None:
    disk, root_hash = pair
    vm = victim(disk)
    slots.flip(vm, DAMAGES[damage](slots.slot(disk)))
    vm.start()
    vm.wait_console("login:", timeout_s=BOOT_LIMIT_S * (3 if LONG else 1))
    vm.guest.wait_ready(timeout_s=BOOT_LIMIT_S)
    vm.guest.wait_for_unit("patronusd.service", timeout_s=BOOT_LIMIT_S)
    assert root_hash in vm.guest.succeed("cat /proc/cmdline")
    status = vm.guest.succeed("patronus status")
    assert "failed to start too often" in status
    if damage != "superblock":  # that one the kernel never saw
        assert "is corrupted" in vm.guest.succeed("cat /var/lib/patronus-boot/damage")
        assert "restarts over a damaged block of the system" in status


@pytest.mark.parametrize("damage", DAMAGES if LONG else ["superblock", "root hash"])
def test_a_damaged_system_that_is_alone_stops_says_why_and_gives_no_shell(
    alone: Path, victim: Callable[[Path], Vm], damage: str
) -> None:
    vm = victim(alone)
    slots.flip(vm, DAMAGES[damage](slots.slot(alone)))
    vm.start()
    said = vm.wait_console("one more try", timeout_s=BOOT_LIMIT_S * (3 if LONG else 1))
    assert STOPPED in said
    assert "systemd-veritysetup@root.service" in said
    if damage != "superblock":
        assert "is corrupted" in said
    answer = _type(vm, "\rroot\r\rid; echo $((6*7))\r\x03\x04\rid\r")
    for word in ("uid=", "42", "login:", "assword", "#"):
        assert word not in answer
    assert vm.console().count(STOPPED) == 1, "it stays stopped"


def _type(vm: Vm, text: str) -> str:
    """Type on the console; return what came within some seconds."""
    before = len(vm.console())
    with socket.socket(socket.AF_UNIX) as console:
        console.connect(str(vm.places.serial_socket))
        for key in text:
            console.sendall(key.encode())
            time.sleep(0.1)
        time.sleep(3)
    return vm.console()[before:]


@pytest.mark.skipif(not LONG, reason="in the soak")
def test_a_block_that_nobody_has_read_yet_panics_when_it_is_and_is_counted(lab: Lab, folder: Path) -> None:
    scratch = folder / "extents"
    scratch.mkdir(exist_ok=True)
    place = slots.block_of(lab.machine.image, scratch, NEVER_READ)
    assert "restarts over" not in lab.guest.succeed("patronus status")
    slots.flip(lab.vm, place)
    lab.guest.succeed("cat /usr/bin/systemd-run >/dev/null")  # what lies elsewhere is still good
    with pytest.raises(TimeoutError):
        lab.guest.execute(f"cat {NEVER_READ} >/dev/null", timeout_s=10)
    lab.vm.qmp.wait_event("RESET", timeout_s=120)
    lab.wait_up()
    assert "restarts over a damaged block of the system: 1," in lab.guest.succeed("patronus status")
    assert "data block" in lab.guest.succeed("cat /var/lib/patronus-boot/damage")
    lab.guest.succeed("grep -r 'dm-verity device corrupted' /var/lib/systemd/pstore")
    assert "+2-1.efi" in lab.guest.succeed("ls /boot/EFI/Linux"), "its boots are counted again"
