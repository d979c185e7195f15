# SPDX-License-Identifier: GPL-2.0-or-later
"""What a shaper is made of, and what must change so that it stands; a kernel of values takes the changes."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import pytest

from patronus.core.traffic import (
    ARRIVING,
    DEVICE,
    POSITION,
    ROOT,
    DeviceSeen,
    Framing,
    Queue,
    QueueSeen,
    Share,
    Sorter,
)
from patronus.core.values import Mark
from patronus.network.qos.describe import describe
from patronus.network.qos.difference import PHASES
from patronus.network.qos.model import Qos, TrafficClass
from patronus.network.qos.plan import Setup, plan, setups
from patronus.network.qos.program import EVERYTHING, matching
from patronus.network.qos.tree import Abilities, Lane, method, tree

OLD = Abilities(cake=False)
OLDEST = Abilities(cake=False, fq_codel=False)
VOICE = TrafficClass.model_validate({"id": "voice", "guaranteed": "2mbit", "match": {"dscp": ["ef"]}})
LANE = Lane("upload", 10_000_000, Framing(38, 84))


class Kernel:
    """Keeps what stands on devices, as the kernel does."""

    def __init__(self, *devices: str) -> None:
        self.seen = {name: DeviceSeen(number + 1, up=True) for number, name in enumerate(devices)}
        self.said: list[str] = []
        self._next = len(devices) + 1

    def _put(self, device: str, **parts: Any) -> None:
        self.seen[device] = replace(self.seen[device], **parts)

    def add_queue(self, device: str, queue: Queue) -> None:
        seen = self.seen[device]
        if queue.parent == DEVICE:
            assert seen.root() is None
        self._put(device, queues=(*seen.queues, QueueSeen(queue)))

    def change_queue(self, device: str, queue: Queue) -> None:
        others = [one for one in self.seen[device].queues if one.queue.handle != queue.handle]
        self._put(device, queues=(*others, QueueSeen(queue)))

    def delete_queue(self, device: str, queue: Queue) -> None:
        seen = self.seen[device]
        if queue.parent == DEVICE:
            arriving = frozenset(one for one in seen.sorters if one[0] == ARRIVING)
            kept = tuple(one for one in seen.queues if one.queue.kind == "clsact")
            self._put(device, queues=kept, shares=(), sorters=arriving)
        else:
            kept = tuple(one for one in seen.queues if one.queue.handle != queue.handle)
            self._put(device, queues=kept, sorters=frozenset())

    def add_share(self, device: str, share: Share) -> None:
        assert share.parent == ROOT or share.parent in {one.handle for one in self.seen[device].shares}
        self._put(device, shares=(*self.seen[device].shares, share))

    def change_share(self, device: str, share: Share) -> None:
        others = [one for one in self.seen[device].shares if one.handle != share.handle]
        self._put(device, shares=(*others, share))

    def delete_share(self, device: str, share: Share) -> None:
        others = [one for one in self.seen[device].shares if one.handle != share.handle]
        self._put(device, shares=tuple(others))

    def add_sorter(self, device: str, sorter: Sorter) -> None:
        assert sorter.device is None or self.seen[sorter.device].root()  # what is led there is queued
        name = (sorter.parent, sorter.position, sorter.handle)
        self._put(device, sorters=self.seen[device].sorters | {name})

    def delete_sorter(self, device: str, parent: int, position: int, handle: int) -> None:
        self._put(device, sorters=self.seen[device].sorters - {(parent, position, handle)})

    def create_device(self, name: str) -> None:
        self.seen[name] = DeviceSeen(self._next, up=True, ours=True)
        self._next += 1

    def start_device(self, name: str) -> None:
        self._put(name, up=True)

    def delete_device(self, name: str) -> None:
        led = {one for seen in self.seen.values() for one in seen.sorters if one[:2] == (ARRIVING, POSITION)}
        assert not led  # the kernel would drop what arrives
        del self.seen[name]

    def settle(self, *wanted: Setup) -> list[str]:
        """Bring it to what is wanted; return what that took."""
        said = []
        for phase in PHASES:
            for change in list(phase(wanted, dict(self.seen))):
                change.apply(self)
                said.append(str(change))
        return said


def setup(abilities: Abilities = OLD, device: str = "eth0", **keys: Any) -> Setup:
    shaper = {"id": "wan", "download": "20mbit", "upload": "10mbit", **keys}
    model = Qos.model_validate({"shapers": [{key: value for key, value in shaper.items() if value}]})
    return setups(plan(model, {"wan": device}), abilities)[0]


def test_cake_is_what_a_number_becomes() -> None:
    found = tree(replace(LANE, ack_filter=True), Abilities())
    assert (found.root.kind, found.shares, found.leaves) == ("cake", (), ())
    assert found.root.options["TCA_CAKE_BASE_RATE64"] == 1_250_000
    assert found.root.options["TCA_CAKE_ACK_FILTER"] == 1
    there = tree(Lane("download", 10_000_000, ack_filter=True), Abilities()).root.options
    assert (there["TCA_CAKE_INGRESS"], there["TCA_CAKE_ACK_FILTER"]) == (1, 0)
    assert there["TCA_CAKE_FLOW_MODE"] != found.root.options["TCA_CAKE_FLOW_MODE"]


@pytest.mark.parametrize(
    ("lane", "abilities", "kind", "lacks"),
    [
        (LANE, Abilities(), "cake", None),
        (LANE, OLD, "htb+fq_codel", "no CAKE:"),
        (LANE, OLDEST, "htb+pfifo", "no CAKE nor fq_codel:"),
        (replace(LANE, classes=(VOICE,)), Abilities(), "htb+fq_codel", None),
        (replace(LANE, classes=(VOICE,)), OLDEST, "htb+pfifo", "no fq_codel:"),
    ],
)
def test_what_a_kernel_lacks_is_said(lane: Lane, abilities: Abilities, kind: str, lacks: str | None) -> None:
    found, reason = method(lane, abilities)
    assert found == kind
    assert (reason is None) == (lacks is None)
    assert lacks is None or lacks in str(reason)


def test_classes_share_the_whole_and_leave_the_rest() -> None:
    found = tree(replace(LANE, classes=(VOICE,)), Abilities())
    whole, rest, voice = found.shares
    assert (whole.rate_bps, rest.rate_bps, voice.rate_bps) == (10_000_000, 8_000_000, 2_000_000)
    assert {one.ceiling_bps for one in found.shares} == {10_000_000}
    assert voice.priority < rest.priority
    assert found.root.options["defcls"] == rest.handle & 0xFFFF
    assert [leaf.parent for leaf in found.leaves] == [rest.handle, voice.handle]
    assert [sorter.share for sorter in found.sorters] == [voice.handle]
    assert whole.framing == Framing(24, 84)  # HTB counts the header of 14 bytes by itself


def test_the_first_class_that_fits_is_asked_first_and_each_has_its_ceiling() -> None:
    late = TrafficClass.model_validate(
        {"id": "late", "guaranteed": "1mbit", "ceiling": "3mbit", "match": {"dscp": ["ef"]}}
    )
    found = tree(replace(LANE, classes=(VOICE, late)), Abilities())
    first, second = found.sorters
    assert first.position < second.position
    assert [share.handle for share in found.shares[2:]] == [first.share, second.share]
    assert [share.ceiling_bps for share in found.shares[2:]] == [10_000_000, 3_000_000]


@pytest.mark.parametrize(("given", "counted"), [(0, 0), (14, 0), (-64, 0), (38, 24)])
def test_what_htb_counts_beside_a_packet_is_never_less_than_nothing(given: int, counted: int) -> None:
    shares = tree(replace(LANE, framing=Framing(given)), OLD).shares
    assert {share.framing.overhead for share in shares} == {counted}


def takes(program: bytes, mark: int, protocol: int, header: bytes) -> bool:
    """Run a filter as the kernel does (linux/filter.h) on a packet with this mark and IP header."""
    steps, at, value = [*struct.iter_unpack("=HBBI", program)], 0, 0
    while True:
        code, then, otherwise, number = steps[at]
        at += 1
        if code in (0x20, 0x28, 0x30):  # load four bytes, two or one; what the kernel knows has numbers
            size, place = {0x20: 4, 0x28: 2, 0x30: 1}[code], number - 0xFFF00000
            read = int.from_bytes(header[max(place, 0) : max(place, 0) + size], "big")
            value = {0xFFFFF000: protocol, 0xFFFFF014: mark}.get(number, read)
        elif code == 0x15:  # jump if equal
            at += then if value == number else otherwise
        elif code == 0x05:  # jump
            at += number
        elif code == 0x54:  # and
            value &= number
        elif code == 0x74:  # shift right
            value >>= number
        else:
            assert code == 0x06, hex(code)
            return bool(number)


@pytest.mark.parametrize(
    ("dscp", "mark", "packet", "taken"),
    [
        ((46,), None, (0, 4, 46), True),
        ((46,), None, (0, 4, 10), False),
        ((10, 46), None, (0, 6, 46), True),
        ((10, 46), None, (0, 6, 10), True),
        ((10, 46), None, (0, 6, 12), False),
        ((0,), None, (0, 6, 0), True),
        ((46,), None, (0, None, 46), False),
        ((), Mark(0x10, 0xF0), (0x13, 4, 0), True),
        ((), Mark(0x10, 0xF0), (0x23, 4, 0), False),
        ((46,), Mark(1), (1, 6, 46), True),
        ((46,), Mark(1), (2, 6, 46), False),
        ((46,), Mark(1), (1, 6, 10), False),
    ],
)
def test_a_filter_takes_what_its_class_matches(
    dscp: tuple[int, ...], mark: Mark | None, packet: tuple[int, int | None, int], taken: bool
) -> None:
    """Also with the two bits beside the class of service set, which are ECN's."""
    given, version, urgency = packet
    byte = urgency << 2 | 0x3
    header = bytes((0x45, byte)) if version == 4 else (0x6 << 28 | byte << 20 | 0xABCDE).to_bytes(4, "big")
    protocol = {4: 0x0800, 6: 0x86DD, None: 0x0806}[version]
    assert takes(matching(dscp, mark), given, protocol, header + bytes(40)) == taken


def test_each_program_ends_and_none_is_another() -> None:
    programs = {matching(dscp, None) for dscp in ((46,), (10,), (10, 46))} | {EVERYTHING}
    assert len(programs) == 4
    for program in programs:
        assert len(program) % 8 == 0
        assert program.endswith(EVERYTHING)


def test_a_shaper_stands_and_a_second_look_finds_nothing_to_do() -> None:
    kernel = Kernel("eth0", "eth1")
    assert kernel.settle(setup())[0] == "create ifb-wan"
    assert kernel.settle(setup()) == []
    assert kernel.seen["ifb-wan"].ours
    assert kernel.seen["eth1"] == DeviceSeen(2, up=True)


def test_a_shaper_goes_without_a_trace() -> None:
    kernel = Kernel("eth0")
    before = dict(kernel.seen)
    kernel.settle(setup())
    kernel.settle()
    assert kernel.seen == before


def test_another_number_changes_in_place() -> None:
    kernel = Kernel("eth0")
    kernel.settle(setup())
    said = kernel.settle(setup(upload="5mbit"))
    assert said == ["change class 7061:1 on eth0", "change class 7061:2 on eth0"]
    cake = Kernel("eth0")
    cake.settle(setup(Abilities()))
    assert cake.settle(setup(Abilities(), upload="5mbit")) == ["change cake on eth0"]


def test_a_class_comes_and_goes_in_place() -> None:
    kernel = Kernel("eth0")
    kernel.settle(setup())
    voice = {"id": "voice", "guaranteed": "2mbit", "match": {"dscp": ["ef"]}}
    said = kernel.settle(setup(classes=[voice]))
    assert said == [
        "change class 7061:2 on eth0",
        "add class 7061:10 on eth0",
        "add fq_codel on eth0",
        "lead packets of eth0 to 7061:10",
    ]
    other = kernel.settle(setup(classes=[{**voice, "match": {"dscp": ["cs5"]}}]))
    assert [text.split()[0] for text in other] == ["lead", "delete"]  # first the new one
    gone = kernel.settle(setup())
    assert gone[-1] == "delete class 7061:10 on eth0"
    assert kernel.settle(setup()) == []


def test_cake_gives_way_to_classes() -> None:
    kernel = Kernel("eth0")
    kernel.settle(setup(Abilities(), download=None))
    voice = {"id": "voice", "guaranteed": "2mbit", "match": {"mark": 1}}
    said = kernel.settle(setup(Abilities(), download=None, classes=[voice]))
    assert said[:2] == ["delete cake on eth0", "add htb on eth0"]


def test_a_direction_that_is_taken_back_leaves_the_other() -> None:
    kernel = Kernel("eth0")
    kernel.settle(setup())
    kernel.settle(setup(download=None))
    assert "ifb-wan" not in kernel.seen
    assert kernel.seen["eth0"].root() is not None
    assert not any(one[0] == ARRIVING for one in kernel.seen["eth0"].sorters)


def test_a_device_of_ours_made_anew_is_led_to_again() -> None:
    kernel = Kernel("eth0")
    kernel.settle(setup())
    del kernel.seen["ifb-wan"]
    said = kernel.settle(setup())
    assert said[0].startswith("delete filter")  # at once: until then the kernel drops what arrives
    assert "create ifb-wan" in said
    assert kernel.settle(setup()) == []


def test_the_role_moves_to_another_card() -> None:
    kernel = Kernel("eth0", "eth1")
    kernel.settle(setup())
    kernel.settle(setup(device="eth1"))
    assert kernel.seen["eth0"] == DeviceSeen(1, up=True)
    assert kernel.settle(setup(device="eth1")) == []


def test_queues_of_others_are_left_alone() -> None:
    theirs, hook = Queue("tbf", 0x10000), (ARRIVING, 1, 5)
    clsact = QueueSeen(Queue("clsact", 0xFFFF0000, 0xFFFFFFF1))
    kernel = Kernel("eth0")
    kernel._put("eth0", queues=(QueueSeen(theirs), clsact), sorters=frozenset({hook}))
    before = kernel.seen["eth0"]
    kernel.settle(setup())
    assert [one.queue for one in kernel.seen["eth0"].queues] == [theirs, clsact.queue]
    assert hook in kernel.seen["eth0"].sorters
    kernel.settle()
    assert kernel.seen["eth0"] == before


@pytest.mark.parametrize("state", ["active", "missing", "foreign", "waiting", "off"])
def test_a_shaper_says_how_it_stands(state: str) -> None:
    kernel = Kernel("eth0")
    model = Qos.model_validate({"shapers": [{"id": "wan", "download": "9mbit", "upload": "1mbit"}]})
    shaping = plan(model, {"wan": None if state == "waiting" else "eth0"}).shapings[0]
    if state == "foreign":
        kernel.add_queue("eth0", Queue("tbf", 0x10000))
    if state in ("active", "foreign"):
        kernel.settle(*setups(plan(model, {"wan": "eth0"}), Abilities()))
    info = describe(model.shapers[0], None if state == "off" else shaping, kernel.seen, Abilities())
    assert info.state == state
    assert (info.reason is None) == (state in ("active", "off"))
