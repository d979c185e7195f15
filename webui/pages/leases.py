# SPDX-License-Identifier: GPL-2.0-or-later
"""Who has which address: leases, and addresses kept for one host."""

from __future__ import annotations

import time

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import PatronusError
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
    given = {key: form.get(key, "").strip() for key in ("pool", "mac", "address", "hostname")}
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


def _page(error: PatronusError | None = None, given: dict[str, str] | None = None) -> Response:
    return page(
        "leases.html",
        error,
        leases=daemon().call("dhcp.ListLeases")["leases"],
        pools=daemon().call("dhcp.ListPools")["pools"],
        now=time.time(),
        given=given or request.args.to_dict(),
    )
