# SPDX-License-Identifier: GPL-2.0-or-later
"""What an owner adds to the image, from one folder: packages, files, plugins, the first configuration.

packages           names of Debian packages, one a line; ``#`` begins a comment
files/usr/…        files of the image's root, each where it is to lie
plugins/NAME.deb   plugins (``image.plugins``)
configuration/…    files of ``/etc/patronus`` for a router that has none yet, ``network/dns.yaml`` for example

All of it may be missing, but nothing else may lie there: a misspelt name would be passed over in silence.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from image import plugins
from image.host import BuildError
from image.plugins import Plugin

PARTS = ("packages", "files", "plugins", "configuration")
CREDENTIALS = Path("usr/lib/credstore")
"""Where systemd finds credentials of the image (systemd.exec(5)); those given at boot come first."""
CREDENTIAL = "patronus.file."
SUFFIXES = (".yaml", ".toml", ".json")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_STEM = re.compile(r"[a-z0-9_-]+")


@dataclass(frozen=True)
class Own:
    """``files``: place below the root → file of the owner's; ``configuration``: credential → file."""

    packages: tuple[str, ...] = ()
    plugins: tuple[Plugin, ...] = ()
    files: Mapping[Path, Path] = field(default_factory=dict)
    configuration: Mapping[str, Path] = field(default_factory=dict)

    def contents(self) -> bytes:
        """Return what decides the image, for its fingerprint."""
        placed = [*self.files.items(), *self.configuration.items()]
        told = [
            f"{place}\0{source.stat().st_mode}\0".encode() + source.read_bytes() for place, source in placed
        ]
        return "\0".join(self.packages).encode() + b"\0".join(told)


def read(folder: Path) -> Own:
    """Return what the folder holds. Raises BuildError that names each part that cannot be used."""
    if not folder.is_dir():
        raise BuildError(f"{folder} is no folder", "OWN=folder with any of " + ", ".join(PARTS))
    if strange := sorted(path.name for path in folder.iterdir() if path.name not in PARTS):
        raise BuildError(f"{folder} holds {', '.join(strange)}", "it may hold " + ", ".join(PARTS))
    return Own(
        packages=_packages(folder / "packages"),
        plugins=tuple(plugins.read(folder / "plugins")) if (folder / "plugins").exists() else (),
        files=_files(folder / "files"),
        configuration=_configuration(folder / "configuration"),
    )


def lay_out(own: Own, root_tree: Path) -> None:
    """Put files and configuration into the tree. Raises BuildError where a file of ours is there already."""
    for place, source in own.files.items():
        target = root_tree / place
        if target.exists():
            raise BuildError(f"{source}: {place} is already there", "units are changed by drop-ins")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    for name, source in own.configuration.items():
        (root_tree / CREDENTIALS).mkdir(parents=True, exist_ok=True)
        shutil.copy(source, root_tree / CREDENTIALS / name)


def _packages(path: Path) -> tuple[str, ...]:
    if not path.exists():
        return ()
    found, wrong = [], []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        name = line.partition("#")[0].strip()
        if name and not _PACKAGE.fullmatch(name):
            wrong.append(f"{path}:{number}: {name!r} is no name of a Debian package")
        elif name:
            found.append(name)
    if wrong:
        raise BuildError("\n".join(wrong), "one name a line, such as tcpdump")
    return tuple(found)


def _files(folder: Path) -> dict[Path, Path]:
    found = _below(folder)
    if outside := [str(place) for place in found if place.parts[0] != "usr"]:
        hint = "/etc and /var of the image are made by tmpfiles.d and sysusers.d"
        raise BuildError(f"{folder}: {', '.join(outside)} lies outside usr", hint)
    return found


def _configuration(folder: Path) -> dict[str, Path]:
    found, wrong = {}, []
    for place, source in _below(folder).items():
        stem = place.with_suffix("")
        if place.suffix in SUFFIXES and all(_STEM.fullmatch(part) for part in stem.parts):
            found[f"{CREDENTIAL}{'.'.join(stem.parts)}{place.suffix}"] = source
        else:
            wrong.append(f"{source} is no file of the configuration")
    if wrong:
        raise BuildError("\n".join(wrong), "such as patronus.toml, network/dns.yaml or firewall/rules.json")
    return found


def _below(folder: Path) -> dict[Path, Path]:
    """Return place below the folder → file, sorted. Raises BuildError for what is neither file nor folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BuildError(f"{path} is neither a file nor a folder")
        if path.is_file():
            found[path.relative_to(folder)] = path
    return found
