# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever the files may say that the checks let through, FRR takes every line of it.

A line that a daemon refuses would fail a change in its step, after all checks. So the daemons read generated
configurations here, as they do when they start, and none of them refuses anything.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from patronus.core.model import Configuration
from patronus.core.problem import Severity
from patronus.network.dynamic.check import check
from patronus.network.dynamic.lines import Line, written
from patronus.network.dynamic.plan import BGPD, OSPF6D, OSPFD, DynamicPlan
from patronus.network.dynamic.render import render
from patronus.network.interfaces.model import Interfaces
from patronus.network.routing.model import Routing
from tests.netns.lab import Namespace

REFUSED = re.compile(r"\] ([^\]]*) on config line (\d+): *(.*)")
"""What a daemon says of a line that it does not take (``vty_read_file`` of FRR 10)."""
DEVICES = {"lan": "eth0", "wan": "eth1", "far": "eth2"}
LISTS = ("in", "out", "few")
INTERFACES = [
    {"id": role, "match": {"path": role}, "zone": "wan",
     "ipv4": {"method": "static", "addresses": [f"10.{number}.0.1/16"]}}
    for number, role in enumerate(DEVICES, 1)
]  # fmt: skip

octets = st.integers(0, 255)
router_id = st.tuples(octets, octets, octets, octets).map(lambda four: ".".join(map(str, four)))
prefix4 = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
    lambda one: IPv4Network(one, strict=False)
)
prefix6 = st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 128)).map(
    lambda one: IPv6Network(one, strict=False)
)
prefix = prefix4 | prefix6
numbers = st.integers(1, 2**32 - 2) | st.sampled_from([1, 23456, 65001, 65535, 4294967294])
seconds = st.sampled_from([1, 2, 3, 9, 60, 180, 65535])
text = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=60)
flag = st.booleans()
secret = st.just({"secret": "key"})
role = st.sampled_from(list(DEVICES))
filtered = st.sampled_from(LISTS)


def some(needed: dict[str, Any] | None = None, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Return mappings that have the needed keys and any of the others."""
    return st.fixed_dictionaries(needed or {}, optional=fields)


def entries_of(one: IPv4Network | IPv6Network) -> st.SearchStrategy[dict[str, Any]]:
    """Return entries of a prefix list about this prefix."""
    lengths = st.integers(one.prefixlen, one.max_prefixlen)
    base: dict[str, Any] = {"prefix": st.just(str(one)), "action": st.sampled_from(["permit", "deny"])}
    fitting = [some(base), some({**base, "le": lengths})]
    if one.prefixlen < one.max_prefixlen:
        longer = st.integers(one.prefixlen + 1, one.max_prefixlen)
        fitting.append(some({**base, "ge": longer}, le=st.just(one.max_prefixlen)))
    return st.one_of(fitting)


exchanged = {
    "password": secret,
    "description": text,
    "families": st.sampled_from([["ipv4"], ["ipv6"], ["ipv6", "ipv4"]]),
    "maximum_prefixes": st.integers(1, 2**32 - 1),
    **dict.fromkeys(("next_hop_self", "default_originate", "bfd", "enabled"), flag),
    **dict.fromkeys(("keepalive", "retry"), seconds),
    "hold": seconds.filter(lambda value: value > 2),
    **dict.fromkeys(("import", "export"), filtered),
}
far = {**exchanged, "multihop": st.integers(2, 255)}
neighbor = st.one_of(
    some({"remote_as": numbers, "address": st.just("192.0.2.9")}, source=st.just("10.1.0.7"), **far),
    some({"remote_as": numbers, "address": router_id}, interface=role, **far),
    some({"remote_as": numbers, "address": st.just("2001:db8::9")}, source=st.just("2001:db8::7"), **far),
    some({"remote_as": numbers, "address": st.just("fe80::9"), "interface": role}, **exchanged),
    some({"remote_as": numbers, "interface": role}, **exchanged),
)


def passed_on(*kinds: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return what may be passed on of these kinds."""
    each = [some({"kind": st.just(kind)}, filter=filtered) for kind in kinds]
    return st.lists(st.one_of(each), max_size=3, unique_by=lambda one: str(one["kind"]))


bgp = some(
    {
        "as": numbers,
        "neighbors": st.lists(
            neighbor, max_size=4, unique_by=lambda one: one.get("address") or one["interface"]
        ).map(lambda found: [{**one, "id": f"n{place}"} for place, one in enumerate(found)]),
    },
    router_id=router_id,
    networks=st.lists(prefix.map(str), max_size=4),
    redistribute=passed_on("connected", "static", "ospf"),
)
area = st.sampled_from([1, 7, "0.0.0.9", 4294967295])
link = some(
    {"interface": role},
    area=area | st.just(0), cost=st.integers(1, 65535), passive=flag, password=secret,
    key_id=st.integers(1, 255), network=st.sampled_from(["broadcast", "point-to-point"]), priority=octets,
    hello=st.sampled_from([1, 2, 9]), dead=st.sampled_from([10, 41, 65535]), bfd=flag,
)  # fmt: skip
ospf = some(
    router_id=router_id,
    areas=st.lists(
        some({"id": area, "type": st.sampled_from(["stub", "nssa"])}, summaries=flag),
        max_size=3,
        unique_by=lambda one: str(one["id"]),
    ),
    interfaces=st.lists(link, max_size=3, unique_by=lambda one: str(one["interface"])),
    redistribute=passed_on("connected", "static", "bgp"),
    default_originate=st.sampled_from(["never", "if-known", "always"]),
)
routing = some(
    {
        "prefix_lists": st.tuples(
            *(st.lists(prefix.flatmap(entries_of), min_size=1, max_size=3) for _ in LISTS)
        ).map(lambda found: [{"id": one, "entries": given} for one, given in zip(LISTS, found, strict=True)]),
        "routes": st.just(
            [
                {"id": "a", "destination": "10.20.0.0/16", "type": "blackhole"},
                {"id": "b", "destination": "2001:db8:20::/48", "type": "blackhole"},
            ]
        ),
        "bgp": bgp,
        "ospf": ospf,
        "ospf3": ospf,
    }
)


@pytest.fixture(scope="module")
def apart() -> Iterator[Path]:
    """Stand in a namespace of one's own, with a folder that the daemons may read."""
    folder = Path("/run/patronus-frr-accepted")
    folder.mkdir(exist_ok=True)
    namespace = Namespace()
    with namespace:
        yield folder
    namespace.close()
    shutil.rmtree(folder)


def refused(folder: Path, daemon: str, lines: tuple[Line, ...]) -> list[str]:
    """Return what a daemon says of the lines that it does not take."""
    path = folder / f"{daemon}.conf"
    path.write_text(written(lines))
    command = [f"/usr/lib/frr/{daemon}", "-C", "-f", str(path), "-P", "0", "-A", "127.0.0.1"]
    done = subprocess.run(
        [*command, "--log", "stdout", "--log-level", "warnings"], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, errors="replace", timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [f"{daemon}: {found[1]}: {found[3]}" for found in REFUSED.finditer(done.stdout)]


def planned(given: dict[str, Any]) -> DynamicPlan | None:
    """Return the plan; None for what is refused before there is one."""
    try:
        model = Routing.model_validate(given)
    except ValidationError:
        return None
    links = Interfaces.model_validate({"interfaces": INTERFACES})
    found = check(Configuration({"network/interfaces": links, "network/routing": model}))
    if any(problem.severity is Severity.ERROR for problem in found):
        return None
    return DynamicPlan(
        bgp=model.bgp, ospf=model.ospf, ospf3=model.ospf3, lists={one.id: one for one in model.prefix_lists},
        devices=DEVICES, static=tuple(one.destination for one in model.routes),
    )  # fmt: skip


def test_a_line_that_is_wrong_is_refused(apart: Path) -> None:
    lines = (Line(("router bgp 1",), "neighbor 192.0.2.2 remote-as 2"), Line(("router bgp 1",), "nonsense"))
    assert refused(apart, BGPD, lines) == ["bgpd: No such command: nonsense"]
    assert len(refused(apart, OSPFD, (Line((), "ip prefix-list a seq 5 permit 10.0.0.0/8 ge 4"),))) == 1


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(routing)
def test_every_line_of_what_the_checks_let_through_is_taken(apart: Path, given: dict[str, Any]) -> None:
    plan = planned(given)
    assume(plan is not None)
    assert plan is not None
    lines = render(plan, lambda _: "sesame")
    found = [
        one for name in (BGPD, OSPFD, OSPF6D) if lines.get(name) for one in refused(apart, name, lines[name])
    ]
    assert found == []
