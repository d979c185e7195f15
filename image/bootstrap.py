# SPDX-License-Identifier: GPL-2.0-or-later
"""What a fresh Debian machine lacks: a handful of host packages, the pinned mkosi, the virtual environment.

Run as ``python3 -m image.bootstrap``; a second run finds everything in place and does nothing.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from image.host import CHECKOUT, BuildError, as_root, cache, complain, locked, run, step
from image.mkosi import library

REQUIREMENTS = CHECKOUT / "tests/requirements.txt"
# Package, and the file whose presence says that it is there.
HOST_PACKAGES = (
    ("python3-venv", None),  # asked of Python itself, which may not be Debian's
    ("ca-certificates", Path("/etc/ssl/certs/ca-certificates.crt")),
    ("e2fsprogs", Path("/usr/sbin/mkfs.ext4")),  # a test makes a file system on a loop device
    ("debian-archive-keyring", Path("/usr/share/keyrings/debian-archive-trixie-automatic.gpg")),
    ("gpgv", Path("/usr/bin/gpgv")),
    ("mount", Path("/usr/bin/mount")),
    ("tar", Path("/usr/bin/tar")),
    ("util-linux", Path("/usr/bin/unshare")),
)


def _missing_packages() -> list[str]:
    """Return the names of the host packages that are not there."""
    missing = [name for name, proof in HOST_PACKAGES if proof and not _resolves(proof)]
    venv = subprocess.run([sys.executable, "-c", "import ensurepip, venv"], capture_output=True, check=False)
    return missing + (["python3-venv"] if venv.returncode else [])


def _resolves(path: Path) -> bool:
    """Return whether the file is there, also on a host that has not merged /usr."""
    return path.exists() or Path("/", *path.parts[2:]).exists()


def install_host_packages() -> None:
    """Install what the host lacks with its own apt. Raises BuildError with the command where it cannot."""
    missing = _missing_packages()
    if not shutil.which("apt-get"):
        raise BuildError("this host has no apt-get", hint="build on Debian 12, Debian 13 or Ubuntu 24.04")
    if not missing and _apt_has_lists():
        return
    with step(f"host packages: {' '.join(missing) or 'package lists'}"):
        run(as_root(["apt-get", "-qq", "update"]))
        if missing:
            quiet = [
                "env",
                "DEBIAN_FRONTEND=noninteractive",
                "apt-get",
                "-qq",
                "install",
                "--no-install-recommends",
            ]
            run(as_root([*quiet, "-y", *missing]))


def _apt_has_lists() -> bool:
    """Return whether the host's apt has package lists, from which the mirror is read."""
    return any(Path("/var/lib/apt/lists").glob("*Release"))


def make_environment() -> Path:
    """Make the pinned virtual environment in the cache and return its folder."""
    folder, stamp = cache() / "venv", cache() / "venv.stamp"
    wanted = hashlib.sha256(sys.version.encode() + REQUIREMENTS.read_bytes()).hexdigest()
    with locked("venv"):
        if not (stamp.exists() and stamp.read_text() == wanted and folder.is_dir()):
            with step("virtual environment"):
                run([sys.executable, "-m", "venv", "--clear", folder])
                pip = [str(folder / "bin/python"), "-m", "pip", "--disable-pip-version-check", "install"]
                run([*pip, "-qq", "-r", str(REQUIREMENTS)])
            stamp.write_text(wanted)
    return folder


def main() -> None:
    """Make this machine ready to build and test."""
    try:
        if sys.version_info < (3, 11):  # noqa: UP036 - an old Python must be told so, not fail later
            raise BuildError(f"Python {sys.version.split()[0]} is too old", hint="3.11 or newer is needed")
        install_host_packages()
        make_environment()
        library()
    except BuildError as error:
        complain(error)


if __name__ == "__main__":
    main()
