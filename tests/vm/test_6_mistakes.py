# SPDX-License-Identifier: GPL-2.0-or-later
"""A rules file with ten mistakes gets ten located messages and changes nothing."""

import re

from tests.vm.lab import Lab

RULES = "/etc/patronus/firewall/rules.yaml"
MISTAKES = """\
rules:
  - {id: m-1, from: lan, to: wan, protocol: tcp, destination_port: 70000, action: drop}
  - {id: m-2, from: lan, to: wan, protocol: carrier-pigeon, action: drop}
  - {id: m-3, from: lan, to: nowhere, action: drop}
  - {id: m-4, from: lan, to: wan, source: 192.168.1.300, action: drop}
  - {id: m-5, from: lan, to: wan}
  - {id: m-6, from: lan, to: wan, action: forbid}
  - {id: m-7, from: lan, to: wan, colour: red, action: drop}
  - {id: m-8, from: lan, to: wan, destination: "@nobody", action: drop}
  - {id: m-9, from: lan, to: wan, protocol: tcp, destination_port: "2000-1000", action: drop}
  - {id: m-10, from: lan, to: wan, schedule: {days: [someday]}, action: drop}
"""
STATIC = "nft --stateless list ruleset"


def test_ten_mistakes_get_ten_located_messages_and_change_nothing(lab: Lab) -> None:
    before = lab.guest.succeed(STATIC)
    lab.guest.copy_to(MISTAKES.encode(), RULES)
    said = lab.guest.fail("patronus config commit")
    located = {int(line) for line in re.findall(r"firewall/rules\.yaml:(\d+)", said)}
    assert located == set(range(2, 12)), said
    assert lab.guest.succeed(STATIC) == before


def test_the_same_file_without_them_is_taken(lab: Lab) -> None:
    before = lab.guest.succeed(STATIC)
    good = "rules:\n  - {id: m-1, from: lan, to: wan, protocol: tcp, destination_port: 7000, action: drop}\n"
    lab.guest.copy_to(good.encode(), RULES)
    lab.guest.succeed("patronus config commit")
    after = lab.guest.succeed(STATIC)
    assert after != before
    assert "7000" in after
