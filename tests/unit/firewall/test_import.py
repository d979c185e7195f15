# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules of iptables-save in our words: what is kept, what is named, and what a hostile file can do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from patronus.core.control import Commit
from patronus.core.edit import Edit, Insert
from patronus.core.errors import InvalidRequest
from patronus.core.model import Configuration
from patronus.core.verb import Caller, Role
from patronus.firewall.import_verbs import ImportRules, bring_in
from patronus.firewall.importing.iptables import Import, imported
from patronus.firewall.importing.translated import Interface
from patronus.firewall.policy import Policy
from tests.golden.case import load

SAVED = Path(__file__).with_name("saved")
NAMES = {
    "eth0": Interface("wan", "wan"),
    "eth1": Interface("lan", "lan"),
    "eth2": Interface("guest", "guest"),
}
INTERFACES = """
interfaces:
  - {id: wan, match: {path: a}, zone: wan, ipv4: {method: dhcp}}
  - {id: lan, match: {path: b}, zone: lan, ipv4: {method: static, addresses: [192.168.1.1/24]}}
"""
CALLER = Caller("anna", Role.OPERATOR)


def filtered(*lines: str, names: dict[str, Interface] = NAMES) -> Import:
    chains = ":INPUT - [0:0]\n:FORWARD - [0:0]\n:extra - [0:0]"
    return imported("\n".join(["*filter", chains, *lines, "COMMIT"]), names)


def test_the_file_of_a_home_router_is_kept_but_for_what_has_no_words() -> None:
    found = imported((SAVED / "home.v4").read_text(), NAMES)
    assert [one.line for one in found.left] == [5, 10, 19, 44, 45, 52]
    rules = {rule["id"]: rule for rule in found.rules}
    assert rules["import-34"] == {
        "id": "import-34", "group": "imported", "from": "guest", "to": "self", "source": "0.0.0.0/0",
        "protocol": "tcp", "destination_port": 2000, "action": "reject", "reject_with": "tcp-reset",
    }  # fmt: skip
    assert rules["import-49"]["source"] == ["0.0.0.0-198.51.100.9", "198.51.100.11-255.255.255.255"]
    assert [rule["to"] for rule in found.rules if rule.get("name") == "policy of FORWARD"] == [
        "wan", "lan", "guest",
    ]  # fmt: skip
    assert [entry["type"] for entry in found.nat] == ["dnat", "dnat", "masquerade"]
    assert (found.nat[0]["name"], found.nat[0]["rule"]) == ("web server", False)


@pytest.mark.parametrize("name", ["home", "server", "docker"])
def test_what_is_imported_is_sound(name: str) -> None:
    zones = "zones: [{id: wan}, {id: lan}, {id: guest}]"
    found = imported((SAVED / f"{name}.v4").read_text(), NAMES)
    texts = {"rules": {"rules": found.rules}, "nat": {"nat": found.nat}}
    files = {f"firewall/{file}.yaml": yaml.safe_dump(data) for file, data in texts.items()}
    loaded = load({"firewall/zones.yaml": zones, **files})
    assert not loaded.problems
    assert found.rules


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("-A INPUT -m recent --rcheck --name bad -j DROP", "--rcheck"),
        ("-A INPUT -i eth9 -j ACCEPT", "--map eth9=ROLE"),
        ("-A INPUT -j TARPIT", "TARPIT"),
        ("-A INPUT -g extra", "-g"),
        ("-A INPUT -m conntrack --ctstate ESTABLISHED -j DROP", "open connections"),
        ("-A FORWARD -m addrtype --dst-type LOCAL -j DROP", "not for an address of the router"),
        ("-A INPUT ! -p tcp -j DROP", "! -p"),
        ("-A INPUT -s 300.1.2.3 -j DROP", "not understood"),
        ("-A INPUT -p icmp --icmp-type 3/4 -j DROP", "code"),
        ('-A INPUT -m comment --comment "open quote -j DROP', "cannot be read"),
        ("-P INPUT DROP", "no rule that is appended"),
    ],
)
def test_what_has_no_words_is_named_by_its_line(line: str, reason: str) -> None:
    found = filtered("-A extra -j ACCEPT", "-A INPUT -s 192.0.2.1 -j ACCEPT", line)
    assert [rule["id"] for rule in found.rules] == ["import-6"]
    assert [(one.line, reason in one.reason) for one in found.left] == [(7, True)], found.left


def test_a_line_that_stopped_open_connections_too_is_named() -> None:
    opened = "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT"
    found = filtered("-A INPUT -s 192.0.2.1 -j DROP", opened, "-A INPUT -s 192.0.2.2 -j DROP")
    assert [rule["source"] for rule in found.rules] == ["192.0.2.1", "192.0.2.2"]
    assert [(one.line, "first packets" in one.reason) for one in found.left] == [(5, True)]


def test_chains_are_followed_and_a_ring_of_them_ends() -> None:
    found = filtered(
        "-A INPUT -s 10.0.0.0/8 -j extra", "-A extra -d 10.1.0.0/16 -j DROP", "-A extra -j extra"
    )
    assert (found.rules[0]["source"], found.rules[0]["destination"]) == ("10.0.0.0/8", "10.1.0.0/16")
    assert "comes back to itself" in found.left[-1].reason


def test_a_return_takes_what_fits_it_out_of_the_rest_of_the_chain() -> None:
    found = filtered("-A INPUT -j extra", "-A extra -i eth0 -j RETURN", "-A extra -j DROP")
    assert [rule["from"] for rule in found.rules] == ["lan", "guest"]
    found = filtered("-A INPUT -j extra", "-A extra -i eth0 -p tcp -j RETURN", "-A extra -j DROP")
    assert "more than one thing" in found.left[0].reason


def test_an_interface_that_shares_its_zone_is_named_by_its_role() -> None:
    names = {**NAMES, "eth3": Interface("lab", "lan")}
    found = filtered("-A INPUT -i eth3 -j ACCEPT", "-A FORWARD -o eth3 -j ACCEPT", names=names)
    assert found.rules[0]["interface"] == "lab"
    assert "not alone in the zone lan" in found.left[0].reason


def test_words_of_a_hostile_file_stay_words() -> None:
    line = '-A INPUT -m comment --comment "x\\"; action: allow}]" -j LOG --log-prefix "a\\"b {{7*7}} "'
    found = filtered(line)
    assert yaml.safe_load(yaml.safe_dump(found.rules)) == found.rules
    assert found.rules[0]["log"] == {"prefix": "a-b---7-7"}
    assert "name" not in filtered('-A INPUT -m comment --comment "bell \x07" -j DROP').rules[0]


class Engine:
    """The part of ``Control`` that the verb uses; it keeps what it was asked."""

    def __init__(self) -> None:
        files = {
            "network/interfaces.yaml": INTERFACES,
            "firewall/rules.yaml": "rules: [{id: import-2, action: drop}]",
        }
        self.config: Configuration = load(files).config
        self.generation = 7
        self.submitted: list[tuple[list[Edit], Caller]] = []

    def submit(self, edits: Sequence[Edit], caller: Caller, **_: Any) -> Commit:
        self.submitted.append((list(edits), caller))
        return Commit(7, draft=True)


def test_an_import_goes_into_the_draft_and_takes_no_id_twice() -> None:
    engine, policy = Engine(), Policy(zones={"wan": ("enp1s0",), "lan": ("enp2s0",)})
    text = "*filter\n-A INPUT -i eth0 -j ACCEPT\n-A INPUT -i enp2s0 -j ACCEPT"
    given = ImportRules(text=text, map={"eth0": "wan"})
    report = bring_in(cast(Any, engine), policy, CALLER, given)
    ((edits, caller),) = engine.submitted
    assert caller.draft and not CALLER.draft
    found = [edit.value for edit in edits if isinstance(edit, Insert)]
    assert [(one["id"], one["from"]) for one in found] == [("import-2-2", "wan"), ("import-3", "lan")]
    assert (report.draft, report.rules, report.left) == (True, 2, [])


def test_a_file_without_anything_to_keep_starts_no_draft() -> None:
    engine = Engine()
    report = bring_in(cast(Any, engine), Policy(), CALLER, ImportRules(text="hello"))
    assert (engine.submitted, report.rules, report.left[0].line) == ([], 0, 1)


@pytest.mark.parametrize("names", [{"eth0": "attic"}, {"eth0": "wan", "ppp0": "wan"}])
def test_a_name_leads_to_one_interface(names: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        bring_in(cast(Any, Engine()), Policy(), CALLER, ImportRules(text="", map=names))
