# SPDX-License-Identifier: GPL-2.0-or-later
"""Helpers of conntrack: they read what a protocol agrees on, and announce the connections that follow.

Each is a module of the kernel, nf_conntrack_NAME; what it announces goes on as related.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from patronus.firewall.model.match import TCP, UDP

HelperName = Literal["amanda", "ftp", "irc", "pptp", "sane", "sip", "tftp"]
HELPERS: Mapping[HelperName, tuple[int, ...]] = {
    "amanda": (UDP,), "ftp": (TCP,), "irc": (TCP,), "pptp": (TCP,), "sane": (TCP,), "sip": (TCP, UDP),
    "tftp": (UDP,),
}  # fmt: skip
"""The protocols of what each reads."""
