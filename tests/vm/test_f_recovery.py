# SPDX-License-Identifier: GPL-2.0-or-later
"""A reset wipes what the router keeps, goes on after a power cut, and is done once; recovery asks first."""

import os
import socket
import time

import pytest

from tests.vm.lab import BOOT_LIMIT_S, Lab
from tests.vm.test_9_doors import PASSWORD

pytestmark = pytest.mark.skipif("PATRONUS_RECOVERY" not in os.environ, reason="in the soak")
LOOK_S = 300.0
KEPT = "/var/lib/patronus/kept"
ONE_SHOT = "LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
WRITABLE = (7).to_bytes(4, "little")  # an EFI variable that stays, and that system and firmware may read
RESET, RECOVERY = "FACTORY RESET", "Password of an administrator"
"""What each boot entry asks."""


def make_a_state(lab: Lab) -> str:
    """Leave what a reset has to wipe; return the machine's identity."""
    lab.guest.succeed(f"patronus block 203.0.113.77 && echo kept >{KEPT} && sync", timeout_s=LOOK_S)
    return lab.guest.succeed("cat /etc/machine-id")


def is_kept(lab: Lab, identity: str) -> bool:
    """Return whether the router still has what it had."""
    return lab.guest.execute(f"cat /etc/machine-id {KEPT}").stdout == f"{identity}kept\n"


def check_new(lab: Lab, identity: str, why: str) -> None:
    """The router has nothing of what it had, says why, and will not do it again."""
    assert lab.guest.succeed("cat /etc/machine-id") != identity
    lab.guest.fail(f"cat {KEPT} || nft list ruleset | grep 203.0.113.77")
    assert "reset to its factory state on 2" in lab.guest.succeed("patronus status", timeout_s=LOOK_S)
    assert why in lab.guest.succeed("head -n 1 /var/log/patronus/audit.log")
    assert lab.guest.succeed("systemctl list-units --failed --plain --no-legend") == ""
    lab.guest.fail("ls /sys/firmware/efi/efivars | grep FactoryReset")


def choose(lab: Lab, profile: str, question: str) -> None:
    """Start the boot entry of a profile, once, and wait for what it asks."""
    (name,) = lab.guest.succeed("ls /boot/EFI/Linux").split()
    lab.guest.copy_to(WRITABLE + f"{name}@{profile}\0".encode("utf-16-le"), "/run/one-shot")
    lab.guest.succeed(f"cat /run/one-shot >/sys/firmware/efi/efivars/{ONE_SHOT}")
    before = len(lab.vm.console())
    lab.guest.succeed("systemctl --no-block reboot")
    lab.vm.wait_console(question, timeout_s=BOOT_LIMIT_S, since=before)


def answer(lab: Lab, line: str, then: str = "") -> str:
    """Type a line at the serial console; return what it says until it has said ``then``."""
    before = len(lab.vm.console())
    with socket.socket(socket.AF_UNIX) as console:
        console.connect(str(lab.vm.places.serial_socket))
        console.sendall(f"{line}\r".encode())
        time.sleep(1.0)
    return lab.vm.wait_console(then, timeout_s=BOOT_LIMIT_S, since=before)


def test_a_reset_that_is_cut_short_goes_on_and_is_done_once(lab: Lab) -> None:
    identity = make_a_state(lab)
    before = len(lab.vm.console())
    lab.guest.succeed("patronus factory-reset --yes", timeout_s=LOOK_S)
    lab.vm.wait_console("0 % of", timeout_s=BOOT_LIMIT_S, since=before)
    lab.vm.cut_power()
    lab.restart()
    check_new(lab, identity, "cut short")
    identity = make_a_state(lab)
    lab.vm.cut_power()
    lab.restart()
    assert is_kept(lab, identity)


def test_the_boot_entry_wipes_after_one_word_and_nothing_for_another(lab: Lab) -> None:
    identity = make_a_state(lab)
    choose(lab, "reset", RESET)
    answer(lab, "rest", "Nothing was touched")
    lab.wait_up()
    assert is_kept(lab, identity)
    choose(lab, "reset", RESET)
    answer(lab, "reset", "are overwritten")
    lab.wait_up()
    check_new(lab, identity, "at the console")


def test_recovery_gives_a_shell_that_can_write_nothing_for_a_password_and_else_none(lab: Lab) -> None:
    lab.guest.succeed(f"echo '{PASSWORD}' | patronus user add anna --role admin", timeout_s=LOOK_S)
    identity = make_a_state(lab)
    choose(lab, "recovery", RECOVERY)
    assert "is none of them" in answer(lab, "id", RECOVERY)
    answer(lab, PASSWORD, "the disk is read-only")
    assert "Read-only file system" in answer(lab, f"rm {KEPT}; echo $((6*7))", "\n42")
    assert "patronusd" not in answer(lab, "ps -eo comm; ss -Htuln; echo $((6*7))", "\n42")
    answer(lab, "reboot -f")
    lab.wait_up()
    assert is_kept(lab, identity)
