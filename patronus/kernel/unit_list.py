# SPDX-License-Identifier: GPL-2.0-or-later
"""The closed list of what the units helper does for patronusd: verbs by unit. Pure.

A template's instance is the kernel's name of a device (netdevice(7)), and nothing that a path or an option
could be made of; where the instances are programs, each is named.
"""

from __future__ import annotations

import re

_ALL = frozenset({"start", "stop", "restart", "reload", "status"})
_LOOK = frozenset({"status"})
_RUN = frozenset({"start", "stop", "status"})
ALLOWED: dict[str, frozenset[str]] = {
    "patronus-dhcp.service": _ALL,
    "patronus-dns.service": _ALL,
    "patronus-web.service": _ALL,
    "patronus-web.socket": _ALL,
    "patronus-dhcpcd@.service": _ALL,
    "patronus-pppoe@.service": _ALL,
    "patronus-radvd.service": _ALL,
    "patronus-lists.service": frozenset({"start", "status"}),
    "patronus-dyndns.service": frozenset({"start", "status"}),
    "patronus-gitops.service": frozenset({"start", "status"}),
    "patronus-gitops.timer": frozenset({"start", "stop", "status"}),
    "patronus-forward.service": frozenset({"restart", "stop", "status"}),
    "patronus-check.service": frozenset({"start", "status"}),
    "patronus-disk-install.service": frozenset({"start", "status"}),
    "patronus-factory-reset.service": frozenset({"start"}),
    "patronus-update-fetch.service": frozenset({"start", "stop", "status"}),
    "patronus-update-install.service": frozenset({"start", "status"}),
    "patronus-update.timer": frozenset({"start", "stop", "status"}),
    "patronus-xdp-load.service": frozenset({"start", "restart", "status"}),
    "patronus-lockdown.service": _LOOK,
    "patronus-ntp.service": frozenset({"start", "stop", "status"}),
    "patronus-mdns.service": frozenset({"restart", "stop", "status"}),
    "patronus-mappings.service": frozenset({"restart", "stop", "status"}),
    "patronus-nat64.service": frozenset({"restart", "stop", "status"}),
    **{
        f"patronus-frr@{name}.service": _RUN for name in ("mgmtd", "zebra", "bfdd", "bgpd", "ospfd", "ospf6d")
    },
}
_UNIT = re.compile(r"([a-z0-9-]+)(?:@([A-Za-z0-9_][A-Za-z0-9_-]{0,14}))?\.(service|socket|timer)")
_HOST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def is_hostname(name: str) -> bool:
    """Return whether it is one host label in lower case (RFC 1123 section 2.1); the model gives no other."""
    return _HOST_LABEL.fullmatch(name) is not None


def allowed(verb: str, unit: str) -> bool:
    """Return whether patronusd may do this to the unit."""
    match = _UNIT.fullmatch(unit)
    if match is None:
        return False
    name, instance, kind = match.groups()
    return verb in ALLOWED.get(unit, ()) or verb in ALLOWED.get(f"{name}{'@' if instance else ''}.{kind}", ())
