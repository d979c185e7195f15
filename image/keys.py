# SPDX-License-Identifier: GPL-2.0-or-later
"""The owner's keys: one that the firmware checks before it boots, one that signs updates.

They lie in the folder KEYS, by default ``keys`` in the cache, never in the checkout.
``python3 -m image.keys`` makes them; whoever holds the two private halves can make
images and updates that the devices accept.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from image.enter import command_line
from image.host import CHECKOUT, BuildError, cache, complain, make_ours, run
from image.trees import build_tree

LIFETIME_DAYS = 3650


@dataclass(frozen=True)
class Keys:
    """The folder that holds one owner's keys."""

    folder: Path

    @property
    def boot_key(self) -> Path:
        """Return the private key of Secure Boot, PEM."""
        return self.folder / "secure-boot.key"

    @property
    def boot_certificate(self) -> Path:
        """Return the certificate that the firmware enrols, PEM."""
        return self.folder / "secure-boot.crt"

    @property
    def update_home(self) -> Path:
        """Return the GnuPG home with the private key that signs updates."""
        return self.folder / "update-gnupg"

    @property
    def update_keyring(self) -> Path:
        """Return the public key that goes onto the image and checks updates."""
        return self.folder / "import-pubring.gpg"

    def complete(self) -> bool:
        """Return whether all of them are there."""
        parts = (self.boot_key, self.boot_certificate, self.update_home, self.update_keyring)
        return all(part.exists() for part in parts)


def owner_keys() -> Keys:
    """Return the keys that KEYS names, else those in the cache. Raises BuildError inside the checkout."""
    folder = Path(os.environ.get("KEYS") or cache() / "keys").resolve()
    if folder.is_relative_to(CHECKOUT):
        raise BuildError(f"{folder} lies in the checkout", hint="keep keys where they cannot be committed")
    return Keys(folder)


def make(keys: Keys) -> None:
    """Make the keys. Raises BuildError where any of them exist: nothing is ever overwritten."""
    if keys.folder.exists() and any(keys.folder.iterdir()):
        raise BuildError(
            f"{keys.folder} is not empty", hint="name another folder with KEYS=, or move it away"
        )
    build_tree("test")
    keys.folder.mkdir(parents=True, exist_ok=True)
    keys.folder.chmod(0o700)
    within = command_line(["python3", "-m", "image.keys", "--inside"], visible=[keys.folder])
    run([*within, str(keys.folder)])
    make_ours(keys.folder)


def _generate(keys: Keys) -> None:
    """Generate both pairs with the test tree's openssl and gpg; runs inside it."""
    os.umask(0o077)
    request = ["openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256"]
    place = ["-keyout", str(keys.boot_key), "-out", str(keys.boot_certificate)]
    run([*request, "-days", str(LIFETIME_DAYS), "-subj", "/CN=Patronus Secure Boot/", *place], capture=True)
    home = Path(tempfile.mkdtemp())  # a short path: GnuPG puts a socket into it
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet"]
    identity = ["--quick-generate-key", "Patronus updates", "ed25519", "sign", f"{LIFETIME_DAYS}d"]
    run([*gpg, "--passphrase", "", "--pinentry-mode", "loopback", *identity])
    run([*gpg, "--output", str(keys.update_keyring), "--export"])
    run(["gpgconf", "--homedir", str(home), "--kill", "all"])
    shutil.copytree(home, keys.update_home, ignore=shutil.ignore_patterns("S.*", "*.lock", ".#*"))


def ensure() -> Keys:
    """Return the owner's keys; make a pair for development, loudly, where there are none."""
    keys = owner_keys()
    if not keys.complete():
        make(keys)
        print("=" * 78)
        print("  NEW KEYS for development were made in", keys.folder)
        print("  Secure Boot and updates trust whoever can read that folder. For devices that matter,")
        print("  make keys in a safe place: make keys KEYS=/safe/place, and build with the same KEYS.")
        print("=" * 78, flush=True)
    return keys


def main() -> None:
    """Make the owner's keys, once."""
    try:
        if sys.argv[1:2] == ["--inside"]:
            _generate(Keys(Path(sys.argv[2])))
        else:
            keys = owner_keys()
            make(keys)
            print(f"keys made in {keys.folder}; keep them safe, and build with KEYS={keys.folder}")
    except BuildError as error:
        complain(error)


if __name__ == "__main__":
    main()
