# SPDX-License-Identifier: GPL-2.0-or-later
"""A person before the machine: chooses what is started, and types at the serial console."""

import socket
import time

from qemu.vm import Vm
from tests.vm.lab import BOOT_LIMIT_S

_ONE_SHOT = "LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
_WRITABLE = (7).to_bytes(4, "little")  # an EFI variable that stays, and that system and firmware may read


def choose(vm: Vm, profile: str, question: str) -> None:
    """Start the boot entry of a profile, once, and wait for what it asks."""
    (name,) = vm.guest.succeed("ls /boot/EFI/Linux").split()
    vm.guest.copy_to(_WRITABLE + f"{name}@{profile}\0".encode("utf-16-le"), "/run/one-shot")
    vm.guest.succeed(f"cat /run/one-shot >/sys/firmware/efi/efivars/{_ONE_SHOT}")
    before = len(vm.console())
    vm.guest.succeed("systemctl --no-block reboot")
    vm.wait_console(question, timeout_s=BOOT_LIMIT_S, since=before)


def answer(vm: Vm, line: str, then: str = "", *, timeout_s: float = BOOT_LIMIT_S) -> str:
    """Type a line at the serial console; return what it says until it has said ``then``."""
    before = len(vm.console())
    with socket.socket(socket.AF_UNIX) as console:
        console.connect(str(vm.places.serial_socket))
        console.sendall(f"{line}\r".encode())
        time.sleep(1.0)
    return vm.wait_console(then, timeout_s=timeout_s, since=before)
