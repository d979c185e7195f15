# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands before the kernel: Secure Boot takes our system and no other, and the menu lets nobody edit.

The laboratory's router always runs under Secure Boot: at its first boot the firmware had no keys, took ours
from the disk and started again.
"""

import time
from pathlib import Path

import pytest

from qemu.errors import Timeout
from qemu.machine import Machine
from qemu.vm import Vm
from tests.vm import slots, stranger
from tests.vm.lab import BOOT_LIMIT_S, Lab
from tests.vm.test_a_tampering import NICS

SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
ONE_SHOT = "/sys/firmware/efi/efivars/LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
WRITABLE = (7).to_bytes(4, "little")  # an EFI variable that stays, and that system and firmware may read
BLOCKED = "198.51.100.0/24"
REFUSED = r"Error loading \EFI\Linux\{}: Access denied"  # systemd-boot says what the firmware answered
MENU = "Debian GNU/Linux"  # the title of our entry, from os-release(5)
QUIET_S = 10.0


def test_under_secure_boot_xdp_and_nftables_work_locked_down_and_without_root(lab: Lab) -> None:
    assert lab.guest.succeed(f"od -An -tu1 {SECURE_BOOT}").split()[-1] == "1"
    assert "[integrity]" in lab.guest.succeed("cat /sys/kernel/security/lockdown")
    for unit in ("patronus-xdp-load", "patronusd"):
        shown = lab.guest.succeed(f"systemctl show --property User,Result --value {unit}.service")
        assert set(shown.split()) == {"patronus", "success"}
    assert "xdp" not in lab.guest.succeed("ip -details link show")
    lab.guest.succeed(f"patronus block {BLOCKED}")
    assert "xdp" in lab.guest.succeed("ip -details link show")
    assert BLOCKED in lab.guest.succeed("nft list table inet patronus")


def test_under_secure_boot_no_other_system_starts(lab: Lab, folder: Path) -> None:
    """One signed by a stranger, chosen for the next boot alone, and then ours with one word changed."""
    scratch = folder / "stranger"
    scratch.mkdir()
    patch = stranger.signed_by_a_stranger(lab.machine.image, scratch)
    ours = lab.guest.succeed("ls /boot/EFI/Linux").strip()
    stranger.put(lab.guest, ours, patch)
    lab.guest.copy_to(WRITABLE + f"{stranger.NAME}\0".encode("utf-16-le"), "/run/one-shot")
    lab.guest.succeed(f"cat /run/one-shot >{ONE_SHOT}")
    lab.guest.succeed(f"cd /boot/EFI/Linux && sed -i s/lockdown=integrity/lockdown=everybody/ {ours} && sync")
    before = len(lab.vm.console())
    lab.vm.reset()
    said = lab.vm.wait_console(REFUSED.format(ours), timeout_s=BOOT_LIMIT_S, since=before)
    assert REFUSED.format(stranger.NAME) in said
    with pytest.raises(Timeout):
        lab.guest.wait_ready(timeout_s=QUIET_S)


@pytest.mark.parametrize("editor", ["no", "yes"])
def test_the_boot_menu_lets_nobody_edit(folder: Path, image: Path, editor: str) -> None:
    """The menu waits for ever here; the same with the editor left on shows that the key would open it."""
    place = folder / f"menu-{editor}"
    place.mkdir()
    disk = slots.copy(image, place / "disk.raw")
    esp = slots.Esp(disk)
    settings = esp.take("/loader/loader.conf", place / "loader.conf")
    shipped = settings.read_text()
    assert "editor no\n" in shipped
    settings.write_text(
        shipped.replace("timeout 0", "timeout menu-force").replace("editor no", f"editor {editor}")
    )
    esp.put(settings, "/loader/loader.conf")
    with Vm(Machine(disk, nics=NICS), folder=place) as vm:
        vm.start()
        vm.wait_console(MENU, timeout_s=BOOT_LIMIT_S)
        _press(vm, "h", "(h)elp")
        if editor == "yes":
            _press(vm, "e", "roothash=")
        else:
            vm.press("e")
            time.sleep(QUIET_S)
            assert "roothash=" not in vm.console()


def _press(vm: Vm, key: str, answer: str) -> None:
    """Press a key again and again until the firmware says what is expected."""
    deadline = time.monotonic() + BOOT_LIMIT_S
    while answer not in vm.console():
        assert time.monotonic() < deadline, vm.console()
        vm.press(key)
        time.sleep(0.5)
