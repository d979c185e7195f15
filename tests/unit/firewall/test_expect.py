# SPDX-License-Identifier: GPL-2.0-or-later
"""What is expected of the rules: tried on the model, refused with the place, guarding every change."""

from __future__ import annotations

import pytest

from patronus.core.errors import InvalidConfiguration
from patronus.firewall.check.configuration import check
from patronus.firewall.judge.expect import Tried
from patronus.firewall.verbs.expect import Try, run
from tests.golden.case import load
from tests.unit.firewall.test_flows import INTERFACES, ZONES

OUT = "tests:\n  - {id: t-1, from: lan, to: wan, protocol: tcp, destination_port: 25, expect: %s}\n"
NO_MAIL = "rules: [{id: r-1, from: lan, to: wan, protocol: tcp, destination_port: 25, action: drop}]\n"


def files(**more: str) -> dict[str, str]:
    texts = {"network/interfaces.yaml": INTERFACES, "firewall/zones.yaml": ZONES}
    return texts | {f"firewall/{name}.yaml": text for name, text in more.items()}


def complaints(**more: str) -> list[str]:
    loaded = load(files(**more))
    assert loaded.problems == ()
    return [problem.render() for problem in check(loaded.config)]


def test_a_change_that_breaks_an_expectation_is_refused_with_line_and_rule() -> None:
    assert complaints(tests=OUT % "allow") == []
    (said,) = complaints(tests=OUT % "allow", rules=NO_MAIL)
    assert said.startswith("firewall/tests.yaml:2 tests[0]: tcp 192.168.1.254:50000 to 198.51.100.254:25")
    assert "is dropped by rule/r-1, and shall be allowed; firewall/rules.yaml:1 r-1 decides" in said
    assert complaints(tests=OUT % "drop", rules=NO_MAIL) == []


def test_expectations_wait_until_the_files_are_sound() -> None:
    (said,) = complaints(tests=OUT % "drop", rules="rules: [{id: r-1, from: lam, action: drop}]\n")
    assert "there is no zone lam" in said


def test_what_was_made_of_the_rules_is_used_again_and_not_taken_for_others() -> None:
    tried = Tried()
    for rules, count in ((NO_MAIL, 1), ("rules: []\n", 0), (NO_MAIL, 1)):
        loaded = load(files(tests=OUT % "allow", rules=rules))
        assert len(list(check(loaded.config, None, tried))) == count


def test_a_scheduled_rule_is_off_unless_the_moment_is_said() -> None:
    rules = NO_MAIL.replace("action", "schedule: {days: sun}, action")
    at = "%s, at: sun 12:00"
    assert complaints(tests=OUT % "allow", rules=rules) == []
    assert complaints(tests=OUT % (at % "drop"), rules=rules) == []
    assert complaints(tests=OUT % (at % "allow"), rules=rules) != []


def test_a_destination_nobody_leads_to_cannot_be_tried() -> None:
    text = "tests: [{id: t-1, from: lan, destination: 203.0.113.9, protocol: gre, expect: allow}]\n"
    (said,) = complaints(tests=text)
    assert "cannot be tried: no interface leads to 203.0.113.9" in said
    uplink = INTERFACES.replace(
        "addresses: [198.51.100.2/24]", "addresses: [198.51.100.2/24], gateway: 198.51.100.1"
    )
    loaded = load({**files(tests=text), "network/interfaces.yaml": uplink})
    assert list(check(loaded.config)) == []


BEHIND = """tests:
  - {id: t-1, from: lan, source: 10.5.0.9, to: wan, protocol: gre, expect: allow}
"""


@pytest.mark.parametrize(
    ("routes", "spoofed"),
    [
        ([], True),
        (["{id: s-1, destination: 10.5.0.0/16, gateway: 192.168.1.2}"], False),
        (["{id: s-1, destination: 10.5.0.0/16, gateway: 198.51.100.9}"], True),
        (["{id: s-1, destination: 10.5.0.0/16, interface: lan}"], False),
        (["{id: s-1, destination: 10.5.0.0/16, gateway: 192.0.2.200}"], False),
        (["{id: s-1, destination: 10.5.0.0/16, gateway: 192.168.1.2, enabled: false}"], True),
        (["{id: s-1, destination: 10.6.0.0/16, gateway: 192.168.1.2}"], True),
        (["{id: s-1, destination: 10.5.0.0/16, type: blackhole}"], True),
        (
            [
                "{id: s-1, destination: 10.0.0.0/8, gateway: 192.168.1.2}",
                "{id: s-2, destination: 10.5.0.0/16, gateway: 198.51.100.9}",
            ],
            True,
        ),
    ],
    ids=["none", "behind", "elsewhere", "link", "not in the files", "off", "another", "hole", "longer"],
)  # fmt: skip
def test_a_source_behind_a_router_of_the_zone_is_not_forged(routes: list[str], spoofed: bool) -> None:
    text = f"routes: [{', '.join(routes)}]\n"
    loaded = load({**files(tests=BEHIND), "network/routing.yaml": text})
    assert loaded.problems == ()
    found = [problem.render() for problem in check(loaded.config)]
    assert ["spoofed" in one for one in found] == ([True] if spoofed else [])


def test_a_destination_behind_a_router_is_in_the_zone_that_leads_there() -> None:
    text = "tests: [{id: t-1, from: wan, destination: 10.5.0.9, protocol: gre, expect: drop, by: r-1}]\n"
    rules = "rules: [{id: r-1, from: wan, to: lan, action: drop}]\n"
    routes = "routes: [{id: s-1, destination: 10.5.0.0/16, gateway: 192.168.1.2}]\n"
    loaded = load({**files(tests=text, rules=rules), "network/routing.yaml": routes})
    assert list(check(loaded.config)) == []


def test_a_users_own_file_is_tried_on_the_rules_that_run() -> None:
    config = load(files(rules=NO_MAIL, tests="tests: []\n")).config
    report = run(config, Try(text=OUT % "allow"))
    (one,) = report.results
    assert (report.failed, one.line, one.action, one.decided_by) == (1, 2, "drop", "rule/r-1")
    assert one.text.startswith("FAIL line 2: tcp ")
    assert run(config, Try(text=OUT % "drop")).failed == 0
    assert run(config, Try()).results == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tests: [{from: lan, to: wan, protocol: tcp, expect: drop}]", "the destination port is missing"),
        ("tests: [{from: lan, protocol: gre, expect: drop}]", "nothing says where the packet goes"),
        ("tests: [{from: lan, to: wan, protocol: gre, expect: perhaps}]", "perhaps is not possible here"),
        ("tests: [{from: lan, to: wan, protocol: gre, at: noon, expect: drop}]", "noon is not a moment"),
        ("tests: [{from: lan, source: '::1', destination: 10.0.0.1, protocol: gre, expect: drop}]", "family"),
        ("tests: [", "firewall/tests.yaml:2"),
    ],
)
def test_a_faulty_file_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        run(load(files()).config, Try(text=text))
    assert said in "".join(problem.render() for problem in caught.value.problems)
