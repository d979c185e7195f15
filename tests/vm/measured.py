# SPDX-License-Identifier: GPL-2.0-or-later
"""What a TPM will measure of a changed unified kernel, signed anew by its owner.

A kernel holds what all its profiles share, then what each has of its own, and behind each of these parts a
``.pcrsig``: the signature over what systemd-stub(7) measures of that profile (systemd-measure(1)).
"""

from __future__ import annotations

import json
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from image.trees import tree

MEASURE = "usr/lib/systemd/systemd-measure"
LOADER = "usr/lib64/ld-linux-x86-64.so.2"
LIBRARIES = ("usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/systemd")
MEASURED = (".linux", ".osrel", ".cmdline", ".initrd", ".uname", ".sbat", ".pcrpkey", ".profile")
SIGNATURE = ".pcrsig"
_PE_AT, _SECTIONS_AT = 0x3C, 24
_SECTION = struct.Struct("<8s6I2HI")


@dataclass(frozen=True)
class PeSection:
    """One section of the file: its bytes begin at ``start``."""

    name: str
    start: int
    size: int


def sections(kernel: bytes) -> list[PeSection]:
    """Return the sections in their order (Microsoft PE format, section table)."""
    (header,) = struct.unpack_from("<I", kernel, _PE_AT)
    count, optional = struct.unpack_from("<H12xH", kernel, header + 6)
    table = header + _SECTIONS_AT + optional
    found = []
    for number in range(count):
        name, size, _, _, start, *_ = _SECTION.unpack_from(kernel, table + number * _SECTION.size)
        found.append(PeSection(name.rstrip(b"\0").decode(), start, size))
    return found


def sign_again(kernel: bytes, key: Path, scratch: Path) -> bytes:
    """Return the kernel with signatures over what is measured of it now."""
    changed = bytearray(kernel)
    shared: dict[str, PeSection] = {}
    own: dict[str, PeSection] = {}
    in_profile = False
    for section in sections(kernel):
        if section.name == SIGNATURE:
            signature = _sign(kernel, {**shared, **own}, key, scratch)
            assert len(signature) == section.size, (len(signature), section.size)
            changed[section.start : section.start + section.size] = signature
        elif section.name in MEASURED:
            if section.name == ".profile":
                in_profile, own = True, {}
            (own if in_profile else shared)[section.name] = section
    assert own, "it is signed for no profile"
    return bytes(changed)


def _sign(kernel: bytes, measured: dict[str, PeSection], key: Path, scratch: Path) -> bytes:
    tools = tree("tools")
    libraries = ":".join(str(tools / folder) for folder in LIBRARIES)
    argv = [str(tools / LOADER), "--library-path", libraries, str(tools / MEASURE)]
    argv += ["sign", "--bank=sha256", f"--private-key={key}"]
    for name, section in measured.items():
        part = scratch / f"measured{name}"
        part.write_bytes(kernel[section.start : section.start + section.size])
        argv.append(f"--{name.removeprefix('.')}={part}")
    signed = json.loads(subprocess.run(argv, check=True, capture_output=True).stdout)
    return json.dumps(signed).encode()
