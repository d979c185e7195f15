# SPDX-License-Identifier: GPL-2.0-or-later
"""Brings a later version of the image under test into the laboratory's router, as its owner would."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from image.keys import owner_keys
from image.release import version_of
from qemu.guest import Guest
from qemu.internet import ADDRESS
from tests.vm import releases
from tests.vm.lab import BOOT_LIMIT_S, Lab, eventually, image_under_test

MAIN_FILE = "/etc/patronus/patronus.toml"
SECTION = "\n[update]\n"
UPDATE_S = 1800.0
LOOK_S = 300.0
"""A look at the slots or the health starts a program or asks several, and the machine may be slow."""


def status(lab: Lab) -> dict[str, Any]:
    """Return what the router says of its versions."""
    said = lab.guest.succeed("patronus --json update status", timeout_s=LOOK_S)
    found: dict[str, Any] = json.loads(said)
    return found


def next_version(version: str) -> str:
    """Return a later version of as many letters."""
    head, _, last = version.rpartition(".")
    assert last != "9"
    return f"{head}.{int(last) + 1}"


@contextmanager
def offering(lab: Lab, scratch: Path, new: str, changes: Sequence[releases.Change] = ()) -> Iterator[None]:
    """Offer a later version from a server on the WAN to the router, which knows it and may take it.

    ``changes`` are made in its root before it is signed.
    """
    scratch.mkdir()
    image = lab.machine.image
    now = version_of(image_under_test())
    disk = releases.later(image, image_under_test(), scratch, new, now, owner_keys(), changes)
    source = releases.write_release(disk, owner_keys(), scratch / "release")
    disk.unlink()
    with releases.offered(lab.server, ADDRESS, source, scratch) as (url, certificate):
        take_source(lab.guest, url, certificate)
        eventually(lambda: status(lab)["good"], timeout_s=BOOT_LIMIT_S)
        yield


def bring_in(lab: Lab, scratch: Path, new: str, changes: Sequence[releases.Change] = ()) -> None:
    """Let the router install a later version from a server on the WAN."""
    with offering(lab, scratch, new, changes):
        take(lab, new)


def take(lab: Lab, new: str) -> None:
    """Let the router install what is offered."""
    said = lab.guest.succeed("patronus update check", timeout_s=UPDATE_S)
    assert f"offered: {new}" in said
    lab.guest.succeed("patronus update apply", timeout_s=UPDATE_S)
    assert status(lab)["installed"] == new
    assert "runs after a restart" in lab.guest.succeed("patronus status", timeout_s=LOOK_S)


def take_source(guest: Guest, url: str, certificate: str) -> None:
    """Let the router's configuration name a source, in the place of one that it may name."""
    before, _, _ = guest.succeed(f"cat {MAIN_FILE}").partition(SECTION)
    text = f'{before}{SECTION}source = "{url}"\nca = """{certificate}"""\n'
    guest.copy_to(text.encode(), "/run/main")
    guest.succeed(f"cat /run/main >{MAIN_FILE} && patronus config commit", timeout_s=LOOK_S)


def reboot(lab: Lab) -> None:
    """Let the router restart, and wait until it is up."""
    restart(lab)
    lab.vm.qmp.wait_event("RESET", timeout_s=LOOK_S)
    lab.wait_up()


def restart(lab: Lab) -> None:
    """Let the router restart; returns at once."""
    lab.guest.succeed("sync; systemctl reboot --no-block")
