# SPDX-License-Identifier: GPL-2.0-or-later
"""What patronusd keeps for the next boot, loaded by the image's own program into a machine that just started.

That machine is a namespace of its own with cards of the same names and MACs, down, and the lockdown.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.netns.daemon.keeper import USER
from tests.netns.daemon.machine import CHECKOUT, LONG_S, Machine, as_unit, eventually
from tests.netns.lab import Namespace

PROGRAM = CHECKOUT / "rootfs/usr/lib/patronus/head-start"
UNIT = CHECKOUT / "rootfs/usr/lib/systemd/system/patronus-head-start.service"
LOCKDOWN = CHECKOUT / "rootfs/usr/share/patronus/lockdown.nft"
WORKING_S = 10.0
"""A daemon that did not wait would have its rules there by then, or the machine is very busy."""
CARDS = ("eth0", "eth1", "eth2")
INTERFACES = """\
interfaces:
  - {id: lan, bridge: {members: [port]}, zone: lan, ipv4: {method: static, addresses: [192.168.1.1/24]}}
  - {id: port, match: {mac: "MAC0"}}
  - id: wan
    match: {mac: "MAC1"}
    zone: wan
    ipv4: {method: static, addresses: [203.0.113.9/24], gateway: 203.0.113.1}
    ipv6: {method: static, addresses: ["2001:db8:1::9/64"], gateway: "fe80::1"}
  - id: guest
    match: {mac: "MAC2"}
    zone: guest
    mtu: 1400
    ipv4: {method: static, addresses: [192.168.2.1/24]}
"""
ZONES = """\
zones:
  - {id: wan}
  - {id: lan, to: {wan: allow, self: allow}}
  - {id: guest, to: {wan: allow}}
default: drop
"""
RULES = """\
rules:
  - id: office
    description: "It's \\"open\\""
    from: guest
    to: lan
    protocol: tcp
    destination_port: 443
    action: allow
  - {id: hours, from: lan, to: guest, action: drop, schedule: {time: "08:00-18:00"}}
"""
ROUTING = """\
routes:
  - {id: branch, destination: 10.20.0.0/16, gateway: 192.168.1.254}
  - {id: nowhere, destination: 10.0.0.0/8, type: unreachable}
  - id: both
    destination: 10.30.0.0/16
    gateways: [{gateway: 192.168.1.254, weight: 2}, {gateway: 192.168.2.254}]
policies:
  - {id: guests, interface: guest, gateways: [{gateway: 203.0.113.2}]}
  - {id: mail, source: 192.168.1.9, protocol: tcp, ports: [25], gateways: [{gateway: 203.0.113.3}], over: all}
"""
UPLINKS = """\
uplinks:
  - {id: wan}
"""
_STAMPS = re.compile(r"(counter )?packets \d+ bytes \d+| # handle \d+|expires \S+")
_LOCAL = re.compile(r"\bfe80::[0-9a-f:]+(/\d+)?,?\s*")


@dataclass(frozen=True)
class Loaded:
    """A namespace after the program has run in it."""

    namespace: Namespace
    code: int
    said: str

    def is_shut(self) -> bool:
        """Whether all is as before: the lockdown alone, nothing forwarded, no link up."""
        tables = self.namespace.run("nft", "list", "tables").split()
        links = json.loads(self.namespace.run("ip", "-j", "link"))
        up = [link["ifname"] for link in links if "UP" in link["flags"]]
        forwarding = self.namespace.run("cat", "/proc/sys/net/ipv4/ip_forward").strip()
        return (tables, up, forwarding) == (["table", "inet", "patronus_lockdown"], ["lo"], "0")

    def tables(self) -> list[str]:
        """Return the names of the tables of nftables."""
        return re.findall(r"table inet (\S+)", self.namespace.run("nft", "list", "tables"))


def macs(namespace: Namespace) -> dict[str, str]:
    """Return card → MAC."""
    links = json.loads(namespace.run("ip", "-j", "link"))
    return {link["ifname"]: link["address"] for link in links if link["ifname"] in CARDS}


@contextmanager
def started(cards: dict[str, str]) -> Iterator[Namespace]:
    """Lend a machine that has just started, with these cards; what hangs on them is elsewhere."""
    fresh, neighbours = Namespace(), Namespace()
    try:
        for name, mac in cards.items():
            fresh.ip(f"link add {name} address {mac} type veth peer name {name}-peer")
            fresh.ip(f"link set {name}-peer netns /proc/{os.getpid()}/fd/{neighbours.descriptor}")
            neighbours.ip(f"link set {name}-peer up")
        fresh.sysctl("net.ipv4.ip_forward", "0")
        fresh.run("nft", "-f", str(LOCKDOWN))
        yield fresh
    finally:
        fresh.close()
        neighbours.close()


def load(namespace: Namespace, state: Path) -> Loaded:
    """Run the image's program as its unit does, with the machine's own /sys."""
    script = 'mount -t sysfs none /sys && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", *as_unit(UNIT), str(PROGRAM), str(state)]
    with namespace:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=LONG_S, stdin=subprocess.DEVNULL
        )
    return Loaded(namespace, done.returncode, done.stdout + done.stderr)


def world(namespace: Namespace) -> dict[str, object]:
    """Return what passes packets, but for what the kernel gives and counts by itself."""
    links = [
        {key: link.get(key) for key in ("ifname", "mtu", "master", "ifalias", "link", "linkinfo")}
        | {"up": "UP" in link["flags"]}
        for link in json.loads(namespace.run("ip", "-j", "-d", "link"))
        if not link["ifname"].endswith("-peer")
    ]
    for link in links:
        info = link["linkinfo"] or {}
        link["linkinfo"] = (info.get("info_kind"), (info.get("info_data") or {}).get("id"))
    addresses = {
        (link["ifname"], one["local"], one["prefixlen"], one.get("broadcast"))
        for link in json.loads(namespace.run("ip", "-j", "address"))
        for one in link["addr_info"]
        if one["scope"] != "link"
    }
    routes = [namespace.run("ip", family, "route", "show", "table", "all") for family in ("-4", "-6")]
    kept = [
        sorted(line for line in text.splitlines() if "proto static" in line or "proto 80" in line)
        for text in routes
    ]
    rules = [namespace.run("ip", family, "rule") for family in ("-4", "-6")]
    ruleset = _LOCAL.sub("", _STAMPS.sub("", namespace.run("nft", "list", "table", "inet", "patronus")))
    parts = ruleset.strip().removeprefix("table inet patronus {").removesuffix("}").split("\n\n")
    return {
        "links": sorted(links, key=lambda link: str(link["ifname"])), "addresses": addresses,
        "routes": [[" ".join(line.replace("linkdown", "").split()) for line in lines] for lines in kept],
        "rules": rules, "ruleset": sorted(part.strip() for part in parts),
    }  # fmt: skip


@pytest.fixture(scope="module")
def kept() -> Iterator[Machine]:
    """Lend a router that has kept its head start, and its own state as it was when it had just done so."""
    made = Machine()
    try:
        made.own_sysfs()
        made.start()
        addresses = macs(made.router)
        files = made.call("config.Show")["files"]
        files |= {
            "network/interfaces.yaml": re.sub("MAC(.)", lambda one: addresses[f"eth{one[1]}"], INTERFACES),
            "network/routing.yaml": ROUTING, "network/uplinks.yaml": UPLINKS,
            "firewall/zones.yaml": ZONES, "firewall/rules.yaml": RULES, "network/dns.yaml": "listen: [lan]\n",
        }  # fmt: skip
        made.call("config.Load", files=files)
        made.call("firewall.Block", prefix="198.51.100.7", for_s=3600)
        made.call("firewall.Block", prefix="198.51.100.0/28")
        eventually((made.places.state / "head-start").exists, "the head start")
        assert made.doctor() == []
        yield made
        assert "Traceback" not in made.said(), made.said()
    finally:
        made.close()


def test_a_fresh_machine_becomes_what_patronusd_made_and_it_finds_nothing_to_do(
    kept: Machine, tmp_path: Path
) -> None:
    state = copied(kept, tmp_path)
    wanted = world(kept.router)
    with started(macs(kept.router)) as fresh:
        loaded = load(fresh, state)
        assert (loaded.code, loaded.said.strip()) == (0, "generation 3 stands, packets pass")
        found = world(fresh)
        assert [key for key, one in found.items() if one != wanted[key]] == []
        assert loaded.tables() == ["patronus"]
        assert fresh.run("cat", "/proc/sys/net/ipv4/ip_forward").strip() == "1"
        assert fresh.run("cat", "/proc/sys/net/ipv6/conf/all/forwarding").strip() == "1"
        assert load(fresh, state).said.startswith("no head start: the doors are not shut")


def test_a_system_beside_the_one_that_kept_it_has_it_too(kept: Machine, tmp_path: Path) -> None:
    state = copied(kept, tmp_path)
    replaced("^(system .*)$", r"system 99.1 0123\n\1")(state)
    with started(macs(kept.router)) as fresh:
        loaded = load(fresh, state)
        assert (loaded.code, loaded.tables()) == (0, ["patronus"]), loaded.said


def test_the_daemon_takes_over_and_finds_nothing_to_change(kept: Machine, tmp_path: Path) -> None:
    state = copied(kept, tmp_path)
    with started(macs(kept.router)) as fresh:
        load(fresh, state)
        rules, routes = fresh.run("nft", "-a", "list", "table", "inet", "patronus"), world(fresh)["routes"]
        handles = re.findall(r"# handle \d+", rules)
        before = kept.router
        kept.stop()
        kept.router = fresh
        try:
            kept.own_sysfs()
            kept.start()
            assert kept.doctor() == []
            again = fresh.run("nft", "-a", "list", "table", "inet", "patronus")
            assert re.findall(r"# handle \d+", again) == handles
            assert world(fresh)["routes"] == routes
        finally:
            kept.kill()
            kept.router = before
            kept.own_sysfs()
            kept.start()


def made_otherwise(text: str) -> str:
    """Return what was kept as another version would have made it: another chain, and a route."""
    lines = text.splitlines()
    (number,) = (number for number, line in enumerate(lines) if line.startswith("nft "))
    script = json.loads(lines[number].removeprefix("nft "))
    where = {"family": "inet", "table": "patronus"}
    accept = {**where, "chain": "of-old", "expr": [{"accept": None}], "comment": "rule/of-old 0123456789ab"}
    script["nftables"] += [
        {"add": {"chain": {**where, "name": "of-old"}}},
        {"add": {"rule": accept}},
        {"add": {"counter": {**where, "name": "of-old"}}},
        {"add": {"set": {**where, "name": "of-old", "type": "ipv4_addr", "elem": ["192.0.2.1"]}}},
        {"insert": {"rule": {**where, "chain": "forward", "expr": [{"jump": {"target": "of-old"}}]}}},
    ]
    lines[number] = f"nft {json.dumps(script)}"
    lines.append("ip4 route add 10.99.0.0/16 via 192.168.1.254 proto static")
    return "\n".join(lines) + "\n"


def test_what_another_version_has_made_otherwise_becomes_what_this_one_plans(
    kept: Machine, tmp_path: Path
) -> None:
    state, wanted = copied(kept, tmp_path), world(kept.router)
    signed(state / "head-start", made_otherwise)
    with started(macs(kept.router)) as fresh:
        assert load(fresh, state).said.strip() == "generation 3 stands, packets pass"
        assert world(fresh) != wanted
        before = kept.router
        kept.stop()
        kept.router = fresh
        try:
            kept.own_sysfs()
            kept.start()
            assert kept.doctor() == []
            found = world(fresh)
            assert [key for key, one in found.items() if one != wanted[key]] == []
        finally:
            kept.kill()
            kept.router = before
            kept.own_sysfs()
            kept.start()


def test_the_daemon_leaves_the_kernel_alone_while_the_head_start_works(kept: Machine) -> None:
    working = kept.places.run.with_name("patronus-head-start")
    before = kept.router
    kept.stop()
    with started(macs(before)) as fresh:
        tables = Loaded(fresh, 0, "").tables
        kept.router = fresh
        working.mkdir()
        try:
            kept.own_sysfs()
            kept.launch()
            end = time.monotonic() + WORKING_S
            while time.monotonic() < end:
                assert tables() == ["patronus_lockdown"]
                time.sleep(0.2)
            working.rmdir()
            eventually(lambda: tables() == ["patronus"], "the rules")
        finally:
            kept.kill()
            kept.router = before
            kept.own_sysfs()
            kept.start()


def signed(path: Path, change: Callable[[str], str]) -> None:
    """Change what was kept, as its writer would have: with a digest that fits."""
    text = change(path.read_text().partition("\n")[2])
    path.write_text(f"sha256 {hashlib.sha256(text.encode()).hexdigest()}\n{text}")


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def replaced(old: str, new: str) -> Callable[[Path], None]:
    """Return what changes a kept file by a regular expression, which must be found in it."""

    def change(text: str) -> str:
        changed, count = re.subn(old, new, text, count=1, flags=re.MULTILINE)
        assert count == 1
        return changed

    return lambda state: signed(state / "head-start", change)


def no_lines(state: Path) -> None:
    (state / "head-start").write_text("")


def another_confirmed(state: Path) -> None:
    (state / "generations/confirmed").write_text("2\n3\n")


def generation_changed(state: Path) -> None:
    flip(state / "generations/3/files/firewall/rules.yaml")


def manifest_changed(state: Path) -> None:
    flip(state / "generations/3/manifest.json")


def file_added(state: Path) -> None:
    (state / "generations/3/files/firewall/more.yaml").write_text("rules: []\n")


STALE: dict[str, tuple[Callable[[Path], None], str]] = {
    "none": (lambda state: (state / "head-start").unlink(), "nothing is kept"),
    "empty": (no_lines, "what was kept is not whole"),
    "flipped": (lambda state: flip(state / "head-start"), "what was kept is not whole"),
    "confirmed": (another_confirmed, "kept of generation 3, and this boot takes 2"),
    "file": (generation_changed, "generation 3 is not whole"),
    "manifest": (manifest_changed, "generation 3 is not whole"),
    "added": (file_added, "generation 3 has files that nobody wrote"),
    "format": (replaced("^format .*", "format 0"), "kept in format 0, and this is format 1"),
    "before": (replaced("^format .*\n", ""), "kept in generation 3, and this is format 1"),
    "version": (replaced("^system [^ ]*", "system 99.1"), "kept for another system than "),
    "root": (replaced("^(system [^ ]*) .*", r"\1 0123"), "kept for another system than "),
    "nobody": (replaced("^system .*\n", ""), "kept for another system than "),
    "late": (replaced("^between .*", "between 1000 2000"), "a block or a schedule has ended meanwhile"),
    "early": (replaced("^between .*", "between 99000000000 99000000001"), "or the clock is wrong"),
    "card": (replaced("^card eth1 .*", "card eth1 02:00:00:00:00:99 -"), "the card eth1 is"),
    "place": (replaced("^(card eth1 .*) -", r"\1 /sys/devices/elsewhere"), "the card eth1 is"),
    "gone": (replaced("^card eth1", "card eth9"), "there is no card eth9"),
    "word": (replaced("^generation", "picture"), "what was kept is not known here: picture"),
}


@pytest.mark.parametrize("stale", STALE)
def test_what_does_not_fit_loads_nothing_and_says_why(kept: Machine, tmp_path: Path, stale: str) -> None:
    change, why = STALE[stale]
    state = copied(kept, tmp_path)
    change(state)
    with started(macs(kept.router)) as fresh:
        loaded = load(fresh, state)
        assert (loaded.code, loaded.is_shut()) == (0, True), loaded.said
        assert loaded.said.startswith("no head start: ")
        assert why in loaded.said


def test_cards_that_have_changed_places_open_nothing(kept: Machine, tmp_path: Path) -> None:
    state = copied(kept, tmp_path)
    found = macs(kept.router)
    shuffled = {**found, "eth0": found["eth1"], "eth1": found["eth0"]}
    with started(shuffled) as fresh:
        loaded = load(fresh, state)
        assert (loaded.code, loaded.is_shut()) == (0, True)
        assert "the card eth0 is" in loaded.said


@pytest.mark.parametrize(
    "line", ["^set address add 203", "^ip4 route add .* table 30100", "^sysctl net/ipv6", "^nft "]
)
def test_one_that_fails_on_its_way_leaves_the_doors_shut(kept: Machine, tmp_path: Path, line: str) -> None:
    state = copied(kept, tmp_path)
    replaced(line, line[1:].partition(" ")[0] + " nonsense ")(state)
    with started(macs(kept.router)) as fresh:
        loaded = load(fresh, state)
        assert loaded.code != 0
        assert "the doors stay shut" in loaded.said
        assert "patronus_lockdown" in loaded.tables()


def test_a_machine_whose_rules_stand_is_left_alone(kept: Machine, tmp_path: Path) -> None:
    state = copied(kept, tmp_path)
    with started(macs(kept.router)) as fresh:
        fresh.run("nft", "add table inet patronus")
        loaded = load(fresh, state)
        assert (loaded.code, loaded.said.strip()) == (0, "no head start: rules stand already")


def copied(machine: Machine, folder: Path) -> Path:
    """Return a copy of what the router keeps, which it may keep anew any time, for its unit's user."""
    for above in (folder, *folder.parents[:-1]):
        above.chmod(above.stat().st_mode | 0o055)
    state = folder / "state"
    eventually(lambda: _copy(machine.places.state, state), "a head start to copy")
    for path in (state, *state.rglob("*")):
        shutil.chown(path, USER, USER)
    return state


def _copy(state: Path, place: Path) -> bool:
    """Copy the state; return whether the head start was in it."""
    shutil.rmtree(place, ignore_errors=True)
    with suppress(shutil.Error):  # a file was replaced meanwhile
        shutil.copytree(state, place)
        return (place / "head-start").exists()
    return False


def test_what_waits_for_confirmation_is_not_kept_and_what_was_confirmed_is(kept: Machine) -> None:
    path = kept.places.state / "head-start"
    rule = {
        "id": "web",
        "from": "guest",
        "to": "lan",
        "protocol": "tcp",
        "destination_port": 80,
        "action": "allow",
    }
    waiting = kept.call("firewall.AddRule", rule=rule, confirm_s=600)["generation"]
    assert not path.exists()
    kept.call("firewall.Block", prefix="192.0.2.9", for_s=3600, confirm_s=600)
    assert not path.exists()
    kept.stop()
    assert not path.exists()
    kept.own_sysfs()
    kept.start()
    kept.call("config.Confirm")
    eventually(path.exists, "the head start of what was confirmed")
    assert f"generation {waiting}\n" in path.read_text()
    assert "192.0.2.9" in path.read_text()


def test_a_timed_block_is_in_what_an_end_in_good_order_leaves(kept: Machine) -> None:
    path = kept.places.state / "head-start"
    kept.call("firewall.Block", prefix="192.0.2.11", for_s=7200)
    assert not path.exists()
    kept.stop()
    assert "192.0.2.11" in path.read_text()
    kept.start()
    kept.call("firewall.Unblock", prefix="192.0.2.11")
    assert not path.exists()
    eventually(path.exists, "the head start without the block")
    assert "192.0.2.11" not in path.read_text()


def test_what_was_not_confirmed_in_time_leaves_the_head_start_of_what_runs_again(kept: Machine) -> None:
    path = kept.places.state / "head-start"
    eventually(path.exists, "the head start")
    before = path.read_text().splitlines()[2]
    rule = {"id": "short", "from": "guest", "to": "lan", "action": "allow"}
    kept.call("firewall.AddRule", rule=rule, confirm_s=1)
    eventually(path.exists, "the head start of what runs again")
    assert path.read_text().splitlines()[2] == before
    assert "rule/short" not in path.read_text()


def test_what_a_provider_gave_is_not_kept_and_the_inside_has_its_head_start_all_the_same() -> None:
    made = Machine()
    try:
        made.own_sysfs()
        made.start()
        given = made.uplinked()
        path = made.places.state / "head-start"
        eventually(path.exists, "the head start")
        assert given not in path.read_text()
        assert given in made.ruleset()
        with started(macs(made.router)) as fresh:
            loaded = load(fresh, made.places.state)
            assert (loaded.code, loaded.tables()) == (0, ["patronus"]), loaded.said
            addresses = fresh.ip("-4 -o address")
            assert "192.168.1.1/24" in addresses
            assert "eth1" not in addresses
            assert fresh.ip("route show default") == ""
    finally:
        made.close()
