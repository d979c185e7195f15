# SPDX-License-Identifier: GPL-2.0-or-later
"""Stands in for systemd-sysupdate on a disk of folders: ``sysupdate.py FAULT RELEASE ROOT update VERSION``.

The test tree has none; the real one writes the slots in tests/vm. FAULT is what goes wrong: none, refuses (it
ends with an error), packed (a slot is written as it was downloaded), entry (no boot entry is made), cut:BYTES
(after so many bytes the power is cut: whoever started it ends as well).
"""

from __future__ import annotations

import gzip
import os
import signal
import sys
from pathlib import Path
from uuid import UUID

PIECE = 512
CUT = "cut:"


class Power:
    """Writes files piece by piece, for as long as there is power for it."""

    def __init__(self, fault: str) -> None:
        self.left = int(fault.removeprefix(CUT)) if fault.startswith(CUT) else sys.maxsize

    def write(self, place: Path, content: bytes) -> None:
        """Write a file, or as much of it as there is power for."""
        with place.open("wb", buffering=0) as handle:
            for start in range(0, len(content), PIECE):
                piece = content[start : start + min(PIECE, self.left)]
                handle.write(piece)
                self.left -= len(piece)
                if not self.left:
                    os.kill(os.getppid(), signal.SIGKILL)
                    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Write a release into vda4 and vda5, and the boot entry."""
    fault, source, root = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    version = sys.argv[-1]
    assert sys.argv[-2] == "update"
    if fault == "refuses":
        sys.exit("Signature verification failed.")
    power = Power(fault)
    for device, kind, label in (("vda4", "verity", f"{version}_verity"), ("vda5", "root", version)):
        (packed,) = source.glob(f"patronus_{version}_*.{kind}.gz")
        content = packed.read_bytes()
        power.write(root / "dev" / device, content if fault == "packed" else gzip.decompress(content))
        with (root / "dev/vda").open("r+b") as disk:  # the kernel of a disk in use keeps the old label
            entry = 2 * 512 + (int(device[-1]) - 1) * 128
            disk.seek(entry + 16)
            disk.write(UUID(packed.name.split("_")[2].partition(".")[0]).bytes_le)
            disk.seek(entry + 56)
            disk.write(f"patronus_{label}".encode("utf-16-le").ljust(72, b"\0"))
    if fault != "entry":
        folder = root / "esp/EFI/Linux"
        power.write(folder / ".new", (source / f"patronus_{version}.efi").read_bytes())
        (folder / ".new").rename(folder / f"patronus_{version}+3-0.efi")


main()
