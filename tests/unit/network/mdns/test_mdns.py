# SPDX-License-Identifier: GPL-2.0-or-later
"""Between which networks multicast DNS is repeated, what avahi is told, and that it refuses no change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from pydantic import ValidationError

from patronus.core.control import Control
from patronus.core.edit import Replace
from patronus.core.errors import Unavailable
from patronus.core.feature import refusing
from patronus.core.model import Configuration
from patronus.core.verb import Nothing
from patronus.core.walk import Walk
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.mdns.check import check
from patronus.network.mdns.model import Mdns
from patronus.network.mdns.plan import MdnsPlan, plan
from patronus.network.mdns.service import SERVICE, MdnsFeature
from patronus.network.mdns.verbs import RepeatMdns
from patronus.network.opening import Opening
from tests.unit.firewall.test_verbs import CALLER, Engine
from tests.unit.network.told.systemd import ENDED, Machine

SECTION = "network/mdns"

LINKS = InterfacesPlan(
    devices={"lan": "eth1", "iot": "eth2", "attic": None, "guest": "eth3"},
    zones={"inside": ("lan", "attic"), "things": ("iot",), "guests": ("guest",)},
)


def made(*between: str, only: tuple[str, ...] = ()) -> MdnsPlan:
    return plan(Mdns.model_validate({"between": list(between), "only": list(only)}), LINKS)


def test_two_networks_are_joined_and_their_zones_reach_the_port() -> None:
    found = made("lan", "iot")
    assert (found.text or "").splitlines() == [
        "# Written by patronusd.",
        "[server]",
        "allow-interfaces=eth1,eth2",
        "use-ipv4=yes",
        "use-ipv6=yes",
        "enable-dbus=no",
        "[wide-area]",
        "enable-wide-area=no",
        "[publish]",
        "disable-publishing=yes",
        "disable-user-service-publishing=yes",
        "publish-addresses=no",
        "publish-hinfo=no",
        "publish-workstation=no",
        "publish-domain=no",
        "[reflector]",
        "enable-reflector=yes",
        "reflect-ipv=no",
    ], "it says nothing of the router, and nobody on it speaks to it by the bus"
    assert found.contributions == (
        Opening("inside", "udp", (5353,), "mdns"), Opening("things", "udp", (5353,), "mdns"),
    )  # fmt: skip


def test_with_fewer_than_two_that_are_there_nothing_runs() -> None:
    assert made() == made("lan", "attic") == MdnsPlan()


def test_only_some_kinds_of_services_are_repeated_where_they_are_named() -> None:
    found = made("lan", "iot", only=("_IPP._tcp", "_airplay._tcp.local"))
    assert found.text is not None and "\nreflect-filters=_ipp._tcp.local,_airplay._tcp.local\n" in found.text
    everything = made("lan", "iot").text
    assert everything is not None and "filters" not in everything
    for wrong in ("ipp", "_ipp._sctp", "_a,b._tcp", "_ipp._tcp\nx=y", "_" + "a" * 16 + "._tcp"):
        with pytest.raises(ValidationError):
            made("lan", "iot", only=(wrong,))


@pytest.mark.parametrize(
    ("between", "said"),
    [
        (["lan", "cellar"], "there is no interface cellar"),
        (["lan", "port"], "port is in no zone"),
        (["lan", "uplink"], "uplink leads outside"),
        (["lan"], "one interface has nothing"),
        (["lan", "lan"], "one interface has nothing"),
    ],
)
def test_what_cannot_be_is_refused(between: list[str], said: str) -> None:
    zones = {"lan": "inside", "iot": "things", "uplink": "wan", "port": None}
    roles = [{"id": role, "match": {"path": role}, "zone": zone} for role, zone in zones.items()]
    interfaces = Interfaces.model_validate({"interfaces": roles})
    sections = {"network/mdns": Mdns.model_validate({"between": between}), "network/interfaces": interfaces}
    (problem,) = check(Configuration(sections))
    assert said in problem.message
    sections["network/mdns"] = Mdns.model_validate({"between": ["lan", "iot"]})
    assert list(check(Configuration(sections))) == []


def test_avahi_is_told_again_only_where_it_must_be_and_stopped_in_the_end(tmp_path: Path) -> None:
    machine = Machine.below(tmp_path, SERVICE)
    feature = MdnsFeature(machine.host)
    router, off, on = Walk([feature]), {"mdns": MdnsPlan()}, {"mdns": made("lan", "iot")}
    router.apply(off, {})
    router.apply(on, off)
    router.apply(on, on)
    assert machine.units.asked == ["restart"] and router.observe(on) == []
    assert machine.places.mdns.stat().st_mode & 0o777 == 0o644
    machine.places.mdns.write_text("[server]\n")
    assert router.observe(on) != []
    machine.units.fault = Unavailable("nobody answers")
    router.apply(on, on)
    assert "nobody answers" in (feature.notice() or "") and refusing(router.observe(on)) == []
    machine.units.fault = None
    router.apply(on, on)
    assert feature.notice() is None
    router.apply(off, on)
    assert machine.units.asked[-1] == "stop" and not machine.places.mdns.exists()


def test_the_verbs_say_how_it_does_and_write_the_file(tmp_path: Path) -> None:
    machine = Machine.below(tmp_path, SERVICE)
    sections = {"network/mdns": Mdns.model_validate({"between": ["lan", "iot"], "only": ["_ipp._tcp"]})}
    engine = Engine(Configuration(sections))
    feature = MdnsFeature(replace(machine.host, control=cast(Control, engine)))
    asked = feature.status(CALLER, Nothing())
    assert (asked.running, asked.between, asked.only) == (False, ["lan", "iot"], ["_ipp._tcp"])
    assert asked.reason is not None and "fewer than two" in asked.reason
    Walk([feature]).apply({"mdns": made("lan", "iot")}, {"mdns": MdnsPlan()})
    assert (feature.status(CALLER, Nothing()).running, feature.status(CALLER, Nothing()).reason) == (
        True,
        None,
    )
    machine.units.state = ENDED
    assert "does not run" in (feature.status(CALLER, Nothing()).reason or "")
    feature.repeat(CALLER, RepeatMdns(between=("lan", "guest")))
    feature.repeat(CALLER, RepeatMdns(between=(), only=()))
    between, only = (SECTION, ("between",)), (SECTION, ("only",))
    assert engine.submitted == [
        ([Replace(*between, ["lan", "guest"])], "multicast DNS between lan, guest"),
        ([Replace(*between, []), Replace(*only, [])], "no multicast DNS"),
    ]
