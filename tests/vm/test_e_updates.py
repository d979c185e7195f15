# SPDX-License-Identifier: GPL-2.0-or-later
"""A signed update over https proves itself and keeps what the router had."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from image.keys import owner_keys
from qemu.internet import ADDRESS
from tests.vm import releases
from tests.vm.lab import BOOT_LIMIT_S, Lab, eventually, image_under_test

pytestmark = pytest.mark.skipif("PATRONUS_UPDATES" not in os.environ, reason="in the soak")
MAIN_FILE = "/etc/patronus/patronus.toml"
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


def bring_in(lab: Lab, scratch: Path) -> tuple[str, str]:
    """Offer the next version from a server on the WAN and let the router install it; return both versions."""
    scratch.mkdir()
    now = json.loads(lab.guest.succeed("patronus --json status", timeout_s=LOOK_S))["system"]["image_version"]
    new = next_version(now)
    disk = releases.later(lab.machine.image, image_under_test(), scratch, new, now, owner_keys())
    source = releases.write_release(disk, owner_keys(), scratch / "release")
    with releases.offered(lab.server, ADDRESS, source, scratch) as (url, certificate):
        section = f'\n[update]\nsource = "{url}"\nca = """{certificate}"""\n'
        lab.guest.copy_to(section.encode(), "/run/section")
        lab.guest.succeed(f"cat /run/section >>{MAIN_FILE} && patronus config commit", timeout_s=LOOK_S)
        eventually(lambda: status(lab)["good"], timeout_s=BOOT_LIMIT_S)
        said = lab.guest.succeed("patronus update check", timeout_s=UPDATE_S)
        assert f"offered: {new}" in said
        lab.guest.succeed("patronus block 203.0.113.77 && echo kept >/var/lib/patronus/kept")
        lab.guest.succeed("patronus update apply", timeout_s=UPDATE_S)
    assert status(lab)["installed"] == new
    assert "runs after a restart" in lab.guest.succeed("patronus status", timeout_s=LOOK_S)
    return now, new


def still_has_what_it_had(lab: Lab) -> None:
    """Its files, its timed blocks and its configuration."""
    lab.guest.succeed("cat /var/lib/patronus/kept")
    assert "203.0.113.77" in lab.guest.succeed("nft list ruleset")
    assert status(lab)["source"].startswith("https://"), "its configuration is read"


def test_a_signed_update_proves_itself_and_keeps_what_the_router_had(lab: Lab, folder: Path) -> None:
    now, new = bring_in(lab, folder / "update")
    lab.guest.succeed("sync; systemctl reboot --no-block")
    lab.vm.qmp.wait_event("RESET", timeout_s=LOOK_S)
    lab.wait_up()
    assert status(lab)["running"] == new
    eventually(lambda: status(lab)["good"], timeout_s=BOOT_LIMIT_S)
    assert "has proved itself" in lab.guest.succeed("journalctl -b -u patronus-health --no-pager")
    lab.guest.succeed("patronus update health", timeout_s=LOOK_S)
    assert f'IMAGE_VERSION="{new}"' in lab.guest.succeed("cat /usr/lib/os-release")
    assert {entry["version"] for entry in status(lab)["systems"]} == {now, new}
    still_has_what_it_had(lab)
    refused = lab.guest.fail(
        f"patronus update apply --source /var/lib/patronus-update/release --version {now}", timeout_s=UPDATE_S
    )
    assert f"has no version {now}" in refused
