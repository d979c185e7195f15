# SPDX-License-Identifier: GPL-2.0-or-later
"""Two providers before one router: what one of them carries goes on by the other, and comes back."""

from __future__ import annotations

from typing import Any

from patronus.core.connection import Tracked
from patronus.core.errors import KernelError
from patronus.kernel.conntrack import Conntrack
from patronus.network.uplinks.verbs import WanDown, WanUp
from tests.netns.interfaces.providers import HOST, PROVIDERS, QUICK, WORLD, Internet, Talk, Uplinked, talking
from tests.netns.interfaces.router import eventually
from tests.netns.lab import Host

WAN, SPARE = (own for _, own in PROVIDERS.values())


def uplink(role: str, **more: Any) -> dict[str, Any]:
    return {"id": role, **QUICK, **more}


def ways_of(internet: Internet, count: int) -> list[str]:
    """Return by which addresses so many new connections come to the world."""
    talks = [Talk(internet.lan) for _ in range(count)]
    found = [talk.came_by for talk in talks]
    for talk in talks:
        talk.close()
    return found


def test_what_is_new_goes_by_the_other_uplink_while_one_is_down(
    uplinked: Uplinked, internet: Internet
) -> None:
    uplinked.start(uplink("wan"), uplink("spare", tier=2))
    with internet.world.serving(7), talking(internet.lan) as old:
        assert old.came_by == WAN
        assert uplinked.taken() == ["wan"]
        internet.fail("wan")
        eventually(lambda: uplinked.taken() == ["spare"], "the other uplink")
        with talking(internet.lan) as new:
            assert new.came_by == SPARE
            assert not old.goes_on(), "its peer knows the other address alone, and says so at once"
            internet.mend("wan")
            eventually(lambda: uplinked.taken() == ["wan"], "the way back")
            assert new.goes_on(), "a connection stays where it began"
            assert ways_of(internet, 1) == [WAN]
    eventually(lambda: WanUp("wan") in uplinked.engine.events, "the word that it is back")
    told = [event for event in uplinked.engine.events if isinstance(event, WanDown | WanUp)]
    assert [(event.kind, event.role) for event in told] == [("wan-down", "wan"), ("wan-up", "wan")]
    assert uplinked.differences() == []


def test_a_connection_from_outside_is_answered_by_the_uplink_that_it_came_in_by(
    uplinked: Uplinked, internet: Internet
) -> None:
    """The default route leads out by the other one."""
    inwards = {
        "id": "in", "type": "dnat", "in": "wan", "protocol": "tcp", "destination_port": 80,
        "to": f"{HOST}:7",
    }  # fmt: skip
    uplinked.start(uplink("wan"), uplink("spare", tier=2), nat=[inwards])
    world = Host(internet.world.namespace, WORLD, "")
    with internet.lan.serving(7):
        for own in (WAN, SPARE):
            with world.stream(own, 80) as stream:
                stream.settimeout(20.0)
                assert stream.recv(100).decode().strip() == WORLD
    uplinked.start(nat=[inwards])
    with internet.lan.serving(7):
        assert world.reaches(WAN, 80)
        assert not world.reaches(SPARE, 80), "without uplinks the answer leaves by the first default route"


def test_connections_are_spread_by_weight_and_stay(uplinked: Uplinked, internet: Internet) -> None:
    uplinked.start(uplink("wan", weight=3), uplink("spare"))
    with internet.world.serving(7):
        talks = [Talk(internet.lan) for _ in range(60)]
        by_wan = sum(talk.came_by == WAN for talk in talks)
        assert 30 < by_wan < 60, by_wan
        internet.router.ip("route del default metric 90")
        assert all(talk.goes_on() for talk in talks), "also while the default route is another"
        for talk in talks:
            talk.close()
    assert uplinked.differences() != []


def test_without_another_uplink_connections_are_left_as_they_are(
    uplinked: Uplinked, internet: Internet
) -> None:
    """A provider that is away for a moment costs nobody a connection that has nowhere else to go."""
    uplinked.start(uplink("wan"))
    with internet.world.serving(7), talking(internet.lan) as talk:
        internet.fail("wan")
        eventually(lambda: uplinked.taken() == [], "that it is down")
        internet.mend("wan")
        eventually(lambda: uplinked.taken() == ["wan"], "that it is up")
        assert talk.goes_on()


class Unreadable(Conntrack):
    """A kernel that lists no connections."""

    def tracked(self) -> tuple[Tracked, ...]:
        raise KernelError("no")


def test_new_connections_take_the_other_uplink_though_old_ones_cannot_be_moved(
    uplinked: Uplinked, internet: Internet
) -> None:
    uplinked.routing._conntrack = Unreadable()
    uplinked.start(uplink("wan"), uplink("spare", tier=2))
    internet.fail("wan")
    eventually(lambda: uplinked.taken() == ["spare"], "the other uplink")
    eventually(lambda: uplinked.differences() == [], "all as planned")
