# SPDX-License-Identifier: GPL-2.0-or-later
"""A signed update over https proves itself and keeps what the router had; an ill one falls back by itself."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import expect

from qemu.run import set_up_code
from tests.vm import releases
from tests.vm.kept import has_all, is_held_by_secure_boot, keep_all
from tests.vm.lab import BOOT_LIMIT_S, LAN_ADDRESS, Lab, eventually
from tests.vm.test_4_browser import SLOW_MS, browser_on, set_up
from tests.vm.updating import (
    LOOK_S,
    UPDATE_S,
    bring_in,
    next_version,
    offering,
    reboot,
    restart,
    status,
    take,
)

pytestmark = pytest.mark.skipif("PATRONUS_UPDATES" not in os.environ, reason="in the soak")
RELEASE = "/var/lib/patronus-update/release"
ENTRIES = "/boot/EFI/Linux"
FILLED = "/boot/filled"
BOOT_FREE = "$(($(stat -f -c '%a * %S' /boot)))"
FILL = f"exec 9>{FILLED}; fallocate -n -l $(({BOOT_FREE} - (1 << 20))) {FILLED}; sleep infinity\n"
LOST_CLOCK = """
import fcntl, struct
RTC_SET_TIME = 0x4024700A  # linux/rtc.h; struct rtc_time: seconds first, years since 1900
with open("/dev/rtc0", "rb") as clock:
    fcntl.ioctl(clock, RTC_SET_TIME, struct.pack("9i", 0, 0, 0, 2, 0, 101, 0, 0, 0))
"""
ILL_S = 2400.0
"""It boots, looks for three minutes and restarts."""


@dataclass(frozen=True)
class Illness:
    """A change in the signed root, and what the look at the health calls it."""

    change: releases.Change
    finding: str


ILL = {
    "crashing-daemon": Illness(
        (b"ExecStart=/usr/bin/patronusd\nUser=", b"ExecStart=/usr/bin/false    \nUser="), "patronusd"
    ),
}


def keep_something(lab: Lab) -> None:
    """Give the router what it has to keep."""
    lab.guest.succeed("patronus block 203.0.113.77 && echo kept >/var/lib/patronus/kept")


def still_has_what_it_had(lab: Lab) -> None:
    """Configuration, blocks and files lie where no slot reaches."""
    assert "203.0.113.77" in lab.guest.succeed("nft list ruleset")
    assert lab.guest.succeed("cat /var/lib/patronus/kept") == "kept\n"
    assert status(lab)["source"].startswith("https://"), "its configuration is read"


def generation(lab: Lab) -> int:
    """Return the number of the generation that runs."""
    return int(json.loads(lab.guest.succeed("patronus --json status"))["system"]["generation"])


def proves_itself(lab: Lab, version: str) -> None:
    """Wait until the version that runs is a good one."""
    assert status(lab)["running"] == version
    eventually(lambda: status(lab)["good"], timeout_s=BOOT_LIMIT_S)
    assert "has proved itself" in lab.guest.succeed("journalctl -b -u patronus-health --no-pager")


@contextmanager
def full_boot_partition(lab: Lab) -> Iterator[None]:
    """Leave a MiB of the boot partition, by a file that somebody holds open."""
    lab.guest.copy_to(FILL.encode(), "/run/fill")
    lab.guest.succeed("systemd-run --quiet --unit=fill bash /run/fill")
    lab.guest.wait_until_succeeds(f"test {BOOT_FREE} -lt $((2 << 20))", timeout_s=LOOK_S)
    yield
    lab.guest.succeed(f"systemctl stop fill.service; rm {FILLED}; sync -f /boot")


def lose_the_clock(lab: Lab) -> None:
    """Set the clock that runs on a battery to long before this image; its chip knows no year 1970."""
    lab.guest.copy_to(LOST_CLOCK.encode(), "/run/lost.py")
    lab.guest.succeed("python3 /run/lost.py")


def began_with_a_lost_clock(lab: Lab) -> None:
    """The kernel read a clock that was lost, and the router goes on from the time of the image's build."""
    said = lab.guest.succeed("journalctl -b -k -o cat --grep 'setting system clock to'")
    assert "clock to 2001-01-02" in said, said
    lab.guest.succeed("test $(date +%s) -ge $(stat -c %Y /usr/lib/clock-epoch)")


def leave_one_try(lab: Lab, version: str) -> None:
    """Use up all but one of the tries of a version that was just installed: they save boots."""
    name = f"{ENTRIES}/patronus_{version}"
    lab.guest.succeed(f"mv {name}+3-0.efi {name}+1-2.efi")


def test_a_signed_update_proves_itself_and_keeps_what_the_router_had(lab: Lab, folder: Path) -> None:
    """Under Secure Boot; a full boot partition takes nothing, the first start finds a clock that was lost."""
    now = status(lab)["running"]
    new = next_version(now)
    kept = keep_all(lab)
    is_held_by_secure_boot(lab, now)
    with offering(lab, folder / "update", new):
        entries = lab.guest.succeed(f"ls {ENTRIES}")
        with full_boot_partition(lab):
            refused = lab.guest.fail("patronus update apply", timeout_s=UPDATE_S)
            assert "update esp: the boot partition has room for" in refused
        assert lab.guest.succeed(f"ls {ENTRIES}") == entries
        take(lab, new)
    lose_the_clock(lab)
    reboot(lab)
    began_with_a_lost_clock(lab)
    began = lab.guest.succeed("journalctl -b -u patronus-head-start.service -o cat")
    assert "stands, packets pass" in began, began
    proves_itself(lab, new)
    is_held_by_secure_boot(lab, new)
    has_all(lab, kept)
    lab.guest.succeed("patronus update rollback --yes", timeout_s=UPDATE_S)
    after = status(lab)
    assert "went back" in after["refused"][new]
    refused = lab.guest.fail(f"patronus update apply --source {RELEASE} --version {now}", timeout_s=UPDATE_S)
    assert "the other slot is the way back and is not written over" in refused


@pytest.mark.parametrize("kind", ILL)
def test_an_ill_update_falls_back_by_itself_and_the_next_one_is_taken(
    lab: Lab, folder: Path, tmp_path: Path, kind: str
) -> None:
    """Downloaded, installed and started by what ships; its illness is in its signed root."""
    illness, now = ILL[kind], status(lab)["running"]
    new = next_version(now)
    keep_something(lab)
    bring_in(lab, folder / kind, new, [illness.change])
    before, since = generation(lab), len(lab.vm.console())
    leave_one_try(lab, new)
    restart(lab)
    for _ in ("into the new one", "by itself, out of it"):
        lab.vm.qmp.wait_event("RESET", timeout_s=ILL_S)
    lab.wait_up()
    shown = lab.vm.console()[since:]
    assert shown.count(f"Patronus {new} is not healthy") == 1
    assert f"  {illness.finding}: " in shown
    assert status(lab)["running"] == now
    assert generation(lab) == before, "its configuration is untouched"
    still_has_what_it_had(lab)
    says_why(lab, new, illness.finding)
    shows_why(lab, new, illness.finding, tmp_path)
    again = f"patronus update apply --source {RELEASE} --version {new}"
    assert f"version {new} is refused" in lab.guest.fail(again, timeout_s=UPDATE_S)
    better = next_version(new)
    bring_in(lab, folder / f"after-{kind}", better)


def says_why(lab: Lab, version: str, finding: str) -> None:
    """Status and journal name the version that was ill, and what ailed it."""
    for look in ("patronus --json status", "journalctl -b -u patronusd --no-pager"):
        said = lab.guest.succeed(look, timeout_s=LOOK_S)
        assert f"patronus_{version}" in said and f"was not healthy ({finding}: " in said, said


def shows_why(lab: Lab, version: str, finding: str, scratch: Path) -> None:
    """The page of the updates does so too."""
    lab.lease()
    with browser_on(lab.client, scratch) as page:
        code = set_up_code(lab.vm.console())
        assert code is not None
        set_up(page, code)
        page.goto(f"https://{LAN_ADDRESS}/update")
        refused = page.get_by_text(f"{version}: it was not healthy: {finding}: ")
        expect(refused).to_be_visible(timeout=SLOW_MS)
