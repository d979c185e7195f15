# SPDX-License-Identifier: GPL-2.0-or-later
"""Build the image of one profile: ``python3 -m image.build [PROFILE]``.

The result lies in ``build/image/PROFILE``. Nothing is done when nothing that decides the image has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from image.enter import command_line
from image.format import FORMATS, convert
from image.host import BUILD, CHECKOUT, BuildError, as_root, cache, complain, locked, make_ours, run, step
from image.keys import Keys
from image.keys import ensure as ensure_keys
from image.mkosi import mkosi
from image.own import Own
from image.own import read as read_own
from image.plugins import Plugin
from image.plugins import read as read_plugins
from image.report import describe
from image.stage import epoch, lay_out, version
from image.trees import build_tree, tree

# A profile and the mkosi profiles that it stands on.
PROFILES = {
    "minimal": ("minimal",),
    "standard": ("minimal", "standard"),
    "full": ("minimal", "standard", "full"),
    "debug": ("minimal", "standard", "full", "debug"),
}
INPUTS = ("image", "rootfs", "patronus", "webui", "pyproject.toml", "build/bpf")


def folder(profile: str) -> Path:
    """Return where the image of the profile lies."""
    return BUILD / "image" / profile


def disk(profile: str) -> Path:
    """Return the raw disk image of the profile."""
    return folder(profile) / f"patronus_{version()}.raw"


def _input_files() -> Iterator[Path]:
    """Yield every file of the checkout that decides what the image holds."""
    for name in INPUTS:
        place = CHECKOUT / name
        found = sorted(place.rglob("*")) if place.is_dir() else [place]
        yield from (path for path in found if path.is_file() and "__pycache__" not in path.parts)


def fingerprint(profile: str, keys: Keys | None, guests: Sequence[Plugin], own: Own) -> str:
    """Return a hash over everything that decides what the image of the profile holds."""
    digest = hashlib.sha256(profile.encode() + (cache() / "trees/tools.stamp").read_bytes())
    if keys:
        digest.update(keys.boot_certificate.read_bytes() + keys.update_keyring.read_bytes())
    for plugin in guests:
        digest.update(plugin.path.read_bytes())
    digest.update(own.contents())
    for path in _input_files():
        digest.update(f"{path.relative_to(CHECKOUT)}\0{os.access(path, os.X_OK)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def build(
    profile: str, *, signed: bool = True, plugins: Path | None = None, owner: Path | None = None
) -> Path:
    """Build the image of the profile unless it is up to date; return the disk. Raises BuildError.

    ``plugins`` is a folder of Debian packages that are built in as well, ``owner`` one with all that an owner
    adds (``image.own``).
    """
    own = read_own(owner) if owner else Own()
    guests = [*(read_plugins(plugins) if plugins else []), *own.plugins]
    build_tree("tools")
    build_tree("test")
    output, stamp = folder(profile), folder(profile) / ".fingerprint"
    with locked("image"):
        keys = ensure_keys() if signed else None
        compile_bpf()
        wanted = fingerprint(profile, keys, guests, own)
        if stamp.exists() and stamp.read_text() == wanted and disk(profile).exists():
            print(f":: image {profile}: nothing has changed")
            return disk(profile)
        _start_over(output)
        with step(f"image {profile}: our own files"):
            lay_out(profile, keys, output / "root-tree", output / "initrd-tree", guests, own)
        with step(f"image {profile}: mkosi"):
            more = [*(name for plugin in guests for name in plugin.depends), *own.packages]
            _mkosi_image(profile, keys, output, more)
        make_ours(output)
        with step(f"image {profile}: sums and sizes"):
            describe(profile, output)
        stamp.write_text(wanted)
    return disk(profile)


def compile_bpf() -> None:
    """Compile the BPF objects in the test tree, with its clang, into build/bpf, unless they are up to date.

    Entering the tree needs root; finding that nothing has changed does not.
    """
    target, stamp = BUILD / "bpf", BUILD / "bpf.stamp"
    sources = sorted((CHECKOUT / "bpf").iterdir())
    wanted = _bpf_fingerprint(sources)
    objects = [target / f"{path.stem}.o" for path in sources if path.name.endswith(".bpf.c")]
    if stamp.exists() and stamp.read_text() == wanted and all(built.exists() for built in objects):
        return
    target.mkdir(parents=True, exist_ok=True)
    run(command_line(["make", "--silent", "-C", str(CHECKOUT / "bpf"), f"OUT={target}"]))
    make_ours(target)
    stamp.write_text(wanted)


def _bpf_fingerprint(sources: list[Path]) -> str:
    """Return a hash over the sources and the tree that compiles them."""
    digest = hashlib.sha256((cache() / "trees/test.stamp").read_bytes())
    for path in sources:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _start_over(output: Path) -> None:
    """Remove the outputs of the last build: mkosi leaves some of them behind."""
    if output.exists():
        run(as_root(["rm", "-rf", "--one-file-system", str(output)]))
    output.mkdir(parents=True)


def _signing(keys: Keys | None) -> list[str]:
    """Return mkosi's options that sign with the keys."""
    if keys is None:
        return ["--secure-boot=no"]
    return [
        "--secure-boot=yes",
        "--secure-boot-auto-enroll=yes",
        f"--secure-boot-key={keys.boot_key}",
        f"--secure-boot-certificate={keys.boot_certificate}",
        # What a TPM measures of a system that this key has signed opens the master key, also of a later one.
        "--sign-expected-pcr=yes",
        f"--sign-expected-pcr-key={keys.boot_key}",
        f"--sign-expected-pcr-certificate={keys.boot_certificate}",
    ]


def _mkosi_image(profile: str, keys: Keys | None, output: Path, more: Sequence[str]) -> None:
    """Let mkosi make the image from the laid-out trees, with more Debian packages."""
    kept = cache() / "image" / profile
    kept.mkdir(parents=True, exist_ok=True)
    options = [
        "--force",
        "--incremental=yes",
        f"--tools-tree={tree('tools')}",
        f"--cache-directory={kept}",
        f"--output-directory={output}",
        f"--image-version={version()}",
        f"--source-date-epoch={epoch()}",
        *_signing(keys),
        *(f"--volatile-package={name}" for name in more),
        *(f"--profile={name}" for name in PROFILES[profile]),
    ]
    mkosi(CHECKOUT / "image", [*options, "build"])


def clean() -> None:
    """Remove what was built and the cached bases of the images."""
    for place in (BUILD / "image", cache() / "image"):
        if place.exists():
            run(as_root(["rm", "-rf", "--one-file-system", str(place)]))
    shutil.rmtree(BUILD, ignore_errors=True)


def main() -> None:
    """Build the image of the profile named on the command line."""
    parser = argparse.ArgumentParser(prog="python3 -m image.build", description=__doc__)
    parser.add_argument("profile", nargs="?", default="standard", choices=sorted(PROFILES))
    parser.add_argument("--unsigned", action="store_true", help="sign nothing; such builds can be compared")
    parser.add_argument("--plugins", type=Path, metavar="FOLDER", help="build these Debian packages in")
    parser.add_argument("--own", type=Path, metavar="FOLDER", help="add what this folder of yours holds")
    parser.add_argument("--format", default="raw", choices=FORMATS, help="write the disk in this one as well")
    parser.add_argument("--bpf", action="store_true", help="compile the BPF objects instead")
    parser.add_argument("--clean", action="store_true", help="remove all images and cached bases instead")
    chosen = parser.parse_args()
    try:
        if chosen.clean:
            clean()
        elif chosen.bpf:
            compile_bpf()
        else:
            signed = not chosen.unsigned
            built = build(chosen.profile, signed=signed, plugins=chosen.plugins, owner=chosen.own)
            print(convert(built, chosen.format))
    except BuildError as error:
        complain(error)


if __name__ == "__main__":
    main()
