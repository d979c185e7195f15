# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person at the machine's console is told; it never reaches a log."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

CONSOLE_FILE = "console.txt"
"""Below /run/patronus; ``patronus-console.path`` prints it on the console each time it is written."""


def tell_console(run: Path, text: str) -> None:
    """Have ``text`` printed on the machine's console."""
    target = run / CONSOLE_FILE
    fresh = target.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    fresh.rename(target)


WHY = {
    "new": "This router has no administrator yet.",
    "damaged": "THE ACCOUNTS OF THIS ROUTER CANNOT BE READ, nobody can log in. Set it up again.",
    "reset": "A RESET OF THE ACCOUNTS WAS ASKED FOR. Setting up again takes all accounts away but one.",
}


def first_login_text(
    addresses: list[str], code: str, fingerprint: str, reason: str, disks: Sequence[str] = ()
) -> str:
    """Return the words that lead to the first login, or to one in need; ``reason`` is a key of WHY.

    ``disks`` are others of this machine, in words, that a new router could be installed on.
    """
    pages = (
        "\n".join(f"  https://{address}/" for address in addresses) or "  (no interface has an address yet)"
    )
    return (
        f"\r\n{WHY[reason]} Open its page and give the code:\n"
        f"{pages}\n"
        f"set-up code: {code}\n"
        f"certificate: SHA-256 {fingerprint}\n{_offer(disks)}\n"
    )


def _offer(disks: Sequence[str]) -> str:
    """Return what a router that was started from a stick offers."""
    if not disks:
        return ""
    where = ", ".join(disks)
    return (
        "\nIt can be installed on a disk of this machine (page Installation, patronus install, or the boot\n"
        f"menu's Install: hold a key while it starts): {where}\n"
    )
