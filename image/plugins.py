# SPDX-License-Identifier: GPL-2.0-or-later
"""Plugins on the image: Debian packages of third parties, read and checked. The contract: docs/plugins.md.

Their files are laid out beside ours, so that their bytecode is checked like ours; what they depend on is
installed from Debian. Nothing of theirs runs while the image is built.
"""

from __future__ import annotations

import re
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from image.host import BuildError, run

RECORDS = Path("usr/share/patronus/plugins")
"""Where the image says which plugins it holds."""
SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "config")


@dataclass(frozen=True)
class Plugin:
    """One package; ``depends`` are the Debian packages that are installed with it."""

    path: Path
    name: str
    version: str
    depends: tuple[str, ...]


def read(folder: Path) -> list[Plugin]:
    """Return the packages of the folder, by name. Raises BuildError where one cannot be built in."""
    found = [_read(path.resolve()) for path in sorted(folder.glob("*.deb"))]
    if not found:
        raise BuildError(f"there is no Debian package in {folder}", "PLUGINS=folder with files NAME.deb")
    names = [plugin.name for plugin in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise BuildError(f"{folder} holds two packages {', '.join(sorted(twice))}")
    return sorted(found, key=lambda plugin: plugin.name)


def _read(path: Path) -> Plugin:
    fields = ("Package", "Version", "Architecture", "Depends")
    listed = run(["dpkg-deb", "--showformat=" + "\t".join(f"${{{name}}}" for name in fields), "-W", path],
                 capture=True)  # fmt: skip
    name, version, architecture, depends = listed.split("\t")
    if architecture not in ("all", "amd64"):
        raise BuildError(f"{path.name} is for {architecture}, the image for amd64")
    with tempfile.TemporaryDirectory() as scratch:
        run(["dpkg-deb", "--control", path, scratch])
        if scripts := [one for one in SCRIPTS if Path(scratch, one).exists()]:
            hint = "an image has no moment at which they could run; use sysusers.d, tmpfiles.d, presets"
            raise BuildError(f"{path.name} has scripts: {', '.join(scripts)}", hint)
    return Plugin(path, name, version, _names(depends))


def _names(depends: str) -> tuple[str, ...]:
    """Return the first choice of each dependency, without its version (Debian Policy section 7.1)."""
    first = (part.partition("|")[0].partition("(")[0].strip() for part in depends.split(","))
    return tuple(re.sub(r":\w+$", "", name) for name in first if name)


def lay_out(plugins: list[Plugin], root_tree: Path) -> None:
    """Unpack the plugins into the tree, each file once. Raises BuildError where one is already there."""
    for plugin in plugins:
        with tempfile.TemporaryDirectory() as scratch:
            tar = Path(scratch, "files.tar")
            run(["sh", "-c", 'dpkg-deb --fsys-tarfile "$1" >"$2"', "sh", plugin.path, tar])
            with tarfile.open(tar) as files:
                for member in files:
                    _check(plugin, member, root_tree)
                files.extractall(root_tree, filter="tar")
        record = root_tree / RECORDS / plugin.name
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(f"{plugin.version}\n")


def _check(plugin: Plugin, member: tarfile.TarInfo, root_tree: Path) -> None:
    place = str(PurePosixPath(member.name))
    if place not in (".", "usr") and not place.startswith("usr/"):
        hint = "/etc and /var of the image are made by tmpfiles.d and sysusers.d"
        raise BuildError(f"{plugin.name}: {place} lies outside /usr", hint)
    if not member.isdir() and (root_tree / place).exists():
        raise BuildError(f"{plugin.name}: {place} is already there")
    if not (member.isdir() or member.isfile() or member.issym()):
        raise BuildError(f"{plugin.name}: {place} is neither a file nor a folder")
