# SPDX-License-Identifier: GPL-2.0-or-later
"""Where QEMU and its firmware are: in the tools tree, started through that tree's own dynamic loader.

The tools tree's QEMU is newer and twice as fast without KVM as Debian 12's, and runs without a chroot and
without root. Where there is no tools tree, the host's own QEMU serves.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from image.trees import tree
from qemu.errors import Missing

TREE_VARIABLE = "PATRONUS_TOOLS_TREE"
_LIBRARIES = ("usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/swtpm")
_DATA = ("usr/share/qemu", "usr/share/seabios")


@dataclass(frozen=True)
class Firmware:
    """One OVMF build: its code, and the variables that a new machine starts with."""

    code: Path
    variables: Path


@dataclass(frozen=True)
class Emulator:
    """A root folder that holds QEMU: ``/`` or a tools tree."""

    root: Path

    def program(self, name: str) -> list[str]:
        """Return the start of an argv for one of QEMU's programs, or for swtpm."""
        binary = self.root / "usr/bin" / name
        if not binary.exists():
            raise Missing(
                name, hint="`make trees` builds the tools tree, or: apt-get install qemu-system-x86 ovmf"
            )
        if self.root == Path("/"):
            return [str(binary)]
        loader = self.root / "usr/lib64/ld-linux-x86-64.so.2"
        libraries = ":".join(str(self.root / folder) for folder in _LIBRARIES)
        return [str(loader), "--library-path", libraries, str(binary)]

    def system(self) -> list[str]:
        """Return the start of an argv for the machine itself, with the folders of its ROMs."""
        folders = [argument for folder in _DATA for argument in ("-L", str(self.root / folder))]
        return [*self.program("qemu-system-x86_64"), *folders]

    def environment(self) -> dict[str, str]:
        """Return the environment of either program; QEMU would look for its modules beside the loader."""
        return {"PATH": "/usr/bin:/bin", "QEMU_MODULE_DIR": str(self.root / _LIBRARIES[0] / "qemu")}

    def firmware(self, *, secure_boot: bool = False) -> Firmware:
        """OVMF, with or without the code that enforces Secure Boot (which needs ``smm=on``)."""
        folder = self.root / "usr/share/OVMF"
        code = folder / ("OVMF_CODE_4M.secboot.fd" if secure_boot else "OVMF_CODE_4M.fd")
        if not code.exists():
            raise Missing(code.name, hint="`make trees` builds the tools tree, or: apt-get install ovmf")
        return Firmware(code=code, variables=folder / "OVMF_VARS_4M.fd")


def find_emulator() -> Emulator:
    """Return the tools tree that the builder made, else the host."""
    root = Path(os.environ.get(TREE_VARIABLE) or tree("tools"))
    return Emulator(root if (root / "usr/bin/qemu-system-x86_64").exists() else Path("/"))
