# SPDX-License-Identifier: GPL-2.0-or-later
"""An owner's folder is built into an image and works there: ``tests/vm/test_e_plugin.py``.

It holds the example plugin, packaged; a Debian package, a file and a file of the first configuration. The
image is built from a clone, so that the one of this checkout stays as it is.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from image.build import folder
from image.enter import command_line
from image.host import BUILD, CHECKOUT, as_root, run
from image.stage import version

PROFILE = "standard"
OWN = {
    "packages": "tree  # shows folders\n",
    "files/usr/share/own/motto": "ours\n",
    "configuration/patronus.toml": 'schema_version = 1\n[system]\nhostname = "owned"\n',
}
TEST = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/vm/test_e_plugin.py"]


def fill(own: Path) -> None:
    """Write the owner's folder."""
    run([CHECKOUT / "docs/example-plugin/build.sh", own / "plugins"])
    for name, text in OWN.items():
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text(text)


def built(place: Path) -> Path:
    """Build the image with the owner's folder and return the disk. Raises BuildError."""
    checkout, own = place / "checkout", place / "own"
    run(["git", "clone", "-q", str(CHECKOUT), str(checkout)])
    fill(own)
    command = [sys.executable, "-m", "image.build", PROFILE, "--own", str(own)]
    subprocess.run(command, cwd=checkout, check=True)
    return checkout / folder(PROFILE).relative_to(CHECKOUT) / f"patronus_{version()}.raw"


def main() -> int:
    """Build and test; 1 where the test fails."""
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, ignore_cleanup_errors=True) as name:
        place = Path(name)
        try:
            words = ["/usr/bin/env", f"PATRONUS_IMAGE={built(place)}", "PATRONUS_PLUGIN=1"]
            return subprocess.run(command_line([*words, *TEST]), check=False).returncode
        finally:
            run(as_root(["rm", "-rf", "--one-file-system", str(place)]))
            place.mkdir()


if __name__ == "__main__":
    sys.exit(main())
