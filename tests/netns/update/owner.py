# SPDX-License-Identifier: GPL-2.0-or-later
"""An owner with an update key, and small releases that are signed as real ones are."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from image.release import sign, write_sums

ROOT, VERITY, UKI = b"the root of ", b"the hash tree of ", b"the kernel of "


@dataclass(frozen=True)
class Owner:
    """A key pair: the GnuPG home with the private half, the keyring with the public one."""

    home: Path
    keyring: Path

    @classmethod
    def make(cls, folder: Path, name: str, *options: str) -> Owner:
        """Make a key; ``options`` are more of gpg's."""
        home, keyring = folder / name, folder / f"{name}.gpg"
        home.mkdir(mode=0o700)
        gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--passphrase", "", *options]
        key = ["--pinentry-mode", "loopback", "--quick-generate-key", name, "ed25519", "sign", "0"]
        subprocess.run([*gpg, *key], check=True)
        subprocess.run([*gpg, "--output", str(keyring), "--export"], check=True)
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True)
        for socket in home.glob("S.*"):
            socket.unlink(missing_ok=True)
        return cls(home, keyring)


def content(kind: bytes, version: str) -> bytes:
    """Return what a part of a small release is, as it lies on the device."""
    return kind + version.encode() * 1000


def release(folder: Path, owner: Owner, version: str, *, large: bytes = b"", **changes: Any) -> Path:
    """Write a release, signed; others in the folder stay.

    ``changes`` are to its description; ``large`` is the root, where it is not a small one.
    """
    folder.mkdir(exist_ok=True)
    parts = {"root": large or content(ROOT, version), "verity": content(VERITY, version)}
    for kind, plain in parts.items():
        path = folder / f"patronus_{version}_{hashlib.sha256(plain).hexdigest()[:32]}.{kind}.gz"
        path.write_bytes(gzip.compress(plain, mtime=0))
    uki = content(UKI, version)
    (folder / f"patronus_{version}.efi").write_bytes(uki)
    said: dict[str, Any] = {
        "version": version, "profile": "standard", "schema_version": 1, "schema_from": 1, "uki": len(uki),
        **{kind: {"bytes": len(plain), "sha256": hashlib.sha256(plain).hexdigest()}
           for kind, plain in parts.items()},
        **changes,
    }  # fmt: skip
    (folder / f"patronus_{version}.release.json").write_text(json.dumps(said))
    return seal(folder, owner)


def seal(folder: Path, owner: Owner) -> Path:
    """Sum and sign what the folder holds."""
    write_sums(folder)
    sign(folder, owner.home)
    return folder
