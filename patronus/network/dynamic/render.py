# SPDX-License-Identifier: GPL-2.0-or-later
"""A plan to the lines of each daemon's configuration, as FRR itself would write them. Pure.

What people write freely is a description and a secret: neither can begin a line of its own, see ``safe``
and ``usable``. All else is a value that was parsed: a number, an address, a name of ``a-z 0-9 -``. Names that
begin with a dot are ours, since theirs cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from patronus.core.link import IpNetwork
from patronus.core.secret import SecretRef
from patronus.network.dynamic.lines import Line
from patronus.network.dynamic.model import (
    Bgp,
    Family,
    Neighbor,
    Ospf,
    OspfInterface,
    PrefixList,
    Redistribute,
)
from patronus.network.dynamic.plan import BGPD, OSPF6D, OSPFD, DynamicPlan

Secrets = Callable[[str], str | None]
"""What a secret's name stands for; None: it cannot be had, or is none that FRR takes."""
LONGEST_SECRET = {"bgp": 80, "ospf": 16, "ospf3": 64}
"""Characters that the daemons take: TCP_MD5SIG_MAXKEYLEN, RFC 2328 section D.3, FRR's own for RFC 7166."""
_WORDS: Mapping[Family, str] = {"ipv4": "ip", "ipv6": "ipv6"}
_STATIC = ".static"
_OSPF_DEFAULTS = {"hello": 10, "dead": 40, "priority": 1}


def safe(text: str) -> str:
    """Return a description as FRR keeps it: one line, single spaces, and no bar, which starts a filter."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).replace("|", "/").split())


def usable(secret: str, kind: str) -> bool:
    """Return whether FRR takes a secret: printable ASCII without spaces, and not too long."""
    plain = secret.isascii() and secret.isprintable() and not set(" |") & set(secret)
    return plain and 0 < len(secret) <= LONGEST_SECRET[kind]


def render(plan: DynamicPlan, secrets: Secrets) -> dict[str, tuple[Line, ...]]:
    """Return daemon → lines, for each daemon that runs."""
    made = {name: tuple[Line, ...]() for name in plan.daemons}
    if plan.bgp is not None:
        made[BGPD] = tuple(_bgp(plan, plan.bgp, secrets))
    if plan.ospf is not None:
        made[OSPFD] = tuple(_ospf(plan, plan.ospf, "ipv4", secrets))
    if plan.ospf3 is not None:
        made[OSPF6D] = tuple(_ospf(plan, plan.ospf3, "ipv6", secrets))
    return made


def _version(family: Family) -> int:
    return 4 if family == "ipv4" else 6


def _bgp(plan: DynamicPlan, bgp: Bgp, secrets: Secrets) -> Iterator[Line]:
    families = [family for family in _WORDS if _takes_part(plan, bgp, family)]
    named = {name for one in plan.neighbors for name in (one.import_, one.export) if name is not None}
    for family in families:
        yield from _lists(plan, named, family)
        yield from _passed_on(plan, bgp.redistribute, family)
    head = (f"router bgp {bgp.as_}",)
    if bgp.router_id is not None:
        yield Line(head, f"bgp router-id {bgp.router_id}")
    yield Line(head, "no bgp default ipv4-unicast")
    for one, name in _named(plan):
        yield from (Line(head, f"neighbor {name} {said}") for said in _session(plan, one, secrets))
    for family in families:
        inner = (*head, f"address-family {family} unicast")
        for network in bgp.networks:
            if network.version == _version(family):
                yield Line(inner, f"network {network}")
        yield from (Line(inner, said) for said in _redistributed(bgp.redistribute, family))
        for one, name in _named(plan):
            if family in one.spoken:
                yield from (Line(inner, f"neighbor {name} {said}") for said in _exchange(one))


def _named(plan: DynamicPlan) -> Iterator[tuple[Neighbor, str]]:
    """Yield the neighbours with what FRR calls them, but for those whose card is missing."""
    for one in plan.neighbors:
        name = plan.name(one)
        if name is not None:
            yield one, name


def _takes_part(plan: DynamicPlan, bgp: Bgp, family: Family) -> bool:
    networks = any(network.version == _version(family) for network in bgp.networks)
    return networks or any(family in one.spoken for one in plan.neighbors)


def _session(plan: DynamicPlan, one: Neighbor, secrets: Secrets) -> Iterator[str]:
    """Yield what is said of the session with a neighbour; ``remote-as`` makes it, and comes first.

    Without an address it is the one whose router advertisements come in there (RFC 4861); ``v6only``: also
    where the interface has an IPv4 network for two.
    """
    yield f"remote-as {one.remote_as}" if one.address else f"interface v6only remote-as {one.remote_as}"
    if one.description is not None:
        yield f"description {safe(one.description)}"
    device = plan.devices.get(one.interface or "")
    if one.address and one.address.is_link_local and device:
        yield f"interface {device}"
    password = _secret(one.password, secrets)
    if one.password is not None and password is None:
        yield "shutdown"
    if password is not None:
        yield f"password {password}"
    if one.multihop is not None:
        yield f"ebgp-multihop {one.multihop}"
    if one.source is not None:
        yield f"update-source {one.source}"
    if (one.keepalive, one.hold) != (60, 180):
        yield f"timers {one.keepalive} {one.hold}"
    if one.retry != 120:
        yield f"timers connect {one.retry}"
    if one.bfd:
        yield "bfd"


def _exchange(one: Neighbor) -> Iterator[str]:
    """Yield what is said of the routes of one family that a neighbour and we tell each other."""
    yield "activate"
    if one.next_hop_self:
        yield "next-hop-self"
    if one.default_originate:
        yield "default-originate"
    if one.maximum_prefixes is not None:
        yield f"maximum-prefix {one.maximum_prefixes}"
    if one.import_ is not None:
        yield f"prefix-list {one.import_} in"
    if one.export is not None:
        yield f"prefix-list {one.export} out"


def _ospf(plan: DynamicPlan, ospf: Ospf, family: Family, secrets: Secrets) -> Iterator[Line]:
    yield from _passed_on(plan, ospf.redistribute, family)
    three = family == "ipv6"
    for link in ospf.interfaces:
        device = plan.devices.get(link.interface)
        if device is not None:
            said = (_ospf3_link if three else _ospf_link)(link, _secret(link.password, secrets))
            yield from (Line((f"interface {device}",), f"{_SPOKEN[family]} {one}") for one in said)
    head = ("router ospf6",) if three else ("router ospf",)
    if ospf.router_id is not None:
        yield Line(head, f"{'ospf6' if three else 'ospf'} router-id {ospf.router_id}")
    yield Line(head, "log-adjacency-changes")
    yield from (Line(head, said) for said in _redistributed(ospf.redistribute, family))
    for area in ospf.areas:
        if area.type != "normal":
            yield Line(head, f"area {area.id} {area.type}" + ("" if area.summaries else " no-summary"))
    if ospf.default_originate != "never":
        always = " always" if ospf.default_originate == "always" else ""
        yield Line(head, f"default-information originate{always}")


_SPOKEN: Mapping[Family, str] = {"ipv4": "ip ospf", "ipv6": "ipv6 ospf6"}


def _link(link: OspfInterface, *, silent: bool) -> Iterator[str]:
    """Yield what OSPF and OSPFv3 are told in the same words."""
    if link.network != "broadcast":
        yield f"network {link.network}"
    if link.cost is not None:
        yield f"cost {link.cost}"
    for name, word in (("hello", "hello-interval"), ("dead", "dead-interval"), ("priority", "priority")):
        if (value := getattr(link, name)) != _OSPF_DEFAULTS[name]:
            yield f"{word} {value}"
    yield f"area {link.area}"
    if link.bfd:
        yield "bfd"
    if link.passive or silent:
        yield "passive"


def _ospf_link(link: OspfInterface, key: str | None) -> Iterator[str]:
    if key is not None:
        yield "authentication message-digest"
        yield f"message-digest-key {link.key_id} md5 {key}"
    yield from _link(link, silent=link.password is not None and key is None)


def _ospf3_link(link: OspfInterface, key: str | None) -> Iterator[str]:
    yield from _link(link, silent=link.password is not None and key is None)
    if key is not None:
        yield f"authentication key-id {link.key_id} hash-algo hmac-sha-256 key {key}"


def _secret(reference: SecretRef | None, secrets: Secrets) -> str | None:
    return secrets(reference.secret) if reference is not None else None


def _redistributed(wanted: Sequence[Redistribute], family: Family) -> Iterator[str]:
    for one in wanted:
        name = _list_of(one)
        source = {"static": "kernel", "ospf": "ospf6" if family == "ipv6" else "ospf"}.get(one.kind, one.kind)
        yield f"redistribute {source}" + (f" route-map {_map_of(name, family)}" if name else "")


def _list_of(one: Redistribute) -> str | None:
    """Return the prefix list of what is passed on; of our own routes it is one that we make."""
    if one.kind == "static":
        return _STATIC + (f".{one.filter}" if one.filter else "")
    return one.filter


def _map_of(name: str, family: Family) -> str:
    return f".{family}.{name}"


def _passed_on(plan: DynamicPlan, wanted: Sequence[Redistribute], family: Family) -> Iterator[Line]:
    """Yield the prefix lists of what is passed on, and the route maps that name them."""
    named = dict.fromkeys(one.filter for one in wanted if one.filter and one.kind != "static")
    yield from _lists(plan, [name for name in named if name is not None], family)
    for one in wanted:
        if one.kind == "static":
            name, given = str(_list_of(one)), plan.lists[one.filter] if one.filter else None
            meant = [network for network in plan.static if network.version == _version(family)]
            entries = [f"permit {network}" for network in dict.fromkeys(meant) if permits(given, network)]
            yield from _numbered(name, family, entries)
    for used in dict.fromkeys(_list_of(one) for one in wanted):
        if used is not None:
            text = f"match {_WORDS[family]} address prefix-list {used}"
            yield Line((f"route-map {_map_of(used, family)} permit 10",), text)


def permits(given: PrefixList | None, network: IpNetwork) -> bool:
    """Return whether a list permits a route, as FRR decides it; without a list every one is permitted."""
    if given is None:
        return True
    for entry in given.entries:
        least = entry.ge if entry.ge is not None else entry.prefix.prefixlen
        most = entry.le if entry.le is not None else entry.prefix.prefixlen if entry.ge is None else 128
        inside = network.version == entry.prefix.version and network.network_address in entry.prefix
        if inside and least <= network.prefixlen <= most:
            return entry.action == "permit"
    return False


def _lists(plan: DynamicPlan, names: Sequence[str] | set[str], family: Family) -> Iterator[Line]:
    for name in sorted(names):
        entries = [one for one in plan.lists[name].entries if one.prefix.version == _version(family)]
        said = [
            f"{one.action} {one.prefix}"
            + (f" ge {one.ge}" if one.ge is not None else "")
            + (f" le {one.le}" if one.le is not None else "")
            for one in entries
        ]
        yield from _numbered(name, family, said)


def _numbered(name: str, family: Family, entries: Sequence[str]) -> Iterator[Line]:
    """Yield a prefix list; FRR takes one without entries for one that permits all, so that denies all."""
    for place, said in enumerate(entries or ["deny any"], start=1):
        yield Line((), f"{_WORDS[family]} prefix-list {name} seq {place * 5} {said}")
