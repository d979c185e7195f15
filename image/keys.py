# SPDX-License-Identifier: GPL-2.0-or-later
"""The owner's keys: one that the firmware checks before it boots, one that signs updates.

They lie in the folder KEYS, by default ``keys`` in the cache, never in the checkout.
``python3 -m image.keys`` makes them; whoever holds the two private halves can make
images and updates that the devices accept. ``--next`` makes the key that will sign
updates after this one, and ``--turn`` lets it: a device that runs an image built in between trusts both.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
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
    def next_home(self) -> Path:
        """Return the GnuPG home with the private key that will sign updates after this one."""
        return self.folder / "next-update-gnupg"

    @property
    def past_home(self) -> Path:
        """Return the GnuPG home with the private key that signed updates before this one."""
        return self.folder / "past-update-gnupg"

    @property
    def update_keyring(self) -> Path:
        """Return the public keys that go onto the image and check updates: this one, and the next."""
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
    keys.folder.mkdir(parents=True, exist_ok=True)
    keys.folder.chmod(0o700)
    _inside("first", keys)


def make_next(keys: Keys) -> None:
    """Make the next update key, and let images trust it; one that is there is only trusted.

    Raises BuildError where that is no next step.
    """
    if not keys.complete():
        raise BuildError(f"{keys.folder} holds no keys that could have a next one", hint="make keys")
    _inside("next", keys)


def turn(keys: Keys) -> None:
    """Let the next update key sign from now on, and new images trust it alone. Raises BuildError."""
    if not keys.next_home.exists():
        raise BuildError(
            f"{keys.folder} holds no next update key", hint="make keys NEXT=1, and ship an image"
        )
    if keys.past_home.exists() and keys.update_home.exists():
        raise BuildError(f"{keys.past_home} is there already", hint="move it away: it signs nothing any more")
    _inside("turn", keys)


def _inside(what: str, keys: Keys) -> None:
    """Do it in the test tree, which has openssl and gpg."""
    build_tree("test")
    run(
        command_line(
            ["python3", "-m", "image.keys", "--inside", what, str(keys.folder)], visible=[keys.folder]
        )
    )
    make_ours(keys.folder)


def generate(keys: Keys) -> None:
    """Generate both pairs with the test tree's openssl and gpg; runs inside it."""
    request = ["openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256"]
    place = ["-keyout", str(keys.boot_key), "-out", str(keys.boot_certificate)]
    run([*request, "-days", str(LIFETIME_DAYS), "-subj", "/CN=Patronus Secure Boot/", *place], capture=True)
    _update_key(keys.update_home)
    _trust(keys, keys.update_home)


def generate_next(keys: Keys) -> None:
    """Generate the next update key beside the present one; runs in the test tree.

    Cut short anywhere, it goes on at the next try.
    """
    if not keys.next_home.exists():
        _update_key(keys.next_home)
    _trust(keys, keys.update_home, keys.next_home)


def turn_over(keys: Keys) -> None:
    """Put the next update key in the place of the present one; runs in the test tree.

    Cut short anywhere, it goes on at the next try; until then no release can be signed that nobody trusts.
    Raises BuildError where images do not trust the next key yet.
    """
    if keys.update_home.exists():
        if _public(keys.next_home) not in keys.update_keyring.read_bytes():
            raise BuildError("images do not trust the next key yet", hint="make keys NEXT=1, and ship one")
        keys.update_home.rename(keys.past_home)
    _trust(keys, keys.next_home)
    keys.next_home.rename(keys.update_home)


def _update_key(kept: Path) -> None:
    """Generate a key that signs updates, and keep its GnuPG home: whole, or not at all."""
    partial = kept.with_suffix(".part")
    shutil.rmtree(partial, ignore_errors=True)
    with tempfile.TemporaryDirectory() as home:  # a short path: GnuPG puts a socket into it
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet"]
        identity = ["--quick-generate-key", "Patronus updates", "ed25519", "sign", f"{LIFETIME_DAYS}d"]
        run([*gpg, "--passphrase", "", "--pinentry-mode", "loopback", *identity])
        run(["gpgconf", "--homedir", home, "--kill", "all"])
        shutil.copytree(home, partial, ignore=shutil.ignore_patterns("S.*", "*.lock", ".#*"))
    partial.rename(kept)


def _trust(keys: Keys, *homes: Path) -> None:
    """Write the keyring anew: the public halves of the keys in these homes, in the place of what it held."""
    fresh = keys.update_keyring.with_suffix(".new")
    with fresh.open("wb") as ring:
        for home in homes:
            ring.write(_public(home))
    fresh.replace(keys.update_keyring)


def _public(home: Path) -> bytes:
    """Return the public half of the key in a GnuPG home, copied to where its socket has a short path."""
    with tempfile.TemporaryDirectory() as scratch:
        copied, exported = Path(scratch, "home"), Path(scratch, "key")
        shutil.copytree(home, copied)
        copied.chmod(0o700)
        run(["gpg", "--homedir", str(copied), "--batch", "--quiet", "--output", str(exported), "--export"])
        run(["gpgconf", "--homedir", str(copied), "--kill", "all"])
        return exported.read_bytes()


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


STEPS = {"first": generate, "next": generate_next, "turn": turn_over}


def main(words: Sequence[str]) -> None:
    """Make the owner's keys, once; or the next update key, or let that one sign."""
    parser = argparse.ArgumentParser(prog="python3 -m image.keys", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--next", action="store_true", help="make the update key that comes after this one")
    what.add_argument("--turn", action="store_true", help="let the next update key sign from now on")
    what.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args(words)
    try:
        if chosen.inside:
            step, folder = chosen.inside
            os.umask(0o077)
            return STEPS[step](Keys(Path(folder)))
        keys = owner_keys()
        if chosen.next:
            make_next(keys)
            print("The next update key is made, and new images trust it too. Ship one that the present key")
            print("has signed; once your devices run it: make keys TURN=1")
        elif chosen.turn:
            turn(keys)
            print(f"Releases are signed with the new key from now on. The old one lies in {keys.past_home}.")
        else:
            make(keys)
            print(f"keys made in {keys.folder}; keep them safe, and build with KEYS={keys.folder}")
    except BuildError as error:
        complain(error)


if __name__ == "__main__":
    main(sys.argv[1:])
