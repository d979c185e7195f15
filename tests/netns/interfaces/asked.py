# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a packet goes: what ip(8) says of the kernel's tables, and what values of them say."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

from patronus.core.fib import Fib
from patronus.core.link import RouteQuery
from tests.netns.lab import Namespace

Way = tuple[str | None, str | None] | None
"""Device and gateway; no device is the router itself, None is nowhere."""
NAMES = {6: "tcp", 17: "udp"}


def said(namespace: Namespace, query: RouteQuery) -> Way:
    """Return what ``ip route get`` says."""
    try:
        (found,) = json.loads(namespace.ip(f"-json route get {' '.join(_words(query))}"))
    except subprocess.CalledProcessError as error:
        known = ("unreachable", "Invalid argument", "Permission denied", "No route to host")
        assert any(words in error.stderr for words in known), error.stderr
        return None
    kind = found.get("type", "unicast")
    if kind in ("blackhole", "unreachable", "prohibit"):
        return None
    here = kind == "local" or (kind == "broadcast" and query.arrives_on)
    return (None, None) if here else (found["dev"], found.get("gateway"))


def _words(query: RouteQuery) -> Iterator[str]:
    yield str(query.destination)
    yield from ["from", str(query.source)] if query.source else []
    yield from ["iif", query.arrives_on] if query.arrives_on else []
    yield from ["mark", str(query.mark)] if query.mark else []
    if query.protocol:
        ports = ["sport", str(query.source_port), "dport", str(query.destination_port)]
        yield from ["ipproto", NAMES[query.protocol], *ports]


def foretold(fib: Fib, query: RouteQuery) -> list[Way]:
    """Return the ways that a packet may take by values: several where a route has several."""
    found = fib.find(query)
    if found is None:
        return [None]
    try:
        if found.leads(query).device is None:
            return [(None, None)]
    except LookupError:
        return [None]
    return [(hop.device, str(hop.gateway) if hop.gateway else None) for hop in found.hops]
