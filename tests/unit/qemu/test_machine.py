# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line says what the description says."""

import base64
from pathlib import Path

import pytest

from qemu.emulator import Firmware
from qemu.machine import DirectKernel, Machine, Nic, Places, Tap, UserNet, arguments, credentials

FIRMWARE = Firmware(Path("/f/code.fd"), Path("/f/vars.fd"))
PLACES = Places(Path("/m"))


def line(machine: Machine) -> str:
    return " ".join(arguments(machine, PLACES, FIRMWARE, "tcg"))


def test_a_user_network_reaches_nothing_unless_it_is_opened() -> None:
    shut = Machine(Path("/i"), nics=(Nic(UserNet("net=192.168.1.0/24"), "52:54:00:00:00:01"),))
    opened = Machine(Path("/i"), nics=(Nic(UserNet(open=True), "52:54:00:00:00:01"),))
    assert "user,id=nic0,restrict=on,net=192.168.1.0/24 " in line(shut)
    assert "user,id=nic0,restrict=off " in line(opened)


def test_nics_take_their_slots_in_order_or_as_told() -> None:
    shuffled = (Nic(Tap(7), "52:54:00:00:00:01", slot=0x1A), Nic(Tap(8), "52:54:00:00:00:02"))
    said = line(Machine(Path("/i"), nics=shuffled))
    assert "netdev=nic0,mac=52:54:00:00:00:01,addr=0x1a" in said
    assert "netdev=nic1,mac=52:54:00:00:00:02,addr=0x11" in said
    assert "tap,id=nic1,fd=8" in said


def test_credentials_are_binary_so_that_any_byte_passes() -> None:
    value = b'a,b="c"\n\0'
    (_, said) = credentials({"patronus.file.x": value})
    assert (
        said
        == f"type=11,value=io.systemd.credential.binary:patronus.file.x={base64.b64encode(value).decode()}"
    )


def test_secure_boot_needs_smm_and_a_secure_flash() -> None:
    assert "smm=on" in line(Machine(Path("/i"), secure_boot=True))
    assert "property=secure" in line(Machine(Path("/i"), secure_boot=True))
    assert "property=secure" not in line(Machine(Path("/i")))


def test_a_tpm_is_there_only_where_it_has_a_memory() -> None:
    said = line(Machine(Path("/i"), tpm=Path("/t")))
    assert "socket,id=tpm,path=/m/tpm.sock" in said
    assert "-device tpm-crb,tpmdev=tpm0" in said
    assert "tpm" not in line(Machine(Path("/i")))


def test_a_kernel_is_given_only_where_asked() -> None:
    assert "-kernel" not in line(Machine(Path("/i")))
    assert "-kernel /k -append quiet" in line(
        Machine(Path("/i"), direct_kernel=DirectKernel(Path("/k"), None, "quiet"))
    )


@pytest.mark.parametrize(("accelerator", "words"), [("tcg", "quiet mitigations=off"), ("kvm", "quiet")])
def test_only_a_processor_that_is_played_goes_without_mitigations(accelerator: str, words: str) -> None:
    machine = Machine(Path("disk.raw"), more_command_line="quiet")
    argv = arguments(machine, PLACES, FIRMWARE, accelerator)
    assert f"type=11,value=io.systemd.stub.kernel-cmdline-extra={words}" in argv
