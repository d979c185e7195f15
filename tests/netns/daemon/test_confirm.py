# SPDX-License-Identifier: GPL-2.0-or-later
"""A change of the very address that it came through: kept from the new one, or gone with the old one back."""

from __future__ import annotations

import re

from tests.netns.daemon.machine import Machine, eventually


def moved(machine: Machine, confirm_s: float) -> None:
    """Give the LAN another network, its leases included."""
    files = machine.call("config.Show")["files"]
    new = {name: text.replace("192.168.1.", "192.168.7.") for name, text in files.items()}
    machine.call("config.Load", files=new, confirm_s=confirm_s)


def rules(machine: Machine) -> str:
    """Return the ruleset without what it has counted."""
    return re.sub(r"packets \d+ bytes \d+", "", machine.ruleset())


def address(machine: Machine) -> str:
    words = machine.router.ip("-4 -o address show dev eth0").split()
    return words[words.index("inet") + 1] if "inet" in words else ""


def test_a_changed_lan_address_goes_back_with_kernel_files_and_leases(fresh: Machine) -> None:
    ruleset, files = rules(fresh), fresh.call("config.Show")["files"]
    assert fresh.lease().startswith("192.168.1.")
    moved(fresh, confirm_s=30)
    assert address(fresh) == "192.168.7.1/24"
    assert fresh.lease().startswith("192.168.7.")
    fresh.kill()
    fresh.start()
    eventually(lambda: address(fresh) == "192.168.1.1/24", "the old address")
    eventually(lambda: fresh.call("config.Pending")["generation"] is None, "the end of the wait")
    eventually(lambda: rules(fresh) == ruleset, "the old ruleset, with the addresses that there are")
    eventually(lambda: {name: fresh.file(name).read_text() for name in files} == files, "the old files")
    assert fresh.lease().startswith("192.168.1.")
    assert fresh.doctor() == []


def test_a_changed_lan_address_is_kept_by_who_comes_by_the_new_one(fresh: Machine) -> None:
    moved(fresh, confirm_s=60)
    assert fresh.lease().startswith("192.168.7.")
    assert fresh.patronus("config", "confirm").code == 0
    fresh.kill()
    fresh.start()
    assert (address(fresh), fresh.call("config.Pending")["generation"]) == ("192.168.7.1/24", None)
    assert fresh.lease().startswith("192.168.7.")
