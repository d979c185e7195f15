# SPDX-License-Identifier: GPL-2.0-or-later
"""XDP on an interface: native where the driver can, generic elsewhere, never in the place of another's.

Attachments are made over netlink (not as BPF links), so that they outlive the process that makes them.
"""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from dataclasses import dataclass
from enum import StrEnum

from patronus.core.errors import KernelError
from patronus.kernel.bpf_library import XdpAttachOptions, XdpQueryOptions, call
from patronus.kernel.bpf_object import Program

_ONLY_IF_NONE = 1  # XDP_FLAGS_UPDATE_IF_NOEXIST
_SIOCETHTOOL = 0x8946
_ETHTOOL_GFLAGS, _ETHTOOL_SFLAGS = 0x25, 0x26
_FLAG_RXVLAN = 1 << 8


class Mode(StrEnum):
    """Where the program runs: in the driver, or in the stack once the packet has its socket buffer."""

    NATIVE = "native"
    GENERIC = "generic"


_FLAGS = {Mode.GENERIC: 1 << 1, Mode.NATIVE: 1 << 2}  # XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE


@dataclass(frozen=True)
class Attachment:
    """A program on an interface. ``reason`` says why it is not native, empty where it is.

    ``strips_vlan``: the NIC takes VLAN tags out of the packet before XDP sees it. Prefixes are blocked all
    the same; the VLAN id is missing in flows and events until ``rxvlan`` is turned off.
    """

    ifname: str
    mode: Mode
    program_id: int
    reason: str = ""
    strips_vlan: bool = False


def ifindex(ifname: str) -> int:
    """Return the kernel's number of ``ifname``. Raises KernelError when there is no such interface."""
    try:
        return socket.if_nametoindex(ifname)
    except OSError as error:
        raise KernelError(f"there is no interface {ifname}") from error


def device(number: int) -> str:
    """Return the name of the interface of a number; the number where it has gone."""
    try:
        return socket.if_indextoname(number)
    except OSError:
        return str(number)


def strips_vlan(ifname: str) -> bool:
    """Whether the NIC's ``rxvlan`` offload is on; drivers without ethtool have none."""
    try:
        return bool(_flags(ifname, _ETHTOOL_GFLAGS, 0) & _FLAG_RXVLAN)
    except OSError:
        return False


def keep_tags(ifname: str) -> None:
    """Have the NIC leave VLAN tags in the packet. Raises KernelError where it cannot."""
    try:
        _flags(ifname, _ETHTOOL_SFLAGS, _flags(ifname, _ETHTOOL_GFLAGS, 0) & ~_FLAG_RXVLAN)
    except OSError as error:
        raise KernelError(f"rxvlan of {ifname} cannot be turned off: {error.strerror}") from error


def _flags(ifname: str, command: int, flags: int) -> int:
    value = ctypes.create_string_buffer(struct.pack("=II", command, flags), 8)
    request = struct.pack("16sP16x", ifname.encode(), ctypes.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        fcntl.ioctl(door, _SIOCETHTOOL, request)
    return int(struct.unpack("=II", value.raw)[1])


def query(ifname: str) -> Attachment | None:
    """Return what runs on ``ifname``, whoever attached it, or None."""
    options = XdpQueryOptions(sz=ctypes.sizeof(XdpQueryOptions))
    call("bpf_xdp_query", ifindex(ifname), 0, ctypes.byref(options), doing=f"asking for XDP on {ifname}")
    if options.drv_prog_id:
        return Attachment(ifname, Mode.NATIVE, options.drv_prog_id, strips_vlan=strips_vlan(ifname))
    if options.skb_prog_id:
        return Attachment(ifname, Mode.GENERIC, options.skb_prog_id, strips_vlan=strips_vlan(ifname))
    if options.prog_id:
        raise KernelError(f"{ifname} runs XDP program {options.prog_id} in hardware, which we do not use")
    return None


def attach(ifname: str, program: Program, wanted: Mode | None = None) -> Attachment:
    """Attach ``program``: in mode ``wanted`` alone, or native and else generic.

    Where it runs already in that mode, or in native mode and any will do, nothing changes. A card has no two
    modes at once, so in between nftables drops alone, and where the kernel refuses the other mode nothing
    runs. Raises KernelError then, and where another program runs.
    """
    present = query(ifname)
    if present is not None:
        _refuse_stranger(present, program)
        if present.mode == (wanted or Mode.NATIVE):
            return present
        detach(ifname, program)
    if wanted is not None:
        _attach(ifname, program, wanted)
        return _attached(ifname, wanted)
    try:
        _attach(ifname, program, Mode.NATIVE)
    except KernelError as refused:
        _attach(ifname, program, Mode.GENERIC)
        in_one_line = " ".join(str(refused).split())
        return _attached(ifname, Mode.GENERIC, f"the driver refused native XDP: {in_one_line}")
    return _attached(ifname, Mode.NATIVE)


def _attach(ifname: str, program: Program, mode: Mode) -> None:
    flags = _FLAGS[mode] | _ONLY_IF_NONE
    doing = f"attaching {program.name} to {ifname} in {mode} mode"
    call("bpf_xdp_attach", ifindex(ifname), program.descriptor, flags, None, doing=doing)


def _attached(ifname: str, mode: Mode, reason: str = "") -> Attachment:
    """Read the kernel back; the mode that it reports is the one that counts."""
    present = query(ifname)
    if present is None or present.mode != mode:
        raise KernelError(f"XDP on {ifname} was accepted in {mode} mode and is not there")
    return Attachment(ifname, mode, present.program_id, reason, present.strips_vlan)


def _refuse_stranger(present: Attachment, program: Program) -> None:
    if present.program_id != program.id:
        raise KernelError(
            f"{present.ifname} already runs another XDP program (id {present.program_id}, {present.mode}), "
            f"not ours (id {program.id}); it is left alone. Take it off first: "
            f"ip link set dev {present.ifname} xdp{'' if present.mode is Mode.NATIVE else 'generic'} off"
        )


def replace(present: Attachment, old: Program, new: Program) -> None:
    """Put ``new`` in the place of ``old`` on an interface, with no packet in between that neither sees."""
    options = XdpAttachOptions(sz=ctypes.sizeof(XdpAttachOptions), old_prog_fd=old.descriptor)
    doing = f"replacing {old.name} on {present.ifname}"
    flags = _FLAGS[present.mode]
    where = ifindex(present.ifname)
    call("bpf_xdp_attach", where, new.descriptor, flags, ctypes.byref(options), doing=doing)


def detach(ifname: str, program: Program) -> bool:
    """Take ``program`` off; returns whether it was there. Raises KernelError where another one runs."""
    present = query(ifname)
    if present is None:
        return False
    _refuse_stranger(present, program)
    options = XdpAttachOptions(sz=ctypes.sizeof(XdpAttachOptions), old_prog_fd=program.descriptor)
    doing = f"detaching {program.name} from {ifname}"
    call("bpf_xdp_detach", ifindex(ifname), _FLAGS[present.mode], ctypes.byref(options), doing=doing)
    return True


def attachments(program: Program) -> tuple[Attachment, ...]:
    """Return every interface of this network namespace that runs ``program``."""
    number = program.id
    found = (query(name) for _, name in socket.if_nameindex())
    return tuple(each for each in found if each is not None and each.program_id == number)
