# SPDX-License-Identifier: GPL-2.0-or-later
"""What a virtual machine is made of, and the QEMU command line that says so. Pure.

A machine is q35 with OVMF, a virtio disk, virtio NICs, a serial console (``ttyS0``), a virtio port for the
harness's shell, and systemd credentials in its SMBIOS tables.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qemu.emulator import Firmware

SHELL_PORT = "patronus.harness"
DISK_NODE, VARIABLES_NODE = "disk", "variables"
SYSTEM_DISK = "system"
"""The name of the disk as a device; ``DISK_NODE`` is what lies behind it."""
_CPUS = {"tcg": "max,svm=off,la57=off,erms=off,fsrm=off,model=4,stepping=1", "kvm": "host"}
"""What TCG translates dearly is left out: string instructions that count as fast (the kernel copies by words
then), and what a younger model has the kernel mitigate. A boot takes a tenth less processor time."""
_WORDS = {"tcg": "mitigations=off", "kvm": ""}
"""For the guest's kernel: a processor that is only played guesses nothing ahead, and the detours against
guessing cost an eighth of a boot."""
_MORE_DISKS_SLOT, _FIRST_NIC_SLOT = 0x5, 0x10


@dataclass(frozen=True)
class Tap:
    """A NIC on a tap that was opened elsewhere (in a network namespace); ``fd`` is handed to QEMU."""

    fd: int

    def backend(self, name: str) -> str:
        """QEMU's ``-netdev`` value."""
        return f"tap,id={name},fd={self.fd}"


@dataclass(frozen=True)
class UserNet:
    """A NIC on QEMU's own user-mode network, which reaches nothing unless ``open`` is said."""

    options: str = ""
    open: bool = False

    def backend(self, name: str) -> str:
        """QEMU's ``-netdev`` value."""
        restrict = "off" if self.open else "on"
        return ",".join(part for part in (f"user,id={name},restrict={restrict}", self.options) if part)


@dataclass(frozen=True)
class Nic:
    """A virtio NIC; NICs come in the order of their slots, which is the order of their bus paths."""

    backend: Tap | UserNet
    mac: str
    slot: int | None = None
    """PCI device number on bus 0; None takes the place in the list."""


@dataclass(frozen=True)
class DirectKernel:
    """Boot without firmware: only where a test says so."""

    kernel: Path
    initrd: Path | None = None
    command_line: str = "console=ttyS0"


@dataclass(frozen=True)
class Machine:
    """A description; ``vm.Vm`` makes it real."""

    image: Path
    nics: tuple[Nic, ...] = ()
    credentials: Mapping[str, bytes] = field(default_factory=dict)
    memory_mib: int = 1024
    cpus: int = 1
    disk_bytes: int = 4 << 30
    """At least; the image is never written and never smaller."""
    more_disks: tuple[Path, ...] = ()
    """qcow2 files, three at most: on the bus before the disk that it starts from, so found first."""
    secure_boot: bool = False
    tpm: Path | None = None
    """The folder with the memory of its TPM, made where it is missing; None: it has none."""
    more_command_line: str = "systemd.default_device_timeout_sec=600"
    """What systemd-stub(7) adds to the command line: where nothing accelerates, a disk is slow to come."""
    direct_kernel: DirectKernel | None = None


@dataclass(frozen=True)
class Places:
    """The files of one running machine."""

    folder: Path

    @property
    def disk(self) -> Path:
        """The overlay over the image."""
        return self.folder / "disk.qcow2"

    @property
    def variables(self) -> Path:
        """The firmware's variables, on a qcow2 so that a snapshot holds them."""
        return self.folder / "variables.qcow2"

    @property
    def serial_log(self) -> Path:
        """All that the serial console ever said."""
        return self.folder / "serial.log"

    @property
    def serial_socket(self) -> Path:
        """The serial console itself, to type on."""
        return self.folder / "serial.sock"

    @property
    def qmp(self) -> Path:
        """QEMU's control socket."""
        return self.folder / "qmp.sock"

    @property
    def tpm_socket(self) -> Path:
        """The TPM's end for QEMU."""
        return self.folder / "tpm.sock"

    @property
    def shell(self) -> Path:
        """The other end of the harness's virtio port."""
        return self.folder / "shell.sock"


def arguments(machine: Machine, places: Places, firmware: Firmware, accelerator: str) -> list[str]:
    """Return QEMU's arguments, without the program itself."""
    smm = "on" if machine.secure_boot else "off"
    argv = ["-nodefaults", "-no-user-config", "-display", "none", "-name", "patronus", "-rtc", "base=utc"]
    argv += ["-machine", f"q35,smm={smm},smbios-entry-point-type=64,pflash0=code,pflash1={VARIABLES_NODE}"]
    argv += ["-accel", accelerator, "-cpu", _CPUS[accelerator]]
    argv += ["-m", str(machine.memory_mib), "-smp", str(machine.cpus)]
    argv += ["-device", "virtio-rng-pci", "-qmp", f"unix:{places.qmp},server=on,wait=off"]
    argv += _firmware(machine, places, firmware) + _disks(machine, places) + _consoles(places)
    argv += _kernel(machine.direct_kernel) + _nics(machine.nics) + credentials(machine.credentials)
    if machine.tpm:
        argv += ["-chardev", f"socket,id=tpm,path={places.tpm_socket}"]
        argv += ["-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0"]
    if words := " ".join(filter(None, (machine.more_command_line, _WORDS[accelerator]))):
        argv += ["-smbios", f"type=11,value=io.systemd.stub.kernel-cmdline-extra={words}"]
    return argv


def credentials(values: Mapping[str, bytes]) -> list[str]:
    """Return the SMBIOS strings (type 11) by which systemd takes credentials from its hypervisor."""
    argv: list[str] = []
    for name, value in values.items():
        coded = base64.b64encode(value).decode()
        argv += ["-smbios", f"type=11,value=io.systemd.credential.binary:{name}={coded}"]
    return argv


def _firmware(machine: Machine, places: Places, firmware: Firmware) -> list[str]:
    argv = ["-blockdev", f"driver=file,filename={firmware.code},node-name=code,read-only=on"]
    argv += [
        "-blockdev",
        f"driver=qcow2,node-name={VARIABLES_NODE},file.driver=file,file.filename={places.variables}",
    ]
    if machine.secure_boot:
        argv += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
    return argv


def _disks(machine: Machine, places: Places) -> list[str]:
    argv = _disk(DISK_NODE, places.disk, f"id={SYSTEM_DISK},addr=0x8,bootindex=1")
    for index, disk in enumerate(machine.more_disks):
        argv += _disk(f"disk{index}", disk, f"id=more{index},addr={_MORE_DISKS_SLOT + index:#x}")
    return argv


def _disk(node: str, file: Path, options: str) -> list[str]:
    backend = f"driver=qcow2,node-name={node},discard=unmap,file.driver=file,file.filename={file}"
    return ["-blockdev", backend, "-device", f"virtio-blk-pci,drive={node},{options}"]


def _consoles(places: Places) -> list[str]:
    serial = f"socket,id=serial,path={places.serial_socket},server=on,wait=off"
    shell = f"socket,id=shell,path={places.shell},server=on,wait=off"
    return [
        *("-chardev", f"{serial},logfile={places.serial_log},logappend=on", "-serial", "chardev:serial"),
        *("-chardev", shell, "-device", "virtio-serial-pci,addr=0x9"),
        *("-device", f"virtserialport,chardev=shell,name={SHELL_PORT}"),
    ]


def _kernel(direct: DirectKernel | None) -> list[str]:
    if direct is None:
        return []
    argv = ["-kernel", str(direct.kernel), "-append", direct.command_line]
    return [*argv, "-initrd", str(direct.initrd)] if direct.initrd else argv


def _nics(nics: tuple[Nic, ...]) -> list[str]:
    argv: list[str] = []
    for index, nic in enumerate(nics):
        name = f"nic{index}"
        slot = _FIRST_NIC_SLOT + index if nic.slot is None else nic.slot
        argv += ["-netdev", nic.backend.backend(name)]
        argv += [
            "-device",
            f"virtio-net-pci,id=dev-{name},netdev={name},mac={nic.mac},addr={slot:#x},romfile=",
        ]
    return argv
