# SPDX-License-Identifier: GPL-2.0-or-later
"""What the initrd wipes, and what not: the script that ships and systemd-repart, on a disk that is a file.

The definitions are those of the image with other sizes. The firmware's variables and the command line are
folders of ours, the console is a terminal of ours.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from image.host import CHECKOUT
from image.identity import fresh
from image.trees import tool
from patronus.update.gpt import partitions

SCRIPTS = CHECKOUT / "image/initrd-tree/usr/lib/patronus"
DEFINITIONS = CHECKOUT / "rootfs/usr/lib/repart.d"
LOADER = "LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
WISH = "FactoryReset-8cf2644b-4b0b-428f-9387-6d876050dc67"
MIB = 1 << 20
SIZES = {"1G": "4M", "32M": "2M", "512M": "24M"}
KEPT = b"a secret of the owner"
EXT4 = b"\x53\xef"


@dataclass
class Machine:
    """A machine that starts, its files below ``root``, its disk a loop device."""

    root: Path
    loop: str = ""
    parts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Label → first byte and bytes of the last partition that has it."""
    own: str = ""
    own_node: str = ""

    def build(self) -> None:
        """Make the disk as the first boot does, and write what is not to be lost into root and data."""
        for name in ("firmware/efi/efivars", "definitions", "bin", "run", "pts", "dev/upper", "dev/work"):
            (self.root / name).mkdir(parents=True)
        for path in DEFINITIONS.iterdir():
            text = re.sub(
                r"(?<==)(1G|32M|512M)$", lambda found: SIZES[found[1]], path.read_text(), flags=re.M
            )
            (self.root / "definitions" / path.name).write_text(text)
        self.program("mkfs.ext4", tool("mkfs.ext4"))
        self.program("chattr", ["true"])
        self.program("udevadm", ["true"])
        repart = [*tool("systemd-repart"), f"--definitions={self.root}/definitions"]
        environment = {**os.environ, "PATH": f"{self.root}/bin:{os.environ['PATH']}"}
        make = [*repart, "--dry-run=no", "--empty=create", "--size=60M", str(self.root / "disk")]
        subprocess.run(make, check=True, capture_output=True, env=environment)
        self.loop = _said(["losetup", "--find", "--show", str(self.root / "disk")])
        subprocess.run(["partx", "--update", self.loop], check=True)
        self.program("systemd-repart", [*repart, self.loop])
        self.look()
        for label in ("_empty", "patronus-data"):
            self.write(label, 3 * MIB, KEPT)

    def program(self, name: str, command: list[str]) -> None:
        """Put a program first in the script's path."""
        (self.root / "bin" / name).write_text(f'#!/bin/bash\nexec {shlex.join(command)} "$@"\n')
        (self.root / "bin" / name).chmod(0o755)

    def look(self) -> None:
        """Read the disk's table; the workstation's kernel may not read it by itself."""
        rows = _said(["partx", "-bgo", "NR,START,SECTORS,UUID,NAME", self.loop]).splitlines()
        for number, start, size, uuid, label in (row.split() for row in rows):
            self.parts[label] = (512 * int(start), 512 * int(size))
            if label == "_empty":
                self.own, self.own_node = uuid, f"{Path(self.loop).name}p{number}"

    def write(self, label: str, offset: int, content: bytes) -> None:
        """Write into a partition, below whatever lies there."""
        with (self.root / "disk").open("r+b") as disk:
            disk.seek(self.parts[label][0] + offset)
            disk.write(content)

    def read(self, label: str) -> bytes:
        """Return what a partition holds."""
        subprocess.run(["sync", self.loop], check=True)
        start, size = self.parts[label]
        with (self.root / "disk").open("rb") as disk:
            disk.seek(start)
            return disk.read(size)

    @property
    def wish(self) -> Path:
        """The firmware's variable."""
        return self.root / "firmware/efi/efivars" / WISH

    def ask_for(self, word: str) -> None:
        """Set the firmware's variable."""
        self.wish.write_bytes(b"\7\0\0\0" + f"{word}\0".encode("utf-16-le"))

    def started_from(self, boot: UUID | None) -> None:
        """Say as systemd-boot does by which boot partition it was started; None: it says nothing."""
        told = self.root / "firmware/efi/efivars" / LOADER
        if boot:
            told.write_bytes(b"\6\0\0\0" + f"{boot}\0".upper().encode("utf-16-le"))
        else:
            told.unlink(missing_ok=True)

    def start(self, more: str = "", typed: str = "", *, ends: int = 0, also: Sequence[str] = ()) -> str:
        """Run the script as the initrd does; return what the console shows.

        ``also``: partitions that the kernel says to be labelled as the data partition is.
        """
        (self.root / "cmdline").write_text(f"quiet roothash={self.own.replace('-', '')}{'0' * 32} {more}\n")
        (self.root / "uevent").write_text("PARTNAME=patronus-data\n")
        ours, theirs = pty.openpty()
        console = os.ttyname(theirs)
        (self.root / "active").write_text(f"{console.removeprefix('/dev/')}\n")
        os.write(ours, typed.encode())
        layers = f"upperdir={self.root}/dev/upper,workdir={self.root}/dev/work"
        steps = [
            f"mount --bind {self.root}/firmware /sys/firmware",
            f"mount --bind {self.root}/active /sys/class/tty/console/active",
            f"mount --bind {self.root}/cmdline /proc/cmdline",
            f"mount --bind {self.root}/run /run",
            f"mount --bind /dev/pts {self.root}/pts",
            f"mount -t overlay -o lowerdir=/dev,{layers} dev /dev",
            f"mount --bind {self.root}/pts /dev/pts",
            *(f"mount --bind {self.root}/uevent /sys/class/block/{one}/uevent" for one in also),
            "mkdir -p /usr/lib/patronus /dev/disk/by-partuuid",
            f"ln -sf /dev/{self.own_node} /dev/disk/by-partuuid/{self.own}",
            f"mount --bind {SCRIPTS} /usr/lib/patronus",
            f"PATH={self.root}/bin:$PATH exec /usr/lib/patronus/reset",
        ]  # fmt: skip
        done = subprocess.run(
            ["unshare", "--mount", "bash", "-c", " && ".join(steps)], check=False, timeout=120,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
        os.set_blocking(ours, False)
        shown = b""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(ours, 1 << 12):
                shown += piece
        os.close(ours)
        os.close(theirs)
        assert done.returncode == ends, done.stderr
        self.look()
        return shown.decode()

    def was_reset(self) -> bool:
        """Return whether the data is gone, and a new file system there; it is as it was where it is not."""
        data = self.read("patronus-data")
        assert KEPT in self.read("_empty"), "the system's own partitions are not touched"
        assert data[1080:1082] == EXT4
        said = self.root / "run/patronus-boot/reset"
        assert said.exists() is (KEPT not in data)
        return KEPT not in data


def _said(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        made = Machine(Path(folder))
        try:
            made.build()
            yield made
        finally:
            if made.loop:
                subprocess.run(["partx", "--delete", made.loop], check=True)
                subprocess.run(["losetup", "--detach", made.loop], check=True)


def test_nobody_asked_and_nothing_is_touched(machine: Machine) -> None:
    assert machine.start() == ""
    machine.ask_for("no")
    assert machine.start("systemd.factory_reset=no patronus.reset=asking") == ""
    assert not machine.was_reset()
    assert machine.wish.exists()


def test_what_the_running_router_asked_for_is_done_once(machine: Machine) -> None:
    machine.ask_for("yes")
    assert "0 % of" in machine.start()
    assert machine.was_reset()
    assert not machine.wish.exists()
    said = (machine.root / "run/patronus-boot/reset").read_text()
    assert said == "asked for while the router ran\n"
    machine.write("patronus-data", 3 * MIB, KEPT)
    (machine.root / "run/patronus-boot/reset").unlink()
    machine.start()
    assert not machine.was_reset(), "the next start keeps what there is"


def test_the_boot_entry_asks_and_takes_one_word_for_yes(machine: Machine) -> None:
    shown = machine.start("patronus.reset=ask", typed="rest\n")
    assert "FACTORY RESET" in shown
    assert "Nothing was touched" in shown
    assert not machine.was_reset()
    machine.start("patronus.reset=ask", typed="reset\n")
    assert machine.was_reset()
    assert "at the console" in (machine.root / "run/patronus-boot/reset").read_text()


@pytest.mark.parametrize("program", ["blkdiscard", "systemd-repart"])
def test_a_reset_that_is_cut_short_goes_on_at_the_next_start(machine: Machine, program: str) -> None:
    real = machine.root / "bin" / program
    kept = real.read_text() if real.exists() else None
    real.write_text('#!/bin/bash\nkill -9 "$PPID"\n')
    real.chmod(0o755)
    machine.start("patronus.reset=ask", typed="reset\n", ends=-9)
    real.unlink()
    if kept:
        real.write_text(kept)
        real.chmod(0o755)
    assert machine.read("patronus-data")[1080:1082] != EXT4, "a half-wiped one is never mounted"
    machine.start()
    assert machine.was_reset()
    assert "cut short" in (machine.root / "run/patronus-boot/reset").read_text()


@pytest.fixture
def other(machine: Machine) -> Iterator[Path]:
    """A second disk, a copy of the machine's, onto which somebody else wrote."""
    copied = machine.root / "other"
    shutil.copyfile(machine.root / "disk", copied)
    device = Path(_said(["losetup", "--find", "--show", str(copied)]))
    try:
        subprocess.run(["partx", "--update", device], check=True)
        yield device
    finally:
        subprocess.run(["partx", "--delete", device], check=True)
        subprocess.run(["losetup", "--detach", device], check=True)


def draw_ids(disk: Path) -> None:
    """Give a disk other ids, as whoever flashes or installs one does."""
    patches = fresh(disk)
    with disk.open("r+b") as handle:
        for patch in patches:
            handle.seek(patch.offset)
            handle.write(patch.content)


def boot_id(disk: Path) -> UUID:
    """Return the id by which the firmware names a disk: its boot partition's."""
    return next(part.id for part in partitions(disk) if part.number == 1)


def test_of_two_disks_the_one_that_was_started_is_wiped(machine: Machine, other: Path) -> None:
    draw_ids(machine.root / "other")
    both, mine = (f"{Path(machine.loop).name}p6", f"{other.name}p6"), boot_id(machine.root / "disk")
    before = (machine.root / "other").read_bytes()
    machine.ask_for("yes")
    for told in (None, boot_id(machine.root / "other")):  # neither nothing nor the other disk's name will do
        machine.started_from(told)
        assert "NOTHING WAS WIPED" in machine.start(also=both)
        assert not machine.was_reset()
    machine.started_from(mine)
    machine.start(also=both)
    assert machine.was_reset()
    assert (machine.root / "other").read_bytes() == before


def test_of_two_disks_that_are_alike_none_is_wiped_until_one_is_taken_out(
    machine: Machine, other: Path
) -> None:
    machine.started_from(boot_id(machine.root / "disk"))
    machine.ask_for("yes")
    assert "NOTHING WAS WIPED" in machine.start(also=(f"{Path(machine.loop).name}p6", f"{other.name}p6"))
    assert not machine.was_reset()
    machine.start(also=(f"{Path(machine.loop).name}p6",))
    assert machine.was_reset()


def test_without_data_there_is_nothing_to_wipe_and_the_wish_is_forgotten(machine: Machine) -> None:
    machine.ask_for("yes")
    subprocess.run([*tool("sfdisk"), "--quiet", "--delete", machine.loop, "6"], check=True)
    assert machine.start() == ""
    assert not machine.wish.exists()
