# SPDX-License-Identifier: GPL-2.0-or-later
"""What 10,000 rules cost in the kernel: a packet that they try, loading them, and blocking one address more.

Run as root in the test tree: ``python3 -m tests.bench.rules``. A router and its neighbours are namespaces.
Frames are written to a tap device, and the kernel takes each through the router within the call that writes
it: the thread's processor time is what the packet cost, less that of a frame that nobody takes. All are
dropped by a rule, so no connection is remembered and nothing is sent on.
"""

from __future__ import annotations

import fcntl
import json
import os
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from random import Random
from typing import Any

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from patronus.firewall.addresses import AddressSet
from patronus.firewall.compile.blocklist import blocked_sets
from patronus.firewall.optimise import fold
from patronus.firewall.table import commands
from patronus.firewall.table.ruleset import FAMILY, TABLE, Container, Hosts, Intervals, Ruleset
from patronus.firewall.table.statements import host
from patronus.kernel.nft import Nft
from tests.bench.clock import cpu_s
from tests.bench.commit import rules, text
from tests.bench.rows import Row, compare, table, version, write
from tests.golden.case import load, plan_for
from tests.netns.firewall.driver import INTERFACES, ZONES, Firewall
from tests.netns.lab import Lab, Namespace

ROUNDS, FRAMES, HOT = 9, 4000, 64
"""Frames of a round: as many rules as they meet; a few stay in the processor's cache, thousands do not."""
LOADS, BLOCKS, ADDRESSES = 3, 9, 10_000
BURST = 16
"""Addresses that are blocked one after the other; a process that has just been started has cold pages."""
NOBODYS = 0x88B5
"""An ethertype for local experiments (IEEE 802): the router throws it away where it arrives."""
ONE = "rules: [{id: r-one, from: wan, to: lan, protocol: [tcp, udp], action: drop}]\n"
NFT = "nft"
PEERS = "one-set"
"""The set of the peer: addresses and prefixes in one, as nft makes it."""
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000


def frames(of: Sequence[dict[str, Any]], to: str) -> list[bytes]:
    """Return a frame for each of some rules, which it fits; ``to`` is the router's MAC."""
    return [_frame(rule, to) for rule in Random(2).sample(of, FRAMES)]


def _frame(rule: dict[str, Any], to: str) -> bytes:
    source = rule["source"][0].partition("/")[0]
    port = int(str(rule["destination_port"][0]).partition("-")[0])
    transport = (TCP if rule["protocol"] == "tcp" else UDP)(sport=4000, dport=port)
    ends = IPv6(src=source, dst="fd00:1::30") if ":" in source else IP(src=source, dst="192.168.1.30")
    return bytes(Ether(dst=to) / ends / transport)


class Tap:
    """The router's device ``wan``, whose wire this is: the kernel takes a frame on while it is being written.

    A frame over veth may be left to a thread of the kernel instead, and would seem to cost nothing.
    Source: linux/if_tun.h.
    """

    def __init__(self, lab: Lab) -> None:
        lab.router.ip("link delete wan")
        with lab.router:
            self._file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self._file, TUNSETIFF, struct.pack("16sH22x", b"wan", IFF_TAP | IFF_NO_PI))
        lab.router.ip("address add 198.51.100.2/24 dev wan")
        lab.router.ip("-6 address add 2001:db8:1::2/64 dev wan nodad")
        lab.router.ip("link set wan up")
        lab.router.ip("route add default via 198.51.100.9")
        lab.router.ip("-6 route add default via 2001:db8:1::9")

    def cost_ns(self, sent: Sequence[bytes]) -> float:
        """Return nanoseconds of processor time for one frame."""
        file, put = self._file, os.write
        start = time.thread_time_ns()
        for frame in sent:
            put(file, frame)
        return (time.thread_time_ns() - start) / len(sent)


@contextmanager
def in_a_line() -> Iterator[None]:
    """Fold nothing meanwhile, and put nothing into indexes."""
    before, fold.RUN = fold.RUN, sys.maxsize
    try:
        yield
    finally:
        fold.RUN = before


class Way:
    """A router with rules of its own, and frames that they drop."""

    def __init__(self, given: str, many: list[dict[str, Any]]) -> None:
        self.lab = Lab()
        sender = Tap(self.lab)
        for family in ("all", "wan"):
            self.lab.router.sysctl(f"net.ipv4.conf.{family}.rp_filter", "0")
        self.firewall = Firewall(self.lab)
        self.firewall.apply(rules=given)
        self._sender = sender
        self._sent = frames(many, json.loads(self.lab.router.ip("-j link show wan"))[0]["address"])
        self._nobodys = [frame[:12] + NOBODYS.to_bytes(2, "big") + frame[14:] for frame in self._sent]

    def cost_ns(self, of: int) -> float:
        """Return nanoseconds of a packet beyond those of a frame that nobody takes, from so many senders."""
        times = FRAMES // of
        nothing = self._sender.cost_ns(self._nobodys[:of] * times)
        return self._sender.cost_ns(self._sent[:of] * times) - nothing


def packet_rows(many: list[dict[str, Any]]) -> list[Row]:
    """Measure a packet with one rule and with 10,000, in turns: of a few connections, and of thousands."""
    one, folded = Way(ONE, many), Way(text(many), many)
    found = []
    for name, of in (("packet-10000-rules", HOT), ("packet-10000-rules-all-cold", FRAMES)):
        costs = [(folded.cost_ns(of), one.cost_ns(of)) for _ in range(ROUNDS)]
        ours, theirs = zip(*costs, strict=True)
        note = f"{of} senders that meet another rule each, in turns; all are dropped in the forward chain"
        found.append(compare(name, "ns", ours, "one rule", "same", theirs, goal=1.5, note=note))
    counters = folded.firewall.nft.counters("inet", "patronus")
    met = sum(counters[f"rule/{rule['id']}"].packets for rule in many)
    assert met >= FRAMES * ROUNDS, f"only {met} packets met their rule"
    return found


def ruleset(given: str) -> Ruleset:
    """Return the table for rules."""
    texts = {
        "network/interfaces.yaml": INTERFACES,
        "firewall/zones.yaml": ZONES,
        "firewall/rules.yaml": given,
    }
    return plan_for(load(texts).config, {}).ruleset


def as_text(namespace: Namespace) -> str:
    """Return the table as nft reads it: our chain ``reject`` has the name of one of its words."""
    said = namespace.run(NFT, "list", "table", "inet", "patronus")
    return said.replace("chain reject {", "chain refuse {").replace("goto reject", "goto refuse")


def load_row(many: list[dict[str, Any]]) -> Row:
    """Measure a whole table, encoded and in the kernel, against nft reading the rules in a line."""
    folded = ruleset(text(many))
    with in_a_line():
        line = ruleset(text(many))
    namespace = Namespace()
    with namespace:
        nft = Nft()
    nft.load(commands.batch(commands.whole(line)))
    with tempfile.NamedTemporaryFile("w", suffix=".nft") as file:
        file.write(as_text(namespace))
        file.flush()
        ours, theirs, encoding = [], [], list[float]()
        for _ in range(LOADS):
            namespace.run(NFT, "delete", "table", "inet", "patronus")
            theirs.append(cpu_s(lambda: namespace.run(NFT, "-f", file.name)))
            namespace.run(NFT, "delete", "table", "inet", "patronus")
            batch = commands.batch(commands.whole(folded))
            encoding.append(cpu_s(lambda: nft.check(batch)))  # noqa: B023 - called at once
            ours.append(cpu_s(lambda: nft.load(batch)))  # noqa: B023 - called at once
    before = statistics.median(encoding)
    note = f"processor time; ours is encoded and rehearsed before, in {before:.2f} s; nft reads a line a rule"
    peer = "nft -f", version("nftables"), theirs
    return compare("kernel-load-10000-rules", "s", ours, *peer, goal=0.2, note=note)


def block_row() -> Row:
    """Measure one address more where 10,000 are blocked, against nft adding it to one set of them all."""
    addresses = AddressSet(tuple((4 * at, 4 * at) for at in range(ADDRESSES)))
    sets = blocked_sets(addresses)
    table = next(name for name, found in sets.items() if isinstance(found, Hosts) and found.addresses)
    (namespace, nft), (peer, _) = (_with(some) for some in (sets, {PEERS: Intervals(4, addresses.ipv4)}))
    ours, theirs, same = list[float](), list[float](), list[float]()
    for at in range(BLOCKS):
        first = 4 * at * (BURST + 1) + 2
        more = [host(4, first + 4 * place) for place in range(BURST)]
        ours.append(cpu_s(lambda: _one_by_one(nft, table, more)) / BURST)  # noqa: B023 - called at once
        for where, name, taken in ((peer, PEERS, theirs), (namespace, table, same)):
            last = str(IPv4Address(first + 4 * BURST))
            words = NFT, "add", "element", FAMILY, TABLE, name, "{", last, "}"
            taken.append(cpu_s(lambda: where.run(*words)))  # noqa: B023 - called at once
    mine, peers = ([1e6 * value for value in taken] for taken in (ours, theirs))
    own = 1e6 * statistics.median(same)
    note = (
        f"processor time, a transaction each; {ADDRESSES} addresses are blocked, the peer's in a set that "
        f"takes prefixes too; nft into our table: {own:.0f} us, 1/{own / statistics.median(mine):.0f}"
    )
    return compare(
        "block-one-address", "us", mine, "nft add element", version("nftables"), peers, goal=0.001, note=note
    )


def _with(sets: Mapping[str, Container]) -> tuple[Namespace, Nft]:
    namespace = Namespace()
    with namespace:
        nft = Nft()
    nft.load(commands.batch(commands.whole(Ruleset(sets=sets))))
    return namespace, nft


def _one_by_one(nft: Nft, table: str, elements: Sequence[Any]) -> None:
    for element in elements:
        nft.add_elements(FAMILY, TABLE, table, [element])


def main() -> int:
    """Measure, print and write; 1 when a goal is missed."""
    many = [{**rule, "action": "drop"} for rule in rules(Random(1))]
    found = [block_row(), load_row(many), *packet_rows(many)]
    print(table(found))
    print(write("rules", found))
    return 0 if all(row.met for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
