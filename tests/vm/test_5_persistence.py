# SPDX-License-Identifier: GPL-2.0-or-later
"""Reboot, a cut of the power and shuffled NICs leave configuration, leases and password as they were."""

import dataclasses
import itertools
import os
import struct

from qemu.capture import Capture
from qemu.machine import Machine
from tests.vm.lab import Lab
from tests.vm.test_3_blocklist import blocked
from tests.vm.test_9_doors import PASSWORD, ask, console_code

CUTS = int(os.environ.get("PATRONUS_POWER_CUTS", "1"))  # twenty in the soak
_ACK = b"\x35\x01\x05"  # RFC 2132 section 9.6: option 53, length 1, DHCPACK
_COOKIE = struct.pack("!I", 0x63825363)


def _set_up(lab: Lab) -> str:
    """Give the router what it has to keep; return the client's address."""
    lease = lab.lease()
    given = {"code": console_code(lab), "name": "admin", "password": PASSWORD}
    assert ask(lab, "POST", "/set-up", given)[0] in (200, 201)
    lab.guest.succeed("patronus rules add --from lan --to wan --protocol tcp --port 2525 --action drop")
    lab.guest.succeed("patronus block 198.51.100.0/24 && patronus block 192.0.2.0/24 --for 24h")
    return lease


def _as_it_was(lab: Lab, lease: str) -> None:
    assert lease in lab.guest.succeed("patronus leases")
    assert "2525" in lab.guest.succeed("nft list ruleset")
    assert blocked(lab) == {"198.51.100.0/24", "192.0.2.0/24"}
    assert "192.0.2.0/24" not in lab.guest.succeed("cat /etc/patronus/firewall/blocklist.yaml")
    assert ask(lab, "POST", "/session", {"name": "admin", "password": PASSWORD})[0] in (200, 201)
    assert ask(lab, "POST", "/session", {"name": "admin", "password": PASSWORD + "!"})[0] in (401, 403)


def test_a_reboot_changes_nothing(lab: Lab) -> None:
    lease = _set_up(lab)
    lab.guest.execute("systemd-run --on-active=1 systemctl reboot")
    lab.vm.qmp.wait_event("RESET", timeout_s=180)
    lab.wait_up()
    _as_it_was(lab, lease)


def test_a_power_cut_right_after_an_ack_loses_nothing_though_the_cards_are_shuffled(lab: Lab) -> None:
    _set_up(lab)
    for cut, machine in zip(
        range(CUTS), itertools.cycle((_shuffled(lab.machine), lab.machine)), strict=False
    ):
        mac = f"02:00:5e:10:00:{cut:02x}"
        lab.client.succeed(["ip", "address", "flush", "dev", lab.client.link])
        lab.client.succeed(["ip", "link", "set", lab.client.link, "address", mac])
        assert mac not in lab.guest.succeed("patronus leases")
        with lab.lan.capture() as lan:
            client = lab.client.start(lab.asking(lab.client))
            given = _wait_for_ack(lan, bytes.fromhex(mac.replace(":", "")))
            lab.vm.cut_power()
        client.kill()
        client.wait()
        lab.restart(machine=machine)
        leases = lab.guest.succeed("patronus leases")
        assert any(mac in line and given in line for line in leases.splitlines()), leases
        assert lab.lease() == given
        _as_it_was(lab, given)


def _shuffled(machine: Machine) -> Machine:
    """Return the same machine, each of its cards in another slot."""
    nics = (dataclasses.replace(nic, slot=0x1A - index) for index, nic in enumerate(machine.nics))
    return dataclasses.replace(machine, nics=tuple(nics))


def _wait_for_ack(lan: Capture, mac: bytes) -> str:
    """Return the address in the DHCPACK for the client with this MAC (RFC 2131 section 2)."""

    def its_ack(frame: bytes) -> bool:
        bootp = frame.find(_COOKIE) - 236
        return bootp > 0 and _ACK in frame and frame[bootp + 28 : bootp + 34] == mac

    frame = lan.wait(its_ack, timeout_s=60)
    bootp = frame.index(_COOKIE) - 236
    return ".".join(str(octet) for octet in frame[bootp + 16 : bootp + 20])
