# SPDX-License-Identifier: GPL-2.0-or-later
"""Plugins for the tests: the example of the documentation as a Debian package, and broken ones."""

from __future__ import annotations

import subprocess
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "docs/example-plugin"
DIST_PACKAGES = "usr/lib/python3/dist-packages"
ADMINDIR = ("info", "updates", "triggers", "parts", "alternatives")


def build(folder: Path) -> Path:
    """Build the example's package as its author does; return the file."""
    subprocess.run([EXAMPLE / "build.sh", folder], check=True, capture_output=True)
    return next(folder.glob("patronus-wol_*.deb"))


def install(package: Path, root: Path) -> Path:
    """Install a package below a root of its own with dpkg; return the folder for PYTHONPATH."""
    for name in ADMINDIR:
        (root / "var/lib/dpkg" / name).mkdir(parents=True, exist_ok=True)
    for name in ("status", "available"):
        (root / "var/lib/dpkg" / name).touch()
    command = ["dpkg", f"--root={root}", "--force-depends", "--install", str(package)]
    subprocess.run(command, check=True, capture_output=True)
    return root / DIST_PACKAGES


def write(python: Path, name: str, module: str, **groups: str) -> None:
    """Write a distribution of one module; ``groups``: last word of an entry-point group → object."""
    info = python / f"{name}-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    lines = [f"[patronus.{group}]\n{name} = {name}:{target}\n" for group, target in groups.items()]
    (info / "entry_points.txt").write_text("\n".join(lines))
    (python / f"{name}.py").write_text(module)


RAISES = """
from patronus.core.feature import Feature, Plan
from patronus.core.model import Section, Strict


class Model(Strict):
    pass


class Raises(Feature[Plan, None]):
    name = "raises"
    sections = (Section("plugins/raises", Model),)

    def check(self, config):
        raise ZeroDivisionError("in the check")

    def facts(self):
        return None

    def plan(self, config, facts, earlier):
        return Plan()

    def steps(self, plan, running):
        return ()

    def observe(self, plan):
        return ()


def create(host):
    return Raises()
"""


def write_broken(python: Path) -> None:
    """Write a plugin whose import fails in every process, and one whose check raises."""
    write(python, "broken", "import no_such_module\n", features="create", pages="PAGE", commands="run")
    write(python, "raises", RAISES, features="create")
