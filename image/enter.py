# SPDX-License-Identifier: GPL-2.0-or-later
"""Run a command inside the test tree: Debian 13, as the device is, with the checkout at its usual path.

Run as ``python3 -m image.enter [--offline] [--visible DIR] -- COMMAND ...``. The tree lies under an
overlay in memory, so that nothing written to it stays, and so do the checkout's Python packages, so that what
Python compiles is there for the next process; the rest of the checkout and the cache are the real ones. Needs
root (sudo is used).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from image.host import CHECKOUT, BuildError, as_root, cache, complain, run
from image.trees import build_tree, extras, tree

COMPILED = ("image", "patronus", "qemu", "tests", "webui")
"""The checkout's packages; what starts finds them compiled, and a daemon is there a third sooner."""
PASSED_ON = ("CI", "TERM", "COLUMNS", "PYTEST_ADDOPTS", "HYPOTHESIS_PROFILE")


def command_line(command: list[str], *, offline: bool = False, visible: Sequence[Path] = ()) -> list[str]:
    """Return the host's command line that runs the command in the test tree; it sees the folders as well."""
    spaces = ["unshare", "--mount", "--propagation", "private", *(["--net"] if offline else [])]
    inner = [
        sys.executable,
        "-m",
        "image.enter",
        "--inside",
        str(Path.cwd()),
        *(["--offline"] if offline else []),
        *(f"--visible={place}" for place in visible),
    ]
    return as_root([*spaces, "env", f"PYTHONPATH={CHECKOUT}", *inner, "--", *command])


def _mount_root(visible: Sequence[Path]) -> Path:
    """Lay the tree under an overlay in memory, with the host's kernel folders; return the new root."""
    memory = cache() / "trees" / ".enter"
    memory.mkdir(exist_ok=True)
    run(["mount", "-t", "tmpfs", "-o", "mode=0755,size=75%", "test-tree", memory])
    root = memory / "root"
    _overlay(tree("test"), root, memory / "tree")
    for name in ("proc", "sys", "dev"):
        run(["mount", "--rbind", f"/{name}", root / name])
    run(["mount", "-t", "bpf", "bpf", root / "sys/fs/bpf"])
    for name in ("run", "tmp"):
        run(["mount", "-t", "tmpfs", "-o", f"mode={'1777' if name == 'tmp' else '0755'}", name, root / name])
    for source in (CHECKOUT, cache(), *visible):
        _bind(source, root / source.relative_to("/"))
    for name in COMPILED:
        _overlay(CHECKOUT / name, root / (CHECKOUT / name).relative_to("/"), memory / name)
    if extras().is_dir():
        _overlay(extras(), root / "opt/extras", memory / "extras")
    return root


def _overlay(source: Path, target: Path, memory: Path) -> None:
    """Show the folder at the target; what is written there stays in the folder in memory."""
    for folder in (target, memory / "upper", memory / "work"):
        folder.mkdir(parents=True, exist_ok=True)
    layers = f"lowerdir={source},upperdir={memory / 'upper'},workdir={memory / 'work'}"
    run(["mount", "-t", "overlay", "-o", layers, "test-tree", target])


def _bind(source: Path, target: Path) -> None:
    """Show the folder at the target as well."""
    target.mkdir(parents=True, exist_ok=True)
    run(["mount", "--bind", source, target])


def _environment() -> dict[str, str]:
    """Return the clean environment of the command."""
    kept = {
        name: value for name, value in os.environ.items() if name.startswith("PATRONUS_") or name in PASSED_ON
    }
    return {
        **kept,
        "PATH": "/usr/local/bin:/usr/bin:/usr/sbin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "PATRONUS_CACHE": str(cache()),
    }


def _inside(command: list[str], folder: str, *, offline: bool, visible: Sequence[Path]) -> None:
    """Become the command, inside the tree; called in the new mount namespace."""
    root = _mount_root(visible)
    os.chroot(root)
    os.chdir(folder)
    os.environ["PATH"] = _environment()["PATH"]
    if offline:
        run(["ip", "link", "set", "lo", "up"])
    try:
        os.execvpe(command[0], command, _environment())
    except FileNotFoundError:
        raise BuildError(f"the test tree has no {command[0]}") from None


def main() -> None:
    """Build the tree where it is missing, and run the command in it."""
    parser = argparse.ArgumentParser(prog="python3 -m image.enter", description=__doc__)
    parser.add_argument("--offline", action="store_true", help="in a network namespace of its own")
    parser.add_argument("--visible", type=Path, action="append", default=[], help="show this folder as well")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("command", nargs="+")
    chosen = parser.parse_args()
    try:
        if chosen.inside:
            _inside(chosen.command, chosen.inside, offline=chosen.offline, visible=chosen.visible)
        build_tree("test")
        outer = command_line(chosen.command, offline=chosen.offline, visible=chosen.visible)
        raise SystemExit(subprocess.run(outer, check=False).returncode)
    except BuildError as error:
        complain(error)


if __name__ == "__main__":
    main()
