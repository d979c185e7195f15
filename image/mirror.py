# SPDX-License-Identifier: GPL-2.0-or-later
"""Where Debian 13 comes from: PATRONUS_MIRROR, else the mirror that the host's own apt uses.

The result is a deb822 file that mkosi and apt read; the archive's keyring decides whether to believe it.
"""

from __future__ import annotations

import os
from pathlib import Path

from image.host import BuildError, run

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SUITE = "trixie"


def debian_urls() -> tuple[str, str]:
    """Return the URLs of Debian's archive and of its security archive. Raises BuildError without a mirror."""
    chosen = os.environ.get("PATRONUS_MIRROR", "").rstrip("/")
    if chosen:
        return chosen, f"{chosen}-security"
    archive, security = _from_host()
    if not archive:
        raise BuildError(
            "this host's apt knows no Debian mirror",
            hint="name one: make ... PATRONUS_MIRROR=http://MIRROR/debian (and MIRROR/debian-security)",
        )
    return archive, security or f"{archive}-security"


def _from_host() -> tuple[str, str]:
    """Return the archive and the security archive that the host's apt has lists of, or empty strings."""
    found = {"Debian": "", "Debian-Security": ""}
    form = "$(ORIGIN)|$(LABEL)|$(REPO_URI)"
    for line in run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"], capture=True
    ).splitlines():
        origin, label, url = line.split("|", 2)
        if origin == "Debian" and label in found:
            found[label] = url.rstrip("/")
    return found["Debian"], found["Debian-Security"]


def sources() -> str:
    """Return Debian 13's deb822 sources: the release, its updates and its security updates."""
    archive, security = debian_urls()
    places = ((archive, f"{SUITE} {SUITE}-updates"), (security, f"{SUITE}-security"))
    return "\n".join(
        f"Types: deb\nURIs: {url}\nSuites: {suites}\nComponents: main\nSigned-By: {KEYRING}\n"
        for url, suites in places
    )
