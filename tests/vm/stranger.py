# SPDX-License-Identifier: GPL-2.0-or-later
"""Our own system in a stranger's signature: put on a running router's boot partition as a second entry."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from image.host import run
from image.trees import tool
from qemu.guest import Guest
from tests.vm.slots import BLOCK, Esp

NAME = "patronus_0.0.0.efi"  # older than any that is built: never started unless it is asked for
_SUBJECT = "/CN=Somebody else"
_ENTRIES = "/boot/EFI/Linux"


@dataclass(frozen=True)
class Patch:
    """What makes one file of another: a new beginning, a new end from a block on, a new length and sum."""

    head: bytes
    tail: bytes
    tail_block: int
    length: int
    sha256: str


def signed_by_a_stranger(image: Path, scratch: Path) -> Patch:
    """Return how the UKI on the image becomes one signed by a key that no firmware was ever given."""
    esp = Esp(image)
    (name,) = esp.entries()
    ours = esp.take(f"/EFI/Linux/{name}", scratch / "ours.efi")
    key, certificate, bare, theirs = (scratch / f"stranger.{kind}" for kind in ("key", "crt", "bare", "efi"))
    openssl = [*tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-subj", _SUBJECT]
    run([*openssl, "-config", "/dev/null", "-keyout", key, "-out", certificate])
    run(["cp", ours, bare])
    run([*tool("sbattach"), "--remove", bare])
    run([*tool("sbsign"), "--key", key, "--cert", certificate, "--output", theirs, bare])
    return _patch(ours.read_bytes(), theirs.read_bytes())


def _patch(old: bytes, new: bytes) -> Patch:
    """Compare block by block: signatures are at the end, and the header says where."""
    blocks = range(1, -(-len(new) // BLOCK))
    parts = (slice(block * BLOCK, (block + 1) * BLOCK) for block in blocks)
    first = next(part.start // BLOCK for part in parts if old[part] != new[part])
    digest = hashlib.sha256(new).hexdigest()
    return Patch(new[:BLOCK], new[first * BLOCK :], first, len(new), digest)


def put(guest: Guest, ours: str, patch: Patch) -> None:
    """Write the stranger's system beside ours, whose entry is called so."""
    guest.copy_to(patch.head, "/run/head")
    guest.copy_to(patch.tail, "/run/tail")
    guest.succeed(f"cd {_ENTRIES} && cp {ours} {NAME} && truncate --size={patch.length} {NAME}")
    for part, block in (("head", 0), ("tail", patch.tail_block)):
        guest.succeed(f"dd if=/run/{part} of={_ENTRIES}/{NAME} bs={BLOCK} seek={block} conv=notrunc,fsync")
    assert patch.sha256 in guest.succeed(f"sha256sum {_ENTRIES}/{NAME}")
