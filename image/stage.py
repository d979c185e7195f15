# SPDX-License-Identifier: GPL-2.0-or-later
"""What this checkout puts on the image, laid out in folders that mkosi copies as they are.

Modes and times are set here, so that neither the builder's umask nor the checkout's clock shows in the image.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from image import own, plugins
from image.enter import command_line
from image.host import CHECKOUT, cache, make_ours, run
from image.keys import Keys
from patronus.core.precompiled import FILE

DIST_PACKAGES = Path("usr/lib/python3/dist-packages")
IN_BOTH = (Path("usr/lib/udev/rules.d/65-patronus-boot-disk.rules"),)
"""What the initrd has of the root's own files."""
SCRIPT = """#!/usr/bin/python3
# What modules define stays for good: looking through it for garbage is a tenth of the time to import them.
import gc
import sys

gc.disable()

{load}

gc.freeze()
gc.enable()
sys.exit({function}())
"""
LOAD = "from {module} import {function}"
LOAD_PRECOMPILED = """from patronus.core.precompiled import use

with use():
    from {module} import {function}"""
PRECOMPILED = {
    "patronusd": (
        "patronus.daemon.__main__", "patronus.daemon.reception", "patronus.daemon.certificate",
        "patronus.daemon.every_verb", "patronus.firewall.verbs.catalogue", "patronus.network.dhcp.catalogue",
        "patronus.network.dns.catalogue", "patronus.network.interfaces.catalogue",
    )
}  # fmt: skip
"""Commands whose dataclasses are compiled while the image is built, and the modules that define them."""


def epoch() -> int:
    """Return the time that stands on every file we add: SOURCE_DATE_EPOCH, else that of the last commit."""
    if chosen := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(chosen)
    log = subprocess.run(
        ["git", "-c", f"safe.directory={CHECKOUT}", "log", "-1", "--format=%ct"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    return int(log.stdout) if log.stdout.strip() else int((CHECKOUT / "image/version").stat().st_mtime)


def version() -> str:
    """Return the version of the image."""
    return (CHECKOUT / "image/version").read_text().strip()


def lay_out(
    profile: str,
    keys: Keys | None,
    root_tree: Path,
    initrd_tree: Path,
    guests: list[plugins.Plugin],
    added: own.Own,
) -> None:
    """Fill both folders anew: rootfs/, our Python, plugins, the BPF objects; and the initrd's own files.

    What the owner adds comes last.
    """
    for target, source in ((root_tree, CHECKOUT / "rootfs"), (initrd_tree, CHECKOUT / "image/initrd-tree")):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, symlinks=True)
    for file in IN_BOTH:
        (initrd_tree / file).parent.mkdir(parents=True)
        shutil.copy(root_tree / file, initrd_tree / file)
    packages = ["patronus"] if profile == "minimal" else ["patronus", "webui"]
    _install_python(root_tree, [name for name in packages if (CHECKOUT / name).is_dir()])
    plugins.lay_out(guests, root_tree)
    _compile_python(root_tree)
    _precompile(root_tree)
    objects = sorted((CHECKOUT / "build/bpf").glob("*.bpf.o"))
    place = root_tree / "usr/lib/patronus/bpf"
    place.mkdir(parents=True)
    for built in objects:
        shutil.copy(built, place)
    if keys:
        ring = root_tree / "usr/lib/systemd/import-pubring.gpg"
        shutil.copy(keys.update_keyring, ring)
    shared = root_tree / "usr/share/patronus"
    (shared / "profile").write_text(f"{profile}\n")
    shutil.copytree(CHECKOUT / "docs/schema", shared / "schema")
    own.lay_out(added, root_tree)
    for tree in (root_tree, initrd_tree):
        normalise(tree)


def _install_python(root_tree: Path, packages: list[str]) -> None:
    """Build a wheel of the packages and unpack it, with its dist-info and its commands."""
    target = root_tree / DIST_PACKAGES
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "source")
        _copy_sources(source, packages)
        pip = [str(cache() / "venv/bin/python"), "-m", "pip", "wheel", "-qq", "--disable-pip-version-check"]
        options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", scratch, str(source)]
        run([*pip, *options], env={"SOURCE_DATE_EPOCH": str(epoch())})
        with zipfile.ZipFile(next(Path(scratch).glob("patronus-*.whl"))) as wheel:
            wheel.extractall(target)
    _write_commands(root_tree)


def _compile_python(root_tree: Path) -> None:
    """Write the bytecode of all Python in the tree, which is used unchecked: the image does not change."""
    normalise(root_tree)
    compiler = ["python3", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    run(command_line([*compiler, "-s", str(root_tree), "-p", "/", str(root_tree / DIST_PACKAGES)]))
    make_ours(root_tree)


def _precompile(root_tree: Path) -> None:
    """Write what dataclasses would compile at each start; see ``patronus/core/precompiled.py``."""
    modules = [name for names in PRECOMPILED.values() for name in names]
    surroundings = [f"PYTHONPATH={root_tree / DIST_PACKAGES}", "PYTHONDONTWRITEBYTECODE=1"]
    recorder = ["env", *surroundings, "python3", "-P", "-m", "patronus.core.precompiled"]
    target = root_tree / FILE.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    run(command_line([*recorder, str(target), *modules]))
    make_ours(target)


def _copy_sources(source: Path, packages: list[str]) -> None:
    """Copy what the wheel is built from, so that nothing is written into the checkout."""
    for name in packages:
        shutil.copytree(CHECKOUT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    (source / "image").mkdir()
    for name in ("pyproject.toml", "image/version"):
        shutil.copy(CHECKOUT / name, source / name)


def _write_commands(root_tree: Path) -> None:
    """Write /usr/bin/NAME for each console script of the wheel."""
    declared = configparser.ConfigParser()
    declared.read(next((root_tree / DIST_PACKAGES).glob("patronus-*.dist-info")) / "entry_points.txt")
    folder = root_tree / "usr/bin"
    folder.mkdir(parents=True, exist_ok=True)
    for name, place in declared.items("console_scripts"):
        module, function = place.split(":")
        load = (LOAD_PRECOMPILED if name in PRECOMPILED else LOAD).format(module=module, function=function)
        (folder / name).write_text(SCRIPT.format(load=load, function=function))
        (folder / name).chmod(0o755)


def normalise(tree: Path) -> None:
    """Set modes to 0755 or 0644 by the owner's execute bit, and every time to the epoch."""
    when = epoch()
    for path in sorted(tree.rglob("*"), reverse=True):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (when, when), follow_symlinks=False)
    tree.chmod(0o755)
    os.utime(tree, (when, when))
