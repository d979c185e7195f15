# SPDX-License-Identifier: GPL-2.0-or-later
"""Who has which address: leases, the pools that they are of, and addresses kept for one host."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import NotFound, PatronusError
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import apply, base_of_form, page, see

leases = Blueprint("leases", __name__, url_prefix="/leases")

LISTS = ("dns_servers", "domain_search", "ntp_servers")
WORDS = {4: ("router", "domain_name", "next_server", "tftp_server", "boot_file"), 6: ()}
NUMBERS = {4: ("interface_mtu",), 6: ()}
"""Keys of a pool's options that the form shows, by family."""
DELEGATED = ("from", "prefix")
HANDLED = {
    4: ("id", "interface", "ranges", "lease_time", "options", "relays", "subnet", "probe"),
    6: (
        "id", "interface", "ranges", "lease_time", "options", "relays", "subnet", "delegation",
        "rapid_commit",
    ),
}  # fmt: skip
"""The keys of a pool that the form shows; what else it says stays as it is, and is named."""


@leases.get("")
def show() -> Response:
    """List leases, pools and reservations."""
    return _page()


@leases.post("/reserve")
def reserve() -> Response:
    """Keep an address for a host."""
    form = request.form
    given = {key: form.get(key, "").strip() for key in ("pool", "mac", "duid", "address", "hostname")}
    told: dict[str, Any] = {key: value for key, value in given.items() if value}
    said = "Address reserved."
    if given["address"].isdecimal():  # the first /64 of a router's prefix
        told["subnet"], said = int(told.pop("address")), "Prefix reserved."
    try:
        apply("dhcp.AddReservation", told, said)
    except PatronusError as error:
        return _page(error, given)
    return see(url_for("leases.show"))


@leases.post("/release")
def release() -> Response:
    """Give up a reservation."""
    apply("dhcp.RemoveReservation", {"id": request.form.get("id", "")}, "Reservation removed.")
    return see(url_for("leases.show"))


@leases.route("/pools/new/<any(ipv4, ipv6):kind>", methods=("GET", "POST"))
def add_pool(kind: str) -> Response:
    """Add a pool."""
    family = 6 if kind == "ipv6" else 4
    if request.method == "GET":
        return _pool_form({}, family, None)
    pool = _pool({}, family)
    try:
        apply("dhcp.AddPool", {"family": family, "pool": pool}, "Pool added.")
    except PatronusError as error:
        return _pool_form(pool, family, None, error)
    return see(url_for("leases.show"))


@leases.route("/pools/<pool_id>/edit", methods=("GET", "POST"))
def edit_pool(pool_id: str) -> Response:
    """Change a pool."""
    found = next((one for one in daemon().call("dhcp.ListPools")["pools"] if one["id"] == pool_id), None)
    if found is None:
        raise NotFound(f"no pool is called {pool_id}")
    old, family = found["configuration"], found["family"]
    if request.method == "GET":
        return _pool_form(old, family, pool_id)
    pool = _pool(old, family)
    base = forms.number(request.form.get("base", ""))
    try:
        apply("dhcp.ReplacePool", {"id": pool_id, "pool": pool, "base": base}, "Pool changed.")
    except PatronusError as error:
        return _pool_form(pool, family, pool_id, error)
    return see(url_for("leases.show"))


@leases.post("/pools/<pool_id>/delete")
def delete_pool(pool_id: str) -> Response:
    """Delete a pool with its reservations."""
    apply("dhcp.RemovePool", {"id": pool_id}, "Pool deleted.")
    return see(url_for("leases.show"))


def pool_of(lease: Mapping[str, Any], pools: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the id of the pool that a lease is of; None where that is not plain."""
    if "/" in lease["address"]:
        giving = [pool for pool in pools if pool["interface"] == lease["interface"] and pool["delegation"]]
        return giving[0]["id"] if len(giving) == 1 else None
    own = ip_address(lease["address"])
    here = [
        pool for pool in pools if pool["interface"] == lease["interface"] and pool["family"] == own.version
    ]
    address = int(own) & ((1 << 64) - 1)  # the ranges of IPv6 have no prefix
    ranges = [(pool, _ends(text)) for pool in here for text in pool["ranges"]]
    inside = [pool for pool, (first, last) in ranges if first <= address <= last]
    found = inside or here
    return found[0]["id"] if len(found) == 1 else None


def _ends(text: str) -> tuple[int, int]:
    """Return the first and last address of a range as the daemon writes it, ``FIRST-LAST`` or ``ONE``."""
    first, _, last = text.partition("-")
    return int(ip_address(first)), int(ip_address(last or first))


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


def _pool(old: Mapping[str, Any], family: int) -> dict[str, Any]:
    """Return the pool that the form says; what it does not show stays as it was."""
    form = request.form
    given = {
        **{key: form.get(key, "").strip() or None for key in ("interface", "lease_time", "subnet")},
        **{key: forms.items(form.get(key, "")) or None for key in ("ranges", "relays")},
        "options": _told(old.get("options", {}), family) or None,
        "probe": None if "probe" in form else False,
        "rapid_commit": True if "rapid_commit" in form else None,
        "delegation": _delegation(old.get("delegation", {})),
    }
    own = {"id": form["id"].strip()} if form.get("id", "").strip() else {}
    shown = {key: given[key] for key in HANDLED[family] if key in given}
    return {**own, **forms.changed(old, shown, tuple(shown))}


def _told(old: Mapping[str, Any], family: int) -> dict[str, Any]:
    form = request.form
    given = {
        **{key: form.get(key, "").strip() or None for key in WORDS[family]},
        **{key: forms.items(form.get(key, "")) or None for key in LISTS},
        **{key: forms.number(form.get(key, "").strip()) for key in NUMBERS[family]},
    }
    return forms.changed(old, given, tuple(given))


def _delegation(old: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what routers are given a part of: nothing where neither an uplink nor a prefix is said."""
    words = {key: request.form.get(f"delegation_{key}", "").strip() or None for key in DELEGATED}
    if not any(words.values()):
        return None
    length = forms.number(request.form.get("delegation_length", "").strip())
    return forms.changed(old, {**words, "length": length}, (*DELEGATED, "length"))


def _pool_form(
    pool: Mapping[str, Any], family: int, pool_id: str | None, error: PatronusError | None = None
) -> Response:
    return page(
        "pool.html", error, pool=pool, pool_id=pool_id, family=family,
        roles=[item["id"] for item in daemon().call("interfaces.List")["interfaces"]],
        kept=sorted(pool.keys() - set(HANDLED[family])),
        base=base_of_form(error),
    )  # fmt: skip
