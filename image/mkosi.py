# SPDX-License-Identifier: GPL-2.0-or-later
"""The pinned mkosi: fetched once from Debian 13, checked twice, unpacked in the cache, never installed.

The archive's signature (through apt) and the file's own hash are both the gate.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from image.host import BuildError, as_root, cache, run
from image.mirror import sources

VERSION = "25.3-7"
SHA256 = "ef56c81324fd47d65490e944ec4697bb3f6fb21326d0d071bfc2fb5ba5383252"


def library() -> Path:
    """Return the folder that goes on PYTHONPATH; fetch mkosi first where the cache lacks it."""
    home = cache() / f"mkosi-{VERSION}"
    if not home.exists():
        package = _download(cache() / "mkosi-fetch")
        if (found := hashlib.sha256(package.read_bytes()).hexdigest()) != SHA256:
            raise BuildError(f"{package} has sha256 {found}, not {SHA256}")
        run(["dpkg", "-x", package, home.with_suffix(".new")])
        home.with_suffix(".new").rename(home)
        shutil.rmtree(cache() / "mkosi-fetch")
    return home / "usr/lib/python3/dist-packages"


def _download(scratch: Path) -> Path:
    """Fetch the package with an apt that reads nothing of the host's configuration; return the file."""
    shutil.rmtree(scratch, ignore_errors=True)
    for folder in ("etc/apt.conf.d", "etc/preferences.d", "state/lists/partial", "cache/archives/partial"):
        (scratch / folder).mkdir(parents=True)
    (scratch / "status").touch()
    (scratch / "etc/debian.sources").write_text(sources())
    settings = scratch / "apt.conf"
    settings.write_text(
        f'Dir "{scratch}";\nDir::Etc "{scratch}/etc";\nDir::Etc::sourceparts "-";\n'
        f'Dir::Etc::sourcelist "{scratch}/etc/debian.sources";\nDir::State "{scratch}/state";\n'
        f'Dir::State::status "{scratch}/status";\nDir::Cache "{scratch}/cache";\n'
        'Acquire::Languages "none";\nAcquire::Check-Valid-Until "false";\nAPT::Sandbox::User "root";\n'
        'APT::Architecture "amd64";\nAPT::Architectures { "amd64"; };\n'
    )
    apt = {"APT_CONFIG": str(settings)}
    run(["apt-get", "-qq", "update"], env=apt)
    run(["apt-get", "-qq", "download", f"mkosi={VERSION}"], env=apt, cwd=scratch)
    return next(scratch.glob("mkosi_*.deb"))


def sandbox_tree() -> Path:
    """Return a tree that mkosi lays over its sandbox: it holds our own apt sources."""
    tree = cache() / "sandbox"
    target = tree / "etc/apt/sources.list.d/mkosi.sources"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(sources())
    return tree


def mkosi(directory: Path, arguments: Sequence[str]) -> None:
    """Run mkosi as root on the configuration in the folder. Raises BuildError when it fails."""
    packages = cache() / "packages"
    packages.mkdir(exist_ok=True)
    os.umask(0o022)  # some of mkosi's files take the builder's
    run(
        as_root(
            [
                "env",
                f"PYTHONPATH={library()}",
                sys.executable,
                "-B",
                "-m",
                "mkosi",
                f"--directory={directory}",
                f"--sandbox-tree={sandbox_tree()}",
                f"--package-cache-dir={packages}",
                *arguments,
            ]
        )
    )
