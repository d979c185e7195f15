# SPDX-License-Identifier: GPL-2.0-or-later
"""Which packages can be built into an image, and what comes of them there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from image.host import BuildError
from image.plugins import RECORDS, lay_out, read
from tests.web.plugin import DIST_PACKAGES, build

CONTROL = "Package: {name}\nVersion: 1\nArchitecture: {architecture}\nMaintainer: A <a@b.example>\n"


def package(
    folder: Path, name: str = "patronus-x", place: str = "usr/x", architecture: str = "all", **files: str
) -> None:
    """Make a package with one file; ``files``: name below DEBIAN → text."""
    stage = folder / f"stage-{name}"
    (stage / "DEBIAN").mkdir(parents=True)
    (stage / place).parent.mkdir(parents=True, exist_ok=True)
    (stage / place).write_text("x")
    control = CONTROL.format(name=name, architecture=architecture)
    (stage / "DEBIAN/control").write_text(control + files.pop("depends", "") + "Description: x\n")
    for script, text in files.items():
        (stage / "DEBIAN" / script).write_text(text)
        (stage / "DEBIAN" / script).chmod(0o755)
    subprocess.run(["dpkg-deb", "--build", stage, folder / f"{name}.deb"], check=True, capture_output=True)


def test_the_example_lands_beside_our_own_python(tmp_path: Path) -> None:
    build(tmp_path)
    found = read(tmp_path)
    assert [(one.name, one.version, one.depends) for one in found] == [("patronus-wol", "1.0", ("python3",))]
    lay_out(found, tmp_path / "root")
    python = tmp_path / "root" / DIST_PACKAGES
    assert (python / "patronus_wol/service.py").is_file()
    assert (
        "patronus_wol.service:create" in (python / "patronus_wol-1.0.dist-info/entry_points.txt").read_text()
    )
    assert (tmp_path / "root" / RECORDS / "patronus-wol").read_text() == "1.0\n"


def test_dependencies_lose_their_versions_and_their_second_choices(tmp_path: Path) -> None:
    package(tmp_path, depends="Depends: python3 (>= 3.11), perl:any, etherwake | wol, a-b (<< 2) | c\n")
    assert read(tmp_path)[0].depends == ("python3", "perl", "etherwake", "a-b")


def test_what_cannot_be_built_in_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no Debian package"):
        read(tmp_path)
    package(tmp_path / "scripts", postinst="#!/bin/sh\n")
    with pytest.raises(BuildError, match="has scripts: postinst"):
        read(tmp_path / "scripts")
    package(tmp_path / "other", architecture="arm64")
    with pytest.raises(BuildError, match="is for arm64"):
        read(tmp_path / "other")
    package(tmp_path / "outside", place="etc/x")
    with pytest.raises(BuildError, match="etc lies outside /usr"):
        lay_out(read(tmp_path / "outside"), tmp_path / "root")
    package(tmp_path / "same", "patronus-x")
    package(tmp_path / "same", "patronus-y")
    with pytest.raises(BuildError, match="patronus-y: usr/x is already there"):
        lay_out(read(tmp_path / "same"), tmp_path / "root")
