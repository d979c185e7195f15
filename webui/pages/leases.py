# SPDX-License-Identifier: GPL-2.0-or-later
"""Who has which address: leases, and addresses kept for one host."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import PatronusError
from patronus.core.values import parse_address, parse_address_range
from webui.daemon import daemon
from webui.pages.change import apply, page, see

leases = Blueprint("leases", __name__, url_prefix="/leases")


@leases.get("")
def show() -> Response:
    """List leases, pools and reservations."""
    return _page()


@leases.post("/reserve")
def reserve() -> Response:
    """Keep an address for a host."""
    form = request.form
    given = {key: form.get(key, "").strip() for key in ("pool", "mac", "duid", "address", "hostname")}
    try:
        apply(
            "dhcp.AddReservation", {key: value for key, value in given.items() if value}, "Address reserved."
        )
    except PatronusError as error:
        return _page(error, given)
    return see(url_for("leases.show"))


@leases.post("/release")
def release() -> Response:
    """Give up a reservation."""
    apply("dhcp.RemoveReservation", {"id": request.form.get("id", "")}, "Reservation removed.")
    return see(url_for("leases.show"))


def pool_of(lease: Mapping[str, Any], pools: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the id of the pool that a lease is of; None where that is not plain, and for a prefix."""
    if "/" in lease["address"]:
        return None
    own = parse_address(lease["address"])
    here = [
        pool for pool in pools if pool["interface"] == lease["interface"] and pool["family"] == own.version
    ]
    address = int(own) & ((1 << 64) - 1)  # the ranges of IPv6 have no prefix
    ranges = [(pool, parse_address_range(text)) for pool in here for text in pool["ranges"]]
    inside = [pool for pool, found in ranges if int(found.first) <= address <= int(found.last)]
    found = inside or here
    return found[0]["id"] if len(found) == 1 else None


def _page(error: PatronusError | None = None, given: dict[str, str] | None = None) -> Response:
    leased = daemon().call("dhcp.ListLeases")["leases"]
    pools = daemon().call("dhcp.ListPools")["pools"]
    return page(
        "leases.html",
        error,
        leases=leased,
        pools=pools,
        pool_of={lease["address"]: pool_of(lease, pools) for lease in leased},
        now=time.time(),
        given=given or request.args.to_dict(),
    )
