# SPDX-License-Identifier: GPL-2.0-or-later
"""The interfaces: how the links are; add, change and delete a role and what plays it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for

from patronus.core.errors import NotFound, PatronusError
from webui.daemon import daemon
from webui.pages import cards, forms
from webui.pages.change import apply, base_of_form, page, see
from webui.pages.played import plays

interfaces = Blueprint("interfaces", __name__, url_prefix="/interfaces")

KINDS = {
    "vlan": "VLAN",
    "bridge": "bridge",
    "bond": "bond",
    "dummy": "dummy link",
    "vxlan": "VXLAN",
    "gre": "GRE tunnel",
    "vrf": "VRF",
    "nat64": "NAT64 translator",
    "pppoe": "PPPoE uplink",
    "nic": "network card",
}
"""What can play a role, as people call it."""
IPV4 = {"none": "none", "static": "as given here", "dhcp": "by DHCP, of an uplink"}
SESSION = {
    "ipv4": {"pppoe": "from the provider", "none": "none"},
    "ipv6": {"none": "none", "dhcp": "by DHCP", "slaac": "by announcements"},
}
"""How an uplink that dials in is numbered."""
IPV6 = {
    **IPV4,
    "slaac": "by announcements, of an uplink",
    "delegated": "out of the prefix of an uplink",
}
MODES = {
    "active-backup": "one carries, the others wait",
    "802.3ad": "LACP, with a switch that speaks it",
    "balance-xor": "by address, with a switch that is set so",
    "balance-rr": "in turn",
    "balance-tlb": "by load, sending",
    "balance-alb": "by load, both ways",
    "broadcast": "all of it over each",
}
XDP_MODES = {
    "": "in the driver, or behind it",
    "native": "in the driver alone",
    "generic": "behind the driver",
    "off": "off",
}
HASHES = ("layer2", "layer2+3", "layer3+4", "encap2+3", "encap3+4", "vlan+srcmac")


@interfaces.get("")
def show() -> str:
    """Show each interface."""
    found = daemon().call("interfaces.List")["interfaces"]
    xdp = daemon().call("firewall.Counters")["xdp"] if daemon().has("firewall.Counters") else []
    told = daemon().call("advertising.List")["networks"] if daemon().has("advertising.List") else []
    announced = {network["interface"]: network for network in told}
    return render_template(
        "interfaces.html", interfaces=found, xdp=xdp, announced=announced, kinds=KINDS, plays=plays,
        cards=_cards(),
    )  # fmt: skip


def _cards() -> dict[str, dict[str, Any]]:
    """Return role → its network card, of those that are there."""
    found = daemon().call("cards.List")["cards"] if daemon().has("cards.List") else []
    return {card["interface"]: card for card in found if card["interface"]}


@interfaces.route(f"/new/<any({', '.join(KINDS)}):kind>", methods=("GET", "POST"))
def add(kind: str) -> Response:
    """Add an interface."""
    if request.method == "GET":
        return _form({}, kind, None)
    given = _given({}, kind)
    try:
        apply("interfaces.Add", {"interface": given}, "Interface added.")
    except PatronusError as error:
        return _form(given, kind, None, error)
    return see(url_for("interfaces.show"))


@interfaces.route("/<role>", methods=("GET", "POST"))
def edit(role: str) -> Response:
    """Change an interface."""
    found = next((item for item in _listed() if item["id"] == role), None)
    if found is None:
        raise NotFound(f"no interface is called {role}")
    old, kind = found["configuration"], found["kind"]
    if request.method == "GET":
        return _form(old, kind, role)
    given = _given(old, kind)
    base = forms.number(request.form.get("base", ""))
    try:
        apply("interfaces.Replace", {"id": role, "interface": given, "base": base}, "Interface changed.")
    except PatronusError as error:
        return _form(given, kind, role, error)
    return see(url_for("interfaces.show"))


@interfaces.post("/<role>/delete")
def delete(role: str) -> Response:
    """Delete an interface."""
    apply("interfaces.Remove", {"id": role}, "Interface deleted.")
    return see(url_for("interfaces.show"))


def _listed() -> list[dict[str, Any]]:
    return list(daemon().call("interfaces.List")["interfaces"])


def _given(old: Mapping[str, Any], kind: str) -> dict[str, Any]:
    form = request.form
    given = {
        "id": old.get("id") or form.get("id", "").strip(),
        **_played(old, kind),
        "zone": form.get("zone", "").strip() or None,
        "mtu": forms.number(form.get("mtu", "").strip()),
        **(_of_card(old) if kind == "nic" else {}),
        "ipv4": _family(old, "ipv4", {}),
        "ipv6": _family(old, "ipv6", _ipv6()),
    }
    return forms.changed(old, given, tuple(given))


def _of_card(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form says of a network card."""
    return {
        **{name: request.form.get(name, "").strip() or None for name in ("mac", "xdp")},
        **cards.given(old),
    }


def _played(old: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the key that says what plays the role, with what the form does not show of it.

    A card that has a role keeps it.
    """
    form = request.form
    if kind == "nic":
        return {} if "match" in old else {"match": {"mac": form.get("mac", "").strip()}}
    read: dict[str, Any] = {
        "parent": form.get("parent") or None,
        "tag": forms.number(form.get("tag", "").strip()),
        "table": forms.number(form.get("table", "").strip()),
        "protocol": form.get("protocol") or None,
        "members": form.getlist("members") if kind in ("bridge", "bond", "vrf") else None,
        "stp": True if "stp" in form else None,
        "vlans": _ports(old) if kind == "bridge" else None,
        "mode": form.get("mode"),
        "monitor_ms": forms.number(form.get("monitor_ms", "").strip()),
        "hash": form.get("hash"),
        "lacp_rate": "fast" if "lacp_fast" in form else None,
    }
    if kind == "pppoe":
        read = {"parent": read["parent"], **_provider()}
    if kind == "nat64":
        read = {key: form.get(key, "").strip() or None for key in ("prefix", "pool")}
    if kind in ("vxlan", "gre"):
        read = {"parent": read["parent"], **_ends(kind)}
    return {kind: forms.changed(old.get(kind) or {}, read, tuple(read))}


def _ports(old: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the VLANs of a bridge's members, None where none has any."""
    form = request.form
    before = (old.get("bridge") or {}).get("vlans") or {}
    given = {
        member: {
            "untagged": forms.number(form.get(f"untagged-{member}", "").strip()),
            "tagged": forms.tags(form.get(f"tagged-{member}", "")) or None,
        }
        for member in form.getlist("members")
    }
    ports = {
        member: forms.changed(before.get(member) or {}, port, tuple(port))
        for member, port in given.items()
        if any(port.values())
    }
    return ports or None


def _ends(kind: str) -> dict[str, Any]:
    """Return what the form says of a tunnel."""
    form = request.form
    numbers = ("vni", "port") if kind == "vxlan" else ("key", "ttl")
    return {
        "remote": form.get("remote", "").strip() or None,
        "local": form.get("local", "").strip() or None,
        **{name: forms.number(form.get(name, "").strip()) for name in numbers},
        **({"others": forms.items(form.get("others", "")) or None} if kind == "vxlan" else {}),
        **({"frames": True if "frames" in form else None} if kind == "gre" else {}),
    }


def _provider() -> dict[str, Any]:
    """Return what the form says of a provider; its password is the name of a secret."""
    form = request.form
    return {
        "user": form.get("user", "").strip() or None,
        "password": {"secret": form.get("secret", "").strip()},
        "service": form.get("service", "").strip() or None,
        "concentrator": form.get("concentrator", "").strip() or None,
        "dns": None if "dns" in form else False,
    }


def _ipv6() -> dict[str, Any]:
    form = request.form
    delegated = form.get("ipv6_method") == "delegated"
    return {
        "from": (form.get("ipv6_from") or None) if delegated else None,
        "subnet": forms.number(form.get("ipv6_subnet", "").strip()) if delegated else None,
        "ula": True if "ipv6_ula" in form else None,
        "advertise": True if "ipv6_advertise" in form else None,
        "translator": form.get("ipv6_translator", "").strip() or None,
    }


def _family(old: Mapping[str, Any], family: str, more: dict[str, Any]) -> dict[str, Any] | None:
    """Return the addresses of a family; what the form does not show of them stays."""
    form = request.form
    method = form.get(f"{family}_method", "none")
    given = {
        "method": None if method == "none" else method,
        "addresses": forms.items(form.get(f"{family}_addresses", "")) or None,
        "gateway": form.get(f"{family}_gateway", "").strip() or None,
        **more,
    }
    return forms.changed(old.get(family) or {}, given, tuple(given)) or None


def _methods(kind: str) -> dict[str, dict[str, str]]:
    return SESSION if kind == "pppoe" else {"ipv4": IPV4, "ipv6": IPV6}


def _form(
    given: Mapping[str, Any], kind: str, role: str | None, error: PatronusError | None = None
) -> Response:
    nics = daemon().call("interfaces.Inventory")["nics"] if kind == "nic" else []
    others = [item for item in _listed() if item["id"] != given.get("id")]
    return page(
        "interface.html", error, given=given, kind=kind, role=role, what=KINDS[kind],
        played=given.get("match" if kind == "nic" else kind) or {},
        base=base_of_form(error),
        zones=[zone["id"] for zone in daemon().call("firewall.ListZones")["zones"]],
        cards=[(nic["mac"], f"{nic['device']}, {nic['mac']}") for nic in nics if nic["role"] is None],
        others=[item["id"] for item in others if kind != "bond" or item["kind"] == "nic"],
        methods={family: list(known.items()) for family, known in _methods(kind).items()},
        card=cards.shown(given, _cards().get(role or "")) if kind == "nic" else None,
        modes=list(MODES.items()), hashes=HASHES, xdp_modes=list(XDP_MODES.items()),
    )  # fmt: skip
