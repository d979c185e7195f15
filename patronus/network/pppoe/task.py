# SPDX-License-Identifier: GPL-2.0-or-later
"""What the dialler of one uplink is told, in a file that systemd hands it as a credential. Pure.

Both ends check it: patronusd before it is written, the dialler, which is root, before pppd sees any of it.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from patronus.core.errors import InvalidRequest
from patronus.network.pppoe.words import is_secret, is_word

_DEVICE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")


@dataclass(frozen=True)
class Task:
    """How to dial: ``device`` is the link to make, ``parent`` the one to dial over.

    ``metric`` is that of the default route, the smaller wins; ``mtu`` in bytes. ``ipv4`` and ``ipv6``: which
    protocols to ask for.
    """

    device: str
    parent: str
    user: str
    password: str = field(repr=False)
    service: str | None = None
    concentrator: str | None = None
    mtu: int = 1492
    metric: int = 0
    ipv4: bool = True
    ipv6: bool = False
    dns: bool = True

    def as_text(self) -> str:
        """Return the file."""
        return json.dumps(asdict(self))


_KINDS: dict[str, type | tuple[type, ...]] = {
    "mtu": int, "metric": int, "ipv4": bool, "ipv6": bool, "dns": bool,
    "service": (str, type(None)), "concentrator": (str, type(None)),
}  # fmt: skip


def parse(text: str) -> Task:
    """Return the task of a file. Raises InvalidRequest, which never repeats a value."""
    try:
        found = json.loads(text)
    except ValueError:
        raise InvalidRequest("the task is not JSON") from None
    names = {one.name for one in fields(Task)}
    if not isinstance(found, dict) or set(found) != names:
        raise InvalidRequest(f"a task has {', '.join(sorted(names))}, and nothing else")
    for name, value in found.items():
        if not isinstance(value, _KINDS.get(name, str)) or not _is_well(name, value):
            raise InvalidRequest(f"{name} is not one that pppd takes")
    return Task(**found)


def _is_well(name: str, value: Any) -> bool:
    if name in ("device", "parent"):
        return _DEVICE.fullmatch(value) is not None
    if name in ("mtu", "metric"):
        return 0 <= int(value) <= 65535
    if name == "password":
        return is_secret(str(value))
    return value is None or isinstance(value, bool) or is_word(str(value))
