# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a program whose capset(2), geteuid(2) and setgroups(2) are answered with 0, as its unit says."""

from __future__ import annotations

import ctypes
import os
import struct
import sys

SET_NO_NEW_PRIVS, SET_SECCOMP, MODE_FILTER = 38, 22, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
CAPSET, GETEUID, SETGROUPS = 126, 107, 116
"""Their numbers on x86-64, which the image is for."""
ERRNO_0, ALLOW = 0x00050000, 0x7FFF0000


def main(argv: list[str]) -> None:
    """Filter the calls of this process (seccomp(2)), and become the program."""
    program = (
        (LOAD, 0, 0, 0), (JUMP_IF_EQUAL, 2, 0, CAPSET), (JUMP_IF_EQUAL, 1, 0, GETEUID),
        (JUMP_IF_EQUAL, 0, 1, SETGROUPS), (RETURN, 0, 0, ERRNO_0), (RETURN, 0, 0, ALLOW),
    )  # fmt: skip
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in program))
    head = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(SET_SECCOMP, MODE_FILTER, head, 0, 0):
        sys.exit(os.strerror(ctypes.get_errno()))
    os.execv(argv[0], argv)


main(sys.argv[1:])
