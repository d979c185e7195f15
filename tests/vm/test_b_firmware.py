# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands before the kernel: Secure Boot takes our system and no other, and the menu lets nobody edit."""

import time
from pathlib import Path

import pytest

from qemu.errors import Timeout
from qemu.guest import shell_credentials
from qemu.machine import Machine
from qemu.vm import Vm
from tests.vm import slots
from tests.vm.lab import BOOT_LIMIT_S
from tests.vm.test_a_tampering import LONG, NICS

pytestmark = pytest.mark.skipif(not LONG, reason="in the soak")

SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
BLOCKED = "198.51.100.0/24"
MENU = "Debian GNU/Linux"  # the title of our entry, from os-release(5)
QUIET_S = 10.0


def test_under_secure_boot_it_runs_locked_down_and_a_changed_system_is_refused(
    folder: Path, image: Path
) -> None:
    place = folder / "secure"
    place.mkdir()
    machine = Machine(image, nics=NICS, credentials=shell_credentials(), secure_boot=True)
    with Vm(machine, folder=place) as vm:
        vm.start()
        vm.qmp.wait_event("RESET", timeout_s=BOOT_LIMIT_S)  # the firmware has taken our keys
        vm.wait_console("login:", timeout_s=BOOT_LIMIT_S)
        vm.guest.wait_ready(timeout_s=BOOT_LIMIT_S)
        vm.guest.wait_for_unit("patronusd.service", timeout_s=BOOT_LIMIT_S)
        assert vm.guest.succeed(f"od -An -tu1 {SECURE_BOOT}").split()[-1] == "1"
        assert "[integrity]" in vm.guest.succeed("cat /sys/kernel/security/lockdown")
        shown = vm.guest.succeed("systemctl show --property User,Result --value patronus-xdp-load.service")
        assert set(shown.split()) == {"patronus", "success"}
        assert "xdp" not in vm.guest.succeed("ip -details link show")
        vm.guest.succeed(f"patronus block {BLOCKED}")
        assert "xdp" in vm.guest.succeed("ip -details link show")
        assert BLOCKED in vm.guest.succeed("nft list table inet patronus")
        vm.guest.succeed("cd /boot/EFI/Linux && sed -i s/lockdown=integrity/lockdown=everybody/ * && sync")
        before = len(vm.console())
        vm.reset()
        vm.wait_console("iolation", timeout_s=BOOT_LIMIT_S, since=before)
        with pytest.raises(Timeout):
            vm.guest.wait_ready(timeout_s=QUIET_S)


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
