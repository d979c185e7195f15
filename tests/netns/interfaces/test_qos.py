# SPDX-License-Identifier: GPL-2.0-or-later
"""Shapers on real links: rates hold both ways, classes have what they are sure of, others are left alone.

Rates are counted as bytes over the time that passed, with wide margins. Where this kernel has no CAKE, its
stand-in is what runs here.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from patronus.core.errors import KernelError
from patronus.core.traffic import Share
from patronus.core.verb import Caller, Nothing, Role
from patronus.kernel.traffic import Traffic
from patronus.network.qos.verbs import ShaperChanged, ShaperInfo
from tests.netns.interfaces.router import Router, eventually
from tests.netns.lab import Namespace, connect, say_urgency

CALLER = Caller("root", Role.ADMIN)
MAC = "52:54:00:00:00:71"
HERE, THERE = "198.51.100.2", "198.51.100.9"
WAN = {
    "id": "wan",
    "match": {"mac": MAC},
    "ipv4": {"method": "static", "addresses": [f"{HERE}/24"]},
}
RATE_BPS = 4_000_000
SHAPER = {"id": "wan", "download": "4mbit", "upload": "4mbit"}
EF, AF11 = 46, 10
LONG_S = 0.6


def plug(namespace: Namespace, neighbour: Namespace) -> None:
    connect(namespace, "eth0", neighbour, "peer")
    namespace.ip(f"link set eth0 down address {MAC}")
    neighbour.ip(f"address add {THERE}/24 dev peer")


@pytest.fixture
def wired(namespace: Namespace, neighbour: Namespace) -> Namespace:
    plug(namespace, neighbour)
    return namespace


class Stream:
    """Bytes that go one way as fast as they are let, and how many have come out."""

    def __init__(self, source: Namespace, target: Namespace, to: str, dscp: int) -> None:
        self.received = 0
        self._inbox = target.socket(4, socket.SOCK_STREAM)
        self._inbox.settimeout(None)
        self._inbox.bind((to, 0))
        self._inbox.listen()
        self._outbox = source.socket(4, socket.SOCK_STREAM)
        self._outbox.settimeout(None)
        say_urgency(self._outbox, dscp)
        self._outbox.connect(self._inbox.getsockname())
        self._other = self._inbox.accept()[0]
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._send, self._receive)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        data = bytes(16384)
        try:
            while True:
                self._outbox.sendall(data)
        except OSError:
            return

    def _receive(self) -> None:
        try:
            while found := self._other.recv(65536):
                self.received += len(found)
        except OSError:
            return

    def close(self) -> None:
        for one in (self._outbox, self._other):
            one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in (self._outbox, self._other, self._inbox):
            each.close()


@contextmanager
def streams(*ways: tuple[Namespace, Namespace, str, int]) -> Iterator[list[Stream]]:
    """Open streams, let each get through its first bytes, and close them."""
    opened = [Stream(*way) for way in ways]
    try:
        eventually(lambda: all(one.received for one in opened), "the first bytes")
        yield opened
    finally:
        for one in opened:
            one.close()


def rates_bps(*ways: tuple[Namespace, Namespace, str, int]) -> list[float]:
    """Return how many bits per second come out of each stream, all at once."""
    with streams(*ways) as opened:
        start, before = time.monotonic(), [one.received for one in opened]
        time.sleep(LONG_S)
        passed, after = time.monotonic() - start, [one.received for one in opened]
    return [8 * (new - old) / passed for old, new in zip(before, after, strict=True)]


def up(wired: Namespace, neighbour: Namespace, dscp: int = 0) -> tuple[Namespace, Namespace, str, int]:
    return wired, neighbour, THERE, dscp


def down(wired: Namespace, neighbour: Namespace) -> tuple[Namespace, Namespace, str, int]:
    return neighbour, wired, HERE, 0


def seen(router: Router) -> ShaperInfo:
    return router.qos.status(CALLER, Nothing()).shapers[0]


def pending(router: Router) -> list[str]:
    plan: Any = router.engine.running["qos"]
    return [step.name for step in router.qos.steps(plan, plan)]


def differences(router: Router) -> list[str]:
    plan: Any = router.engine.running["qos"]
    return [found.what for found in router.qos.observe(plan)]


def test_both_ways_are_as_slow_as_said_and_fast_again_without(
    router: Router, wired: Namespace, neighbour: Namespace
) -> None:
    router.apply(WAN, shapers=[SHAPER])
    for way in (up(wired, neighbour), down(wired, neighbour)):
        (rate_bps,) = rates_bps(way)
        assert 0.1 * RATE_BPS < rate_bps < 1.5 * RATE_BPS
    info = seen(router)
    assert info.upload is not None
    assert info.download is not None
    for lane in (info.upload, info.download):
        assert (lane.state, lane.rate_bps) == ("active", RATE_BPS)
        assert lane.counted is not None
        assert lane.counted.bytes > RATE_BPS / 8 * LONG_S * 0.1
        assert lane.counted.packets > 0
    assert (pending(router), differences(router)) == ([], [])
    router.apply(WAN)
    for way in (up(wired, neighbour), down(wired, neighbour)):
        (rate_bps,) = rates_bps(way)
        assert rate_bps > 4 * RATE_BPS
    assert "ifb-wan" not in wired.ip("link")
    said = wired.run("tc", "qdisc", "show", "dev", "eth0")
    assert "7061:" not in said
    assert "clsact" not in said


@pytest.mark.parametrize(("favoured", "other"), [(EF, AF11), (AF11, EF)])
def test_a_class_has_what_it_is_sure_of(
    router: Router, wired: Namespace, neighbour: Namespace, favoured: int, other: int
) -> None:
    voice = {"id": "voice", "guaranteed": "3200kbit", "priority": 0, "match": {"dscp": [favoured]}}
    router.apply(WAN, shapers=[{**SHAPER, "classes": [voice]}])
    first, second = rates_bps(up(wired, neighbour, favoured), up(wired, neighbour, other))
    assert first > 2 * second
    assert first + second < 1.5 * RATE_BPS
    info = seen(router).upload
    assert info is not None
    counted = {part.name: part.counted.bytes for part in info.parts}
    assert counted["voice"] > 2 * counted["everything else"]


def test_a_class_takes_ipv6_and_marks_as_well(router: Router, wired: Namespace, neighbour: Namespace) -> None:
    wan = {**WAN, "ipv6": {"method": "static", "addresses": ["2001:db8:1::2/64"]}}
    classes = [
        {"id": "marked", "guaranteed": "1mbit", "match": {"mark": "0x10/0xf0"}},
        {"id": "urgent", "guaranteed": "1mbit", "match": {"dscp": ["cs1", "ef"]}},
    ]
    router.apply(wan, shapers=[{**SHAPER, "classes": classes}])
    neighbour.ip("-6 address add 2001:db8:1::9/64 dev peer nodad")

    def send(version: int, dscp: int, mark: int) -> None:
        outbox = wired.socket(version, socket.SOCK_DGRAM)
        say_urgency(outbox, dscp)
        outbox.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        outbox.sendto(bytes(500), (THERE if version == 4 else "2001:db8:1::9", 9))
        outbox.close()

    def counted() -> dict[str, int]:
        info = seen(router).upload
        assert info is not None
        return {part.name: part.counted.bytes // 500 for part in info.parts}

    cases = [(4, EF, 0, "urgent"), (6, EF, 0, "urgent"), (4, AF11, 0x12, "marked"), (6, 0, 0x1F, "marked")]
    for version, dscp, mark, name in cases:
        before = counted()
        send(version, dscp, mark)
        eventually(lambda: counted()[name] == before[name] + 1, f"the packet in {name}")  # noqa: B023
    before = counted()
    send(4, AF11, 0x20)
    eventually(lambda: counted()["everything else"] > before["everything else"], "the packet of no class")
    assert (counted()["urgent"], counted()["marked"]) == (before["urgent"], before["marked"])


def test_another_number_changes_the_queue_in_place_and_loses_nothing(
    router: Router, wired: Namespace, neighbour: Namespace
) -> None:
    slow = {"id": "wan", "upload": "64kbit"}
    router.apply(WAN, shapers=[slow])
    inbox, outbox = neighbour.socket(4, socket.SOCK_DGRAM), wired.socket(4, socket.SOCK_DGRAM)
    inbox.settimeout(60)
    inbox.bind((THERE, 0))
    outbox.sendto(b"resolve", inbox.getsockname())
    assert inbox.recv(100) == b"resolve"
    for number in range(18):
        outbox.sendto(bytes([number]) * 1000, inbox.getsockname())
    waiting = seen(router).upload
    assert waiting is not None
    assert waiting.counted is not None
    assert waiting.counted.waiting_bytes > 0
    router.apply(WAN, shapers=[{**slow, "upload": "8mbit"}])
    assert [inbox.recv(2000)[0] for _ in range(18)] == list(range(18))
    after = seen(router).upload
    assert after is not None
    assert after.counted is not None
    assert (after.rate_bps, after.counted.dropped, differences(router)) == (8_000_000, 0, [])
    assert after.counted.packets >= 19  # it counts on: the queue is the same
    inbox.close()
    outbox.close()


def test_queues_of_others_stay_and_are_named(router: Router, wired: Namespace) -> None:
    wired.run(*"tc qdisc add dev eth0 root handle 1: tbf rate 50mbit burst 20k latency 50ms".split())
    wired.run(*"tc qdisc add dev eth0 clsact".split())
    wired.run(*"tc filter add dev eth0 ingress protocol all prio 1 bpf bytecode".split(), "1,6 0 0 0")
    prepared = router.apply(WAN, shapers=[SHAPER])
    assert "a queue that somebody else put in" in " ".join(one.message for one in prepared.warnings)
    info = seen(router)
    assert info.upload is not None
    assert info.download is not None
    assert (info.state, info.upload.state, info.download.state) == ("foreign", "foreign", "active")
    plan: Any = router.engine.running["qos"]
    assert [(one.what, one.refuses) for one in router.qos.observe(plan)] == [("the queue of eth0", False)]
    router.apply(WAN)
    said = wired.run("tc", "qdisc", "show", "dev", "eth0")
    assert "tbf 1: root" in said
    assert "clsact" in said
    assert "pref 1 bpf" in wired.run(*"tc filter show dev eth0 ingress".split())


def test_what_someone_puts_into_a_class_stays_through_a_change(router: Router, wired: Namespace) -> None:
    router.apply(WAN, shapers=[SHAPER])
    wired.run(*"tc qdisc replace dev eth0 parent 7061:2 handle 99: htb".split())
    wired.run(*"tc class add dev eth0 parent 99: classid 99:7 htb rate 1mbit".split())
    router.apply(WAN, shapers=[{**SHAPER, "upload": "8mbit"}])
    assert "99:7" in wired.run(*"tc class show dev eth0".split())
    assert "8Mbit" in wired.run(*"tc class show dev eth0 classid 7061:1".split())


def test_what_someone_takes_away_is_a_difference_and_comes_back(router: Router, wired: Namespace) -> None:
    router.apply(WAN, shapers=[SHAPER])
    wired.run(*"tc qdisc del dev eth0 root".split())
    assert any("on eth0" in what for what in differences(router))
    assert seen(router).state == "missing"
    router.apply(WAN, shapers=[SHAPER])
    assert (differences(router), seen(router).state) == ([], "active")
    wired.ip("link del ifb-wan")  # from now on the kernel drops what arrives
    assert "create ifb-wan" in differences(router)
    router.apply(WAN, shapers=[SHAPER])
    assert (differences(router), seen(router).state) == ([], "active")


def test_a_card_that_is_pulled_out_and_put_back_is_shaped_again(
    router: Router, wired: Namespace, neighbour: Namespace
) -> None:
    router.apply(WAN, shapers=[SHAPER])
    wired.ip("link del eth0")
    eventually(lambda: seen(router).state == "waiting", "the shaper without its card")
    plug(wired, neighbour)
    eventually(lambda: seen(router).state == "active", "the shaper on its card again")
    assert differences(router) == []
    told = [one for one in router.engine.events if isinstance(one, ShaperChanged)]
    assert [one.device for one in told] == ["eth0", None, "eth0"]


class Refusing(Traffic):
    """A kernel that takes no class of more than so much."""

    def change_share(self, device: str, share: Share) -> None:
        if share.rate_bps > RATE_BPS:
            raise KernelError("no")
        super().change_share(device, share)


def test_a_step_that_fails_takes_back_all_before_it(router: Router, wired: Namespace) -> None:
    router.apply(WAN, shapers=[SHAPER])
    router.qos._traffic = Refusing()
    if router.qos._traffic.knows("cake"):
        pytest.skip("this kernel has CAKE, which has no classes")
    with pytest.raises(KernelError, match="no"):
        router.apply(WAN, shapers=[{**SHAPER, "download": "1mbit", "upload": "8mbit"}])
    assert differences(router) == []
    assert json.loads(wired.run("tc", "-json", "class", "show", "dev", "ifb-wan"))
