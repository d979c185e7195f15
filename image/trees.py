# SPDX-License-Identifier: GPL-2.0-or-later
"""The two trees beside the image: the tools tree that builds and boots, and the test tree that tests.

Run as ``python3 -m image.trees [tools] [test]``: builds what is missing or whose configuration changed.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
from pathlib import Path

from image.host import CHECKOUT, BuildError, as_root, cache, complain, locked, run, step
from image.mkosi import VERSION, mkosi
from image.wheels import install_test_wheels

NAMES = ("tools", "test")


def tree(name: str) -> Path:
    """Return the folder of the named tree."""
    return cache() / "trees" / name


def extras() -> Path:
    """Return the folder beside the test tree with the Python packages that Debian lacks."""
    return cache() / "trees" / "test-extras"


def tool(name: str) -> list[str]:
    """Return the command that starts a program of the tools tree on this host, without root or a chroot."""
    root = tree("tools")
    loader = root / "usr/lib64/ld-linux-x86-64.so.2"
    places = [root / folder / name for folder in ("usr/bin", "usr/sbin")]
    program = next((place for place in places if place.exists()), places[0])
    return [str(loader), "--library-path", str(root / "usr/lib/x86_64-linux-gnu"), str(program)]


def _fingerprint(name: str) -> str:
    """Return a hash over everything that decides what the tree holds."""
    digest = hashlib.sha256(VERSION.encode())
    for path in sorted((CHECKOUT / "image/trees" / name).rglob("*")):
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def build_tree(name: str) -> None:
    """Build the tree unless the one that stands was built from the same configuration."""
    stamp = cache() / "trees" / f"{name}.stamp"
    wanted = _fingerprint(name)
    with locked(f"tree-{name}"):
        if stamp.exists() and stamp.read_text() == wanted and tree(name).is_dir():
            return
        stamp.unlink(missing_ok=True)
        with step(f"{name} tree"):
            _mkosi_tree(name)
            if name == "test":
                install_test_wheels(extras())
        stamp.write_text(wanted)


def _mkosi_tree(name: str) -> None:
    """Let mkosi make the tree, then put it in place of the old one, which those inside may still use."""
    fresh, old = cache() / "trees/new", cache() / "trees" / f"{name}.old"
    run(as_root(["rm", "-rf", "--one-file-system", str(fresh / name), str(old)]))
    fresh.mkdir(parents=True, exist_ok=True)
    mkosi(CHECKOUT / "image/trees" / name, ["--force", f"--output-directory={fresh}", "build"])
    if tree(name).exists():
        run(as_root(["mv", str(tree(name)), str(old)]))
    run(as_root(["mv", str(fresh / name), str(tree(name))]))


def clean() -> None:
    """Remove both trees and their stamps."""
    for name in NAMES:
        run(as_root(["rm", "-rf", "--one-file-system", str(tree(name))]))
        (cache() / "trees" / f"{name}.stamp").unlink(missing_ok=True)
    shutil.rmtree(extras(), ignore_errors=True)


def main() -> None:
    """Build the trees named on the command line, both by default."""
    parser = argparse.ArgumentParser(prog="python3 -m image.trees", description=__doc__)
    parser.add_argument("names", nargs="*", help="tools, test (default: both)")
    parser.add_argument("--clean", action="store_true", help="remove both trees instead")
    chosen = parser.parse_args()
    try:
        if chosen.clean:
            return clean()
        for name in chosen.names or NAMES:
            if name not in NAMES:
                raise BuildError(f"there is no tree named {name}", hint=f"choose from {', '.join(NAMES)}")
            build_tree(name)
    except BuildError as error:
        complain(error)


if __name__ == "__main__":
    main()
