# SPDX-License-Identifier: GPL-2.0-or-later
"""What asks at the console after the boot entry *Install* (``patronus-install@.service``).

No daemon runs then, and the network is shut. From a router that nobody has set up, a stick as it was flashed,
whoever stands before the machine may install; from one that has an owner, who knows what opens Recovery.
"""

from __future__ import annotations

import argparse
import fcntl
import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from patronus.core.errors import Conflict, PatronusError
from patronus.daemon.door import Door, ask
from patronus.kernel.host import Places
from patronus.update import running
from patronus.update.disk import Disk
from patronus.update.disk_install import Machine, chosen, perform
from patronus.update.gpt import partitions
from patronus.update.task import DiskTask

CLOSED = """
Nothing is installed from a router that somebody has set up, unless by its owner: there is neither an
administrator whose password can be checked nor a recovery password of its vault. Start from a stick that was
flashed anew. It restarts at Enter.
"""
WELCOME = """
Patronus {version} can be installed on a disk of this machine. ALL THAT IS ON THAT DISK IS LOST. Nothing that
this router keeps goes along: to take a configuration along, restore a backup on the new router.
"""
DONE = """
{disk} has Patronus {version}, read back and equal. At Enter the machine switches off. Take out what it was
started from, and start: it is a new router, with a set-up code on its console.
"""
ASK_DISK = "Name of the disk (Enter looks again, restart leaves): "
ASK_WORD = "Type the word overwrite to begin; anything else goes back: "
LEAVE, WORD = "restart", "overwrite"
RESTART = ("/usr/bin/systemctl", "--force", "reboot")
SWITCH_OFF = ("/usr/bin/systemctl", "--force", "poweroff")
"""Without the bus, which does not run; file systems are unmounted."""
WORK = Path("/run/patronus-disk-install")
GB = 1e9
Say = Callable[[str], None]
Prompt = Callable[[str], str]


class Dialog:
    """The talk at one console; ``work`` is a folder that the talks at all consoles share."""

    def __init__(self, version: str, machine: Machine, work: Path, prompt: Prompt, say: Say) -> None:
        self._version = version
        self._machine = machine
        self._work = work
        self._prompt = prompt
        self._say = say
        self._shown = ""

    def go(self) -> tuple[str, ...]:
        """Ask, and install; return the command that comes after it. Raises EOFError where nobody is left."""
        self._say(WELCOME.format(version=self._version))
        while True:
            self._list()
            name = self._prompt(ASK_DISK).strip().removeprefix("/dev/")
            if name == LEAVE:
                return RESTART
            if name and self._install(name):
                return SWITCH_OFF

    def _list(self) -> None:
        try:
            for disk in self._machine.disks():
                why = "; ".join(disk.problems)
                self._say(f"  {_named(disk)}: {f'not taken: {why}' if why else 'can be taken'}")
        except OSError as error:
            self._say(f"The disks cannot be looked at: {error}")

    def _install(self, name: str) -> bool:
        """Install on a disk if that is meant; return whether it was done, else it is said why not."""
        try:
            disk = self._find(name)
            self._say(f"All that is on {_named(disk)} is lost{self._content(disk)}.")
            if self._prompt(ASK_WORD).strip() != WORD:
                self._say("Nothing was touched.")
                return False
            if self._find(name) != disk:
                raise Conflict(f"{name} is another disk now; nothing was touched")
            with _alone(self._work):
                report = perform(DiskTask(number=1, disk=name), self._machine, self._work, self._tell)
        except (PatronusError, OSError) as error:
            self._say(f"{error}\n")
            return False
        if report.state == "failed":
            self._say(f"The installation on {name} FAILED: {report.error}\n")
            return False
        self._say(DONE.format(disk=name, version=report.version))
        self._prompt("")
        return True

    def _find(self, name: str) -> Disk:
        return chosen(DiskTask(number=0, disk=name), self._machine.disks())

    def _content(self, disk: Disk) -> str:
        """Return in words what is on a disk, as far as a partition table tells."""
        try:
            labels = [part.label or "no name" for part in partitions(self._machine.devices / disk.name)]
        except (ValueError, OSError):
            return ""
        return f"; it holds {', '.join(labels)}" if labels else ""

    def _tell(self, step: str, done: int, total: int) -> None:
        """Say how far it is, to a tenth: a line each would fill a screen."""
        line = f"{step}: {100 * done // total // 10 * 10} %" if total else f"{step} …"
        if line != self._shown:
            self._shown = line
            self._say(line)


def _named(disk: Disk) -> str:
    return f"{disk.name} ({disk.model}, {disk.bytes / GB:.1f} GB)"


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    """Keep the talks at other consoles from installing meanwhile. Raises Conflict where one does."""
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("an installation goes on at another console; nothing was touched") from error
        yield


def talk(door: Door, dialog: Dialog, secretly: Prompt, say: Say) -> tuple[str, ...]:
    """Let in whom the router's owner would, and have the talk; return the command that comes after it."""
    if door.ownerless or ask(door, secretly, say, CLOSED):
        return dialog.go()
    return RESTART


def main() -> None:
    """Talk, and switch off or restart."""
    parser = argparse.ArgumentParser(prog="patronus.daemon.install_dialog", description=__doc__)
    parser.add_argument("--root", type=Path, help="the router's files lie below this folder instead of /")
    given = parser.parse_args()
    door = Door.of(Places.below(given.root) if given.root else Places())
    dialog = Dialog(running.version(), running.machine(), WORK, input, _say)
    try:
        command = talk(door, dialog, getpass.getpass, _say)
    except (EOFError, KeyboardInterrupt):
        sys.exit("")  # it is started again, and asks again
    os.execv(command[0], command)  # noqa: S606 - what this program is for


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
