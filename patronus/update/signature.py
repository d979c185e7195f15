# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether the owner of this router has signed something: gpg(1) and the keyring of the image, nothing else.

The keyring may hold several keys, so that the next one is trusted before the first one ends.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from patronus.core.errors import KernelError, NotPermitted, Unavailable
from patronus.kernel.process import run

WRONG_CLOCK = "time warp or clock problem"
"""How gpg says that a key or a signature comes from the future."""


def verify(content: bytes, signature: bytes, keyrings: list[Path]) -> str:
    """Return the fingerprint of the key that made the detached signature.

    Raises NotPermitted where no key of the keyrings has, KernelError where there is no keyring or no gpg,
    Unavailable where the clock was lost: gpg, and systemd-sysupdate by it, believes nothing from the future.
    """
    present = [ring for ring in keyrings if ring.exists()]
    if not present:
        raise KernelError("this image has no keyring to check an update with: it was built without keys")
    with tempfile.TemporaryDirectory(prefix="patronus-update-") as name:
        home = Path(name)
        signed, seal = home / "signed", home / "signature"
        signed.write_bytes(content)
        seal.write_bytes(signature)
        rings = [word for ring in present for word in ("--keyring", str(ring))]
        # The options of systemd-pull: no configuration, no network, no web of trust.
        gpg = ["gpg", "--homedir", name, "--no-options", "--no-default-keyring", "--batch",
               "--no-auto-key-locate", "--no-auto-check-trustdb", "--trust-model=always", "--status-fd=1",
               *rings]  # fmt: skip
        try:
            said = run([*gpg, "--verify", str(seal), str(signed)]).stdout
        except KernelError as error:
            if "cannot run" in str(error) or "took longer" in str(error):
                raise
            if WRONG_CLOCK in str(error):
                raise Unavailable(
                    f"this router's clock ({datetime.now(UTC):%Y-%m-%d %H:%M} UTC) stands before the time at "
                    "which its owner's key was made, so no signature can be checked; see: patronus time"
                ) from error
            raise NotPermitted("the signature of the release is not of this router's owner") from error
    valid = [line.split()[2] for line in said.splitlines() if line.startswith("[GNUPG:] VALIDSIG ")]
    if not valid:
        raise NotPermitted("the signature of the release is not of this router's owner")
    return valid[0]
