# SPDX-License-Identifier: GPL-2.0-or-later
"""A reset wipes what the router keeps, goes on after a power cut, and is done once; recovery asks first."""

import os

import pytest

from tests.vm.lab import BOOT_LIMIT_S, Lab
from tests.vm.terminal import answer, choose
from tests.vm.test_9_doors import PASSWORD

pytestmark = pytest.mark.skipif("PATRONUS_RECOVERY" not in os.environ, reason="in the soak")
LOOK_S = 300.0
KEPT = "/var/lib/patronus/kept"
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
    choose(lab.vm, "reset", RESET)
    answer(lab.vm, "rest", "Nothing was touched")
    lab.wait_up()
    assert is_kept(lab, identity)
    choose(lab.vm, "reset", RESET)
    answer(lab.vm, "reset", "are overwritten")
    lab.wait_up()
    check_new(lab, identity, "at the console")


def test_recovery_gives_a_shell_that_can_write_nothing_for_a_password_and_else_none(lab: Lab) -> None:
    lab.guest.succeed(f"echo '{PASSWORD}' | patronus user add anna --role admin", timeout_s=LOOK_S)
    identity = make_a_state(lab)
    choose(lab.vm, "recovery", RECOVERY)
    assert "is none of them" in answer(lab.vm, "id", RECOVERY)
    answer(lab.vm, PASSWORD, "the disk is read-only")
    assert "Read-only file system" in answer(lab.vm, f"rm {KEPT}; echo $((6*7))", "\n42")
    assert "patronusd" not in answer(lab.vm, "ps -eo comm; ss -Htuln; echo $((6*7))", "\n42")
    answer(lab.vm, "reboot -f")
    lab.wait_up()
    assert is_kept(lab, identity)
