# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus rules``: options to the rule that the daemon gets."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from patronus.cli.rule_options import KEYS, rule_of, rule_options
from patronus.core.model import as_data
from patronus.firewall.model import Rule


def made(*options: str, old: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the rule that a command with the options of a rule makes of a command line."""
    found: dict[str, Any] = {}

    @click.command()
    @rule_options
    def command(**fields: Any) -> None:
        found.update(rule_of(fields, old))

    result = CliRunner().invoke(command, options)
    if result.exit_code:
        raise ValueError(result.output)
    return found


EVERYTHING = {
    "--name": "office", "--description": "why", "--group": "g", "--tags": "a,b", "--from": "lan",
    "--mac": "52:54:00:00:00:99", "--to": "wan", "--source": "10.0.0.0/8,@some", "--destination": "192.0.2.1",
    "--protocol": "tcp", "--source-port": "1024-65535", "--port": "22,8000-8100,@web",
    "--tcp-flags": "syn,!ack", "--dscp": "ef,0", "--state": "new", "--mark": "0x1/0xf", "--action": "allow",
    "--log-rate": "1/s", "--log-burst": "3", "--log-prefix": "word", "--limit": "10/s", "--limit-burst": "20",
    "--limit-per": "source", "--connections": "20", "--connections-per": "destination",
    "--limit-over": "no", "--connections-over": "yes",
    "--helper": "ftp", "--days": "mon-fri,sun", "--time": "08:00-18:00", "--timezone": "Europe/Berlin",
}  # fmt: skip


def test_every_option_is_a_key_that_the_model_takes() -> None:
    """What the options say stands in the model where it belongs, with the types that the files have."""
    rule = made(*(word for pair in EVERYTHING.items() for word in pair))
    assert rule["from"] == {"zone": "lan", "mac": "52:54:00:00:00:99"}
    assert rule["destination_port"] == [22, "8000-8100", "@web"]
    model = Rule.model_validate({"id": "r-1", **rule})
    assert as_data(model)["limit"] == {"rate": "10/s", "burst": 20, "per": "source", "over": False}
    assert as_data(model)["connections"]["over"]
    assert as_data(model)["schedule"]["days"] == ["mon", "tue", "wed", "thu", "fri", "sun"]
    other = {
        "--interface": "wan", "--icmp-type": "echo-request,8", "--protocol": "icmp", "--action": "reject",
        "--reject-with": "no-route",
    }  # fmt: skip
    Rule.model_validate({"id": "r-1", **made(*(word for pair in other.items() for word in pair))})
    marks = made("--action", "mark", "--set-mark", "0x10/0xf0")
    Rule.model_validate({"id": "r-1", **marks})
    given = made("--action", "dscp", "--set-dscp", "ef")
    assert Rule.model_validate({"id": "r-1", **given}).set_dscp == 46
    queue = {"--queue": "0-3", "--queue-bypass": "yes", "--queue-fanout": "no"}
    asks = made("--action", "queue", *(word for pair in queue.items() for word in pair))
    assert asks["queue"] == {"numbers": "0-3", "bypass": True, "fanout": False}
    Rule.model_validate({"id": "r-1", **asks})
    used = EVERYTHING.keys() | other.keys() | queue.keys() | {"--set-mark", "--set-dscp"}
    assert {key.flags[0] for key in KEYS} == used, "an option that no test uses"


def test_the_option_log_is_the_short_form_and_keeps_the_long_one() -> None:
    assert made("--log")["log"] is True
    assert made("--log", old={"log": {"rate": "1/s"}})["log"] == {"rate": "1/s"}
    assert made("--no-log", old={"log": {"rate": "1/s"}})["log"] is False
    assert made("--log-prefix", "x", old={"log": True})["log"] == {"prefix": "x"}


def test_what_is_not_said_stays_and_a_zone_alone_is_no_mapping() -> None:
    old = {"from": "lan", "to": "wan", "limit": {"rate": "1/s", "burst": 3}}
    assert made("--from", "guest", old=old)["from"] == "guest"
    assert made("--limit", "9/s", old=old)["limit"] == {"rate": "9/s", "burst": 3}
    assert old["limit"] == {"rate": "1/s", "burst": 3}


def test_any_key_is_set_as_json_or_text_and_taken_away_by_null() -> None:
    rule = made("--set", 'schedule.days=["sat"]', "--set", "to=self", "--set", "enabled=false")
    assert rule == {"schedule": {"days": ["sat"]}, "to": "self", "enabled": False}
    assert made("--set", "limit=null", old={"limit": {"rate": "1/s"}, "to": "wan"}) == {"to": "wan"}
    with pytest.raises(ValueError, match="KEY=VALUE"):
        made("--set", "limit")


def test_more_digits_than_a_number_has_are_left_for_the_daemon_to_refuse() -> None:
    """Python reads no more than 4,300 of them."""
    digits = "9" * 5000
    rule = made("--port", f"22,{digits}", "--limit-burst", digits)
    assert (rule["destination_port"], rule["limit"]["burst"]) == ([22, digits], digits)
