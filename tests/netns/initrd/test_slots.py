# SPDX-License-Identifier: GPL-2.0-or-later
"""What the initrd decides about a damaged system: try again, the other slot, or stop and say why.

The scripts that ship, with folders of ours in the place of the firmware's variables, the kernel's last words,
and the boot partition; what they would do to the machine is written down.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "image/initrd-tree/usr/lib/patronus"
LOADER = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
ROOT_HASH = "819c46b2233ed841ce85d8b8cb27c8da" * 2
PARTITION = "819c46b2-233e-d841-ce85-d8b8cb27c8da"
ESP = "730f52f0-509e-4d73-ab03-2654e91c4939"
OURS, THEIRS = "1:3", "253:9"  # the partition is /dev/null here
STOPPED = "Patronus has STOPPED"
STAND_INS = {
    "mount": 'exec /usr/bin/mount --bind "$ROOT/esp" "${@: -1}"',
    "systemctl": """case $* in
        *reboot) echo reboot >>"$ROOT/done"; kill "$PPID" ;;
        *) echo "systemd-veritysetup@root.service loaded failed failed Verity" ;;
    esac""",
    "sleep": '[ "$1" != infinity ] || echo stopped >>"$ROOT/done"',
    "journalctl": 'echo "ctx=0x1 no such module"; echo "Failed to load verity superblock: Invalid argument"',
}


@dataclass
class Initrd:
    """One boot's surroundings, below ``root``."""

    root: Path

    def prepare(self, *entries: str, selected: str) -> None:
        """Lay out a boot partition with these entries, of which one was started."""
        for folder in ("esp/EFI/Linux", "efivars", "pstore", "bin", "dev/disk/by-partuuid", "run", "var/lib"):
            (self.root / folder).mkdir(parents=True)
        for entry in entries:
            (self.root / "esp/EFI/Linux" / entry).touch()
        for name, text in (("LoaderEntrySelected", selected), ("LoaderDevicePartUUID", ESP.upper())):
            content = b"\6\0\0\0" + f"{text}\0".encode("utf-16-le")
            (self.root / f"efivars/{name}-{LOADER}").write_bytes(content)
        for name, body in STAND_INS.items():
            (self.root / "bin" / name).write_text(f"#!/bin/bash\n{body}\n")
            (self.root / "bin" / name).chmod(0o755)
        os.mknod(self.root / "dev/null", 0o020666, os.makedev(1, 3))
        (self.root / "dev/fd").symlink_to("/proc/self/fd")
        for link in (PARTITION, ESP):
            (self.root / "dev/disk/by-partuuid" / link).symlink_to("/dev/null")
        (self.root / "dev/screen").touch()
        (self.root / "dev/serial").touch()
        (self.root / "active").write_text("screen serial\n")
        (self.root / "cmdline").write_text(f"quiet roothash={ROOT_HASH} panic=10\n")

    def panicked(self, number: str, device: str, words: str = "data block 7 is corrupted") -> None:
        """Leave what the kernel says when it panics over a damaged block."""
        path = self.root / f"pstore/dmesg-efi_pstore-{number}01001"
        path.write_text(
            f"Panic#1 Part1\n<3>[ 9.1] device-mapper: verity: {device}: {words}\n"
            "<0>[ 9.2] Kernel panic - not syncing: dm-verity device corrupted\n"
        )

    def run(self, script: str, *arguments: str) -> int:
        """Run a script of the initrd; return how it ended."""
        sys = self.root / "sys"
        for folder in ("firmware/efi/efivars", "fs/pstore", "class/tty/console"):
            (sys / folder).mkdir(parents=True, exist_ok=True)
        (sys / "class/tty/console/active").touch()
        binds = [
            ("efivars", f"{sys}/firmware/efi/efivars"),
            ("pstore", f"{sys}/fs/pstore"),
            ("active", f"{sys}/class/tty/console/active"),
            ("cmdline", "/proc/cmdline"),
            ("run", "/run"),
            ("dev", "/dev"),
        ]
        steps = [f"mount --bind {self.root}/{source} {target}" for source, target in binds]
        steps += [f"mount --rbind {sys} /sys", "mkdir -p /usr/lib/patronus"]
        steps += [f"mount --bind {SCRIPTS} /usr/lib/patronus"]
        program = " && ".join([*steps, f'PATH={self.root}/bin:$PATH exec /usr/lib/patronus/{script} "$@"'])
        return subprocess.run(
            ["unshare", "--mount", "bash", "-c", program, "bash", *arguments],
            env={**os.environ, "ROOT": str(self.root)}, check=False, stdin=subprocess.DEVNULL, timeout=60,
        ).returncode  # fmt: skip

    def entries(self) -> set[str]:
        """Return the boot entries as they are now."""
        return {path.name for path in (self.root / "esp/EFI/Linux").iterdir()}

    def done(self) -> list[str]:
        """Return what would have happened to the machine."""
        path = self.root / "done"
        return path.read_text().split() if path.exists() else []

    def said(self) -> str:
        """Return what both consoles show."""
        screen = (self.root / "dev/screen").read_text()
        assert (self.root / "dev/serial").read_text() == screen
        return screen


@pytest.fixture
def initrd(tmp_path: Path) -> Iterator[Initrd]:
    tmp_path.chmod(0o755)
    yield Initrd(tmp_path)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ({"p_2+2-1.efi"}, "reboot"),  # tries are left
        ({"p_2.efi"}, "reboot"),  # it had been good
        ({"p_2+0-3.efi", "p_1.efi"}, "reboot"),  # the other one comes next
        ({"p_2+0-3.efi"}, "stopped"),
        ({"p_2+0-3.efi", "p_1+0-3.efi"}, "stopped"),  # both failed too often
    ],
)
def test_a_failure_starts_again_or_stops_and_always_says_why(
    initrd: Initrd, entries: set[str], expected: str
) -> None:
    initrd.prepare(*entries, selected="p_2.efi")
    initrd.run("slot-failed")
    assert initrd.done() == [expected]
    said = initrd.said()
    assert "does not start from p_2" in said
    assert "systemd-veritysetup@root.service" in said
    assert "Failed to load verity superblock" in said
    assert "ctx=" not in said
    assert (STOPPED in said) == (expected == "stopped")


def test_a_system_that_had_been_good_is_counted_again(initrd: Initrd) -> None:
    initrd.prepare("p_2.efi", "p_1.efi", selected="p_2.efi")
    initrd.run("slot-failed")
    assert initrd.entries() == {"p_2+2-1.efi", "p_1.efi"}
    assert "tries left: 2, other systems: 1" in initrd.said()


def test_without_a_boot_partition_it_stops(initrd: Initrd) -> None:
    initrd.prepare("p_2.efi", selected="p_2.efi")
    (initrd.root / f"efivars/LoaderEntrySelected-{LOADER}").unlink()
    initrd.run("slot-failed")
    assert initrd.done() == ["stopped"]
    assert "The boot partition cannot be read" in initrd.said()


def test_no_panic_no_change(initrd: Initrd) -> None:
    initrd.prepare("p_2.efi", selected="p_2.efi")
    assert initrd.run("slot-check") == 0
    initrd.panicked("1795690822", THEIRS)
    assert initrd.run("slot-check") == 0
    assert initrd.entries() == {"p_2.efi"}


def test_a_panic_over_our_own_partition_has_the_boots_counted_again(initrd: Initrd) -> None:
    initrd.prepare("p_2.efi", selected="p_2.efi")
    initrd.panicked("1795690822", OURS)
    assert initrd.run("slot-check") == 0
    assert initrd.entries() == {"p_2+2-1.efi"}


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ({"p_2+0-3.efi"}, 0),  # this is the last try
        ({"p_2+0-4.efi"}, 1),
        ({"p_2+0-4.efi", "p_1.efi"}, 0),  # chosen by hand: the other one is there
    ],
)
def test_after_the_last_try_it_does_not_start_once_more_and_one_more_is_a_persons(
    initrd: Initrd, entries: set[str], code: int
) -> None:
    initrd.prepare(*entries, selected="p_2.efi")
    initrd.panicked("1795690822", OURS)
    assert initrd.run("slot-check") == code
    if code:
        initrd.run("slot-failed")
        assert initrd.done() == ["stopped"]
        assert f"verity: {OURS}: data block 7 is corrupted" in initrd.said()
        assert initrd.run("slot-check") == 0, "switched off and on"


def test_what_cannot_be_found_out_keeps_nobody_from_starting(initrd: Initrd) -> None:
    initrd.prepare("p_2.efi", selected="p_2.efi")
    initrd.panicked("1795690822", OURS)
    (initrd.root / "cmdline").write_text("quiet\n")
    assert initrd.run("slot-check") == 0
    assert initrd.entries() == {"p_2.efi"}


def test_each_panic_is_written_down_once_with_its_time(initrd: Initrd) -> None:
    initrd.prepare("p_2+0-3.efi", "p_1.efi", selected="p_1.efi")
    initrd.panicked("1795690822", OURS)
    initrd.panicked("1795690999", THEIRS, "metadata block 1 is corrupted")
    (initrd.root / "pstore/dmesg-efi_pstore-179569099902001").write_text("Panic#1 Part2\n<6>[ 1.0] Linux\n")
    for _ in range(2):
        assert initrd.run("slot-record", str(initrd.root / "var/lib")) == 0
    kept = (initrd.root / "var/lib/patronus-boot/damage").read_text()
    assert kept == (
        f"1795690822 {OURS}: data block 7 is corrupted\n1795690999 {THEIRS}: metadata block 1 is corrupted\n"
    )
    assert (initrd.root / "run/patronus-boot/bad").read_text() == "p_2+0-3.efi\n"


def test_each_start_of_recovery_or_install_is_written_down_and_no_other_start_is(initrd: Initrd) -> None:
    initrd.prepare("p_2.efi", selected="p_2.efi")
    cmdline, kept = initrd.root / "cmdline", initrd.root / "var/lib/patronus-boot/recovery"
    ordinary = cmdline.read_text()
    for words, starts in (
        ("", 0),
        ("patronus.recovery", 1),
        ("patronus.recovery.not", 1),
        ("patronus.recovery", 2),
        ("patronus.install", 3),
    ):
        cmdline.write_text(f"{words} {ordinary}")
        assert initrd.run("slot-record", str(initrd.root / "var/lib")) == 0
        assert (len(kept.read_text().splitlines()) if kept.exists() else 0) == starts
    assert [" install" in line for line in kept.read_text().splitlines()] == [False, False, True]
