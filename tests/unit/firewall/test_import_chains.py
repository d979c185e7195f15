# SPDX-License-Identifier: GPL-2.0-or-later
"""Chains of iptables that call and leave one another, as the one list that we have."""

from __future__ import annotations

import pytest

from patronus.core.errors import InvalidRequest
from patronus.firewall.importing.iptables import NOBODY, OPEN_OUT, imported
from patronus.firewall.importing.kinds import BROADCASTS
from tests.unit.firewall.test_import import NAMES, filtered


def test_the_lines_behind_a_jump_that_cannot_be_kept_are_named_unless_another_leads_there() -> None:
    lines = ["-A INPUT -f -j extra", "-A extra -j more", "-A more -s 192.0.2.1 -j DROP"]
    found = filtered(*lines)
    assert [(one.line, one.reason.partition(" ")[0]) for one in found.left] == [
        (5, "-f"),
        (6, "line"),
        (7, "line"),
    ]
    found = filtered(*lines, "-A FORWARD -j more", "-A OUTPUT -j own", "-A own -j DROP")
    assert [one.line for one in found.left] == [5, 6, 7, 9, 10]
    assert "first packets" in found.left[2].reason
    assert {rule["source"] for rule in found.rules} == {"192.0.2.1"}


def test_a_line_to_which_no_packet_comes_is_named() -> None:
    found = filtered("-A INPUT -p tcp -j extra", "-A extra -p udp -j DROP", "-A extra -p tcp -j ACCEPT")
    assert [(one.line, one.reason) for one in found.left] == [(6, NOBODY)]
    found = filtered("-A extra -j DROP", "-A INPUT -j ACCEPT")
    assert [(one.line, one.reason) for one in found.left] == [(5, NOBODY)]


def test_a_policy_for_what_the_router_sends_is_named() -> None:
    found = imported("*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT DROP [0:0]\n-A OUTPUT -o lo -j ACCEPT\n", NAMES)
    assert [(one.line, one.text, one.reason) for one in found.left] == [(3, ":OUTPUT DROP", OPEN_OUT)]


def test_a_jump_without_return_leaves_the_chain_from_which_it_was_made() -> None:
    """What comes back from ``extra`` skips the rest of ``more``; where nothing comes back it is a call."""
    more = ["-A INPUT -j more", "-A more -s 10.0.0.0/8 -g extra", "-A more -j DROP"]
    found = filtered(*more, "-A extra -d 192.0.2.1 -j ACCEPT", "-A INPUT -j REJECT")
    assert [(one["id"], one.get("source"), one["action"]) for one in found.rules] == [
        ("import-8", "10.0.0.0/8", "allow"),
        ("import-7", ["0.0.0.0-9.255.255.255", "11.0.0.0-255.255.255.255"], "drop"),
        ("import-9", "0.0.0.0/0", "reject"),
    ]
    found = filtered(*more, "-A extra -p tcp -j ACCEPT", "-A extra -j DROP")
    assert [(one["id"], one.get("source")) for one in found.rules] == [
        ("import-8", "10.0.0.0/8"),
        ("import-9", "10.0.0.0/8"),
        ("import-7", "0.0.0.0/0"),
    ]


def test_what_stands_behind_a_return_that_is_not_kept_is_not_kept_either() -> None:
    """The chain drops what comes too often: without its return it would drop all."""
    lines = ["-A INPUT -p tcp -j extra", "-A extra -m limit --limit 25/sec -j RETURN", "-A extra -j DROP"]
    found = filtered(*lines, "-A INPUT -p tcp -j ACCEPT")
    assert [one["id"] for one in found.rules] == ["import-8"]
    assert [one.line for one in found.left] == [6, 7]
    assert "line 6 before it" in found.left[1].reason


def test_a_return_from_the_chain_that_the_kernel_calls_does_what_its_policy_says() -> None:
    found = imported(
        "*filter\n:INPUT DROP [0:0]\n-A INPUT -s 10.0.0.1 -d 10.0.0.2 -p tcp -j RETURN\n-A INPUT -j ACCEPT",
        NAMES,
    )
    assert [one["action"] for one in found.rules] == ["drop", "allow", "drop"]
    found = imported(
        "*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j RETURN\n-A POSTROUTING -j MASQUERADE", NAMES
    )
    assert (found.nat, [one.line for one in found.left]) == ([], [4])


def test_what_nat_accepts_is_an_exception() -> None:
    found = imported(
        "*nat\n-A POSTROUTING -d 10.8.0.0/24 -o eth0 -j ACCEPT\n"
        "-A PREROUTING -i eth0 -p tcp --dport 80 -j ACCEPT\n-A POSTROUTING -o eth0 -j MASQUERADE",
        NAMES,
    )
    assert [{**one, "id": ""} for one in found.nat] == [
        {"id": "", "type": "exempt", "in": "wan", "destination": "0.0.0.0/0", "protocol": "tcp",
         "destination_port": 80},
        {"id": "", "type": "exempt", "out": "wan", "destination": "10.8.0.0/24"},
        {"id": "", "type": "masquerade", "out": "wan"},
    ]  # fmt: skip


def test_the_kind_of_an_address_is_said_by_addresses() -> None:
    kinds = ["LOCAL", "MULTICAST", "BROADCAST"]
    returns = [f"-A extra -m addrtype --dst-type {kind} -j RETURN" for kind in kinds]
    found = filtered("-A INPUT -j extra", *returns, "-A extra -j DROP")
    assert (found.rules, [one.line for one in found.left]) == ([], [9])
    found = filtered(*(f"-A INPUT -m addrtype --dst-type {kind} -j ACCEPT" for kind in kinds))
    assert [one["destination"] for one in found.rules] == [
        ["0.0.0.0-223.255.255.255", "240.0.0.0-255.255.255.254"],
        "224.0.0.0/4",
    ]
    assert [one.reason for one in found.left] == [BROADCASTS, "--dst-type BROADCAST has no word here"]


def test_states_may_be_turned_round() -> None:
    found = filtered("-A INPUT -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP")
    assert [one["action"] for one in found.rules] == ["drop"]
    found = filtered("-A INPUT -m state ! --state NEW,INVALID,UNTRACKED -j ACCEPT")
    assert (found.rules, found.left) == ([], [])


def test_a_limit_that_becomes_one_of_several_rules_is_named() -> None:
    found = filtered("-A FORWARD -m limit --limit 3/min -j ACCEPT")
    assert [one["limit"]["rate"] for one in found.rules] == ["3/m"] * 3
    assert [one.reason for one in found.left] == ["taken as 3 rules, each of which counts for itself"]
    words = (
        "-m hashlimit --hashlimit-upto 3/min --hashlimit-burst 9 --hashlimit-mode srcip --hashlimit-name x"
    )
    assert filtered(f"-A INPUT {words} -j ACCEPT").rules[0]["limit"] == {
        "rate": "3/m", "burst": 9, "per": "source",
    }  # fmt: skip
    assert filtered(f"-A INPUT {words.replace('upto', 'above')} -j DROP").rules[0]["limit"] == {
        "rate": "3/m", "burst": 9, "per": "source", "over": True,
    }  # fmt: skip


def test_what_iptables_lists_as_commands_is_read_too() -> None:
    found = imported(
        "-P INPUT DROP\n-P FORWARD ACCEPT\n-N extra\n-A INPUT -j extra\n-A extra -j ACCEPT", NAMES
    )
    assert [one["action"] for one in found.rules if one["to"] == "self"] == ["allow", "drop"]
    assert found.left == []


def test_chains_that_lead_to_one_another_without_end_are_refused() -> None:
    lines = [f"-A c{at} -s 10.0.0.0/8 -j c{at + 1}" for at in range(14) for _ in range(4)]
    with pytest.raises(InvalidRequest, match="10000 rules"):
        filtered("-A INPUT -j c0", *lines)
    with pytest.raises(InvalidRequest, match="10000 rules"):
        filtered(*(f"-A FORWARD -s 10.0.0.{at % 256} -j ACCEPT" for at in range(5000)))


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
    assert "by protocol" in found.left[0].reason
    narrowed = [
        "-A INPUT -p tcp -j extra",
        "-A extra -i eth0 -p tcp --dport 22 -j RETURN",
        "-A extra -j DROP",
    ]
    assert [(one.get("from"), one.get("destination_port")) for one in filtered(*narrowed).rules] == [
        ("lan", None), ("guest", None), ("wan", ["1-21", "23-65535"]),
    ]  # fmt: skip
