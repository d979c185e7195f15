# SPDX-License-Identifier: GPL-2.0-or-later
"""Write the files of an update, signed with the owner's update key: ``python3 -m image.release [PROFILE]``.

They are made of a built image, and lie in ``build/release/PROFILE``; put that folder on a web server or a
stick. Their names are what the device's systemd-sysupdate looks for (``rootfs/usr/lib/sysupdate.d``): the
partitions carry their ids in them, by which the signed command line finds them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from image.build import PROFILES, disk
from image.enter import command_line
from image.gpt import erofs_bytes, partitions
from image.host import BUILD, BuildError, complain, make_ours, run, step
from image.keys import Keys, owner_keys
from image.trees import tool
from patronus.update.gpt import Partition

SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.gpg"
MIB = 1 << 20


def folder(profile: str) -> Path:
    """Return where the release of the profile lies."""
    return BUILD / "release" / profile


def version_of(image: Path) -> str:
    """Return the version that a disk image carries in its name."""
    return image.name.removeprefix("patronus_").removesuffix(".raw")


def release(image: Path, profile: str, keys: Keys, target: Path) -> None:
    """Write the release of a built image into the folder, anew. Raises BuildError.

    Beside the image lie its UKI, manifest and bill of materials, as the build leaves them.
    """
    if not image.exists():
        raise BuildError(f"there is no {image}", hint="make image")
    if not keys.complete():
        raise BuildError(f"{keys.folder} holds no update key", hint="make keys, or name them with KEYS=")
    known = json.dumps(gather(image, profile, target))
    within = ["python3", "-m", "image.release", "--finish", str(target), str(keys.update_home), known]
    run(command_line(within, visible=[keys.folder, target]))
    make_ours(target)


def gather(image: Path, profile: str, target: Path) -> dict[str, object]:
    """Fill the folder anew with all but description and sums; return what the description says."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    version = version_of(image)
    parts = cut(image, version, target)
    for suffix in (".efi", ".manifest", ".cdx.json"):
        shutil.copyfile(image.with_suffix(suffix), target / f"patronus_{version}{suffix}")
    return {"version": version, "profile": profile, "uki": image.with_suffix(".efi").stat().st_size, **parts}


def cut(image: Path, version: str, target: Path) -> dict[str, dict[str, object]]:
    """Write the root and its hash tree, compressed; return bytes and hash of each on the device."""
    table = {part.label: part for part in partitions(image)}
    try:
        root, hashes = table[f"patronus_{version}"], table[f"patronus_{version}_verity"]
    except KeyError as error:
        raise BuildError(f"{image} has no partition {error}") from error
    parts = {"root": (root, erofs_bytes(image, root)), "verity": (hashes, hashes.size)}
    return {
        kind: _cut(image, part, size, target / f"patronus_{version}_{part.id.hex}.{kind}.gz")
        for kind, (part, size) in parts.items()
    }


def _cut(image: Path, part: Partition, size: int, target: Path) -> dict[str, object]:
    """Compress the first bytes of a partition into a file.

    With gzip: the device's systemd-pull unpacks it, where it would write zstd into the slot as it is.
    """
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        plain = Path(scratch, "plain")
        run(["dd", "bs=1M", "conv=sparse", "status=none", "iflag=count_bytes", f"skip={part.offset // MIB}",
             f"count={size}", f"if={image}", f"of={plain}"])  # fmt: skip
        with plain.open("r+b") as handle:
            handle.truncate(size)
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        run([*tool("gzip"), "-n", "-6", plain])
        plain.with_suffix(".gz").rename(target)
    return {"bytes": size, "sha256": digest}


def finish(target: Path, home: Path, known: dict[str, object]) -> None:
    """Describe and sign what the folder holds; runs in the test tree, which has the models and gpg."""
    from patronus.core.migrations import FIRST, MIGRATIONS

    schema = {"schema_version": MIGRATIONS.current, "schema_from": FIRST}
    text = json.dumps({**known, **schema}, indent=1, sort_keys=True)
    (target / f"patronus_{known['version']}.release.json").write_text(f"{text}\n")
    write_sums(target)
    sign(target, home)


def write_sums(target: Path) -> None:
    """Write SHA256SUMS over everything in the folder."""
    lines = []
    for path in sorted(target.iterdir()):
        if path.name not in (SUMS, SIGNATURE):
            with path.open("rb") as handle:
                lines.append(f"{hashlib.file_digest(handle, 'sha256').hexdigest()}  {path.name}\n")
    (target / SUMS).write_text("".join(lines))


def sign(target: Path, home: Path) -> None:
    """Sign the sums with the key in a GnuPG home, copied to where its socket has a short path."""
    with tempfile.TemporaryDirectory() as scratch:
        copied = Path(scratch, "home")
        shutil.copytree(home, copied)
        copied.chmod(0o700)
        gpg = ["gpg", "--homedir", str(copied), "--batch", "--quiet", "--yes"]
        run([*gpg, "--output", str(target / SIGNATURE), "--detach-sign", str(target / SUMS)])
        run(["gpgconf", "--homedir", str(copied), "--kill", "all"])


def main(words: Sequence[str]) -> None:
    """Write the release of the profile named on the command line."""
    parser = argparse.ArgumentParser(prog="python3 -m image.release", description=__doc__)
    parser.add_argument("profile", nargs="?", default="standard", choices=sorted(PROFILES))
    parser.add_argument("--image", type=Path, help="a built disk image; else the profile's")
    parser.add_argument("--output", type=Path, help="the folder to fill; else build/release/PROFILE")
    parser.add_argument("--finish", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args(words)
    try:
        if chosen.finish:
            target, home, known = chosen.finish
            return finish(Path(target), Path(home), json.loads(known))
        image, place = chosen.image or disk(chosen.profile), chosen.output or folder(chosen.profile)
        with step(f"release of {image.name}"):
            release(image, chosen.profile, owner_keys(), place.resolve())
        print(place)
    except BuildError as error:
        complain(error)


if __name__ == "__main__":
    main(sys.argv[1:])
