# SPDX-License-Identifier: GPL-2.0-or-later
"""Two unsigned builds of the same commit give the same bytes.

Each is built from a clone of its own, in folders of different length, with an empty image cache; the second
one later, in another time zone, with another umask. Trees and downloaded packages are shared. Both go by the
machine's wall clock: no namespace holds it (time_namespaces(7)), so it differs by the minutes of a build.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from image.build import folder
from image.host import BUILD, CHECKOUT, as_root, cache, run
from image.stage import version

PROFILE = os.environ.get("PROFILE", "standard")
COMPARED = (".raw", ".efi", ".vmlinuz", ".initrd", ".manifest", ".cdx.json")


def built(checkout: Path, store: Path, *, umask: int, zone: str) -> dict[str, str]:
    """Clone, build and return the SHA-256 of each output by its suffix. Raises BuildError."""
    run(["git", "clone", "-q", str(CHECKOUT), str(checkout)])
    store.mkdir()
    for place in cache().iterdir():
        if place.name not in ("image", "keys"):
            (store / place.name).symlink_to(place)
    environment = {**os.environ, "PATRONUS_CACHE": str(store), "TZ": zone}
    command = [sys.executable, "-m", "image.build", "--unsigned", PROFILE]
    subprocess.run(command, cwd=checkout, env=environment, umask=umask, check=True)
    place = checkout / folder(PROFILE).relative_to(CHECKOUT)
    return {suffix: _sum(place / f"patronus_{version()}{suffix}") for suffix in COMPARED}


def _sum(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def main() -> int:
    """Build twice and compare; 1 where a byte differs."""
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, ignore_cleanup_errors=True) as name:
        place = Path(name)
        try:
            one = built(place / "one", place / "cache-one", umask=0o022, zone="UTC")
            two = built(place / "another-folder", place / "cache-two", umask=0o077, zone="Pacific/Auckland")
        finally:
            run(as_root(["rm", "-rf", "--one-file-system", str(place)]))
            place.mkdir()
    for suffix in COMPARED:
        print(f"   {suffix}: {one[suffix]}" + ("" if one[suffix] == two[suffix] else f" != {two[suffix]}"))
    return 0 if one == two else 1


if __name__ == "__main__":
    sys.exit(main())
