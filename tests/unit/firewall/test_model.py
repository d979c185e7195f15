# SPDX-License-Identifier: GPL-2.0-or-later
"""The files' models: both forms of a rule, what is written back, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from patronus.core.model import as_data
from patronus.firewall.model import Nat, Rule
from patronus.firewall.model.match import parse_protocol
from patronus.firewall.model.nat_target import parse_target

FULL: dict[str, Any] = {
    "id": "r-1", "name": "all", "description": "why", "group": "phones",
    "tags": ["voip", "office"], "from": {"zone": "guest", "mac": "52:54:00:00:00:01"}, "to": "lan",
    "source": ["@admins", "192.168.1.0/24", "10.0.0.1-10.0.0.9"], "destination": "fd00::1",
    "protocol": ["tcp", "udp"], "source_port": 53, "destination_port": [80, "8000-8100", "@web"],
    "tcp_flags": ["syn", "!ack"], "dscp": [46, 10], "state": ["new", "related"],
    "mark": "0x10/0xff", "action": "mark", "set_mark": "0x1",
    "queue": {"numbers": "0-3", "bypass": True, "fanout": False},
    "reject_with": "no-route", "helper": "sip", "log": {"rate": "1/s", "burst": 2, "prefix": "phones"},
    "connections": {"most": 20, "per": "source"},
    "schedule": {"days": ["mon", "tue"], "time": "08:00-18:00", "timezone": "UTC"},
    "limit": {"rate": "10/s", "burst": 20, "per": "source"}, "enabled": False,
}  # fmt: skip


def test_a_rule_is_written_as_it_was_read() -> None:
    assert as_data(Rule.model_validate(FULL)) == FULL


@pytest.mark.parametrize("key", ["id", "action"])
def test_what_a_rule_must_have(key: str) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate({name: value for name, value in FULL.items() if name != key})


@pytest.mark.parametrize(
    "wrong",
    [
        {"interface": "wan", "from": "lan"},
        {"source": "10.0.0.1", "from": {"source": "10.0.0.2"}},
        {"source": []},
        {"destination_port": 0},
        {"protocol": 256},
        {"icmp_type": "ecko"},
        {"to": "LAN"},
        {"actions": "allow"},
        {"limit": {"rate": "10"}},
        {"tcp_flags": "sym"},
        {"tcp_flags": ["syn", "!syn"]},
        {"tcp_flags": []},
        {"dscp": 64},
        {"state": "knew"},
        {"state": []},
        {"dscp": []},
        {"mark": "0x100/0xff"},
        {"reject_with": "anger"},
        {"helper": "smtp"},
        {"queue": 3},
        {"queue": {"numbers": 65536}},
        {"queue": {"numbers": -1}},
        {"queue": {"numbers": True}},
        {"queue": {"numbers": "3-1"}},
        {"queue": {"numbers": "0-256"}},
        {"queue": {"numbers": "0-"}},
        {"connections": {"most": 0}},
        {"log": {"prefix": "two words\n"}},
        {"log": {"prefix": '" accept; #'}},
        {"tags": ["two words"]},
    ],
)
def test_what_a_rule_cannot_have(wrong: dict[str, Any]) -> None:
    Rule.model_validate({"id": "r-1", "action": "allow"})
    with pytest.raises(ValidationError):
        Rule.model_validate({"id": "r-1", "action": "allow", **wrong})


def test_protocols_by_name_and_number_are_the_same() -> None:
    assert parse_protocol("tcp") == parse_protocol(6) == parse_protocol("6")
    assert str(parse_protocol(6)) == "tcp"
    assert str(parse_protocol(253)) == "253"


@pytest.mark.parametrize("text", ["192.168.1.30", "192.168.1.30:443", "[fd00::1]:80-90", "fd00::1"])
def test_targets_are_written_as_read(text: str) -> None:
    assert str(parse_target(text)) == text


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "dnat", "in": "wan", "to": "10.0.0.1:80", "protocol": "icmp"},
        {"type": "dnat", "in": "wan", "to": "10.0.0.1:80-90", "destination_port": 80},
        {"type": "dnat", "in": "wan", "to": "10.0.0.1:20000-30000", "destination_port": "1000-11000"},
        {"type": "dnat", "in": "wan", "to": "[fd00::1:80"},
        {"type": "masquerade", "out": "wan", "to": "10.0.0.1"},
        {"type": "snat", "out": "wan"},
        {"type": "binat", "out": "wan"},
    ],
)
def test_translations_that_cannot_be(entry: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Nat.model_validate({"nat": [{"id": "n-1", **entry}]})
