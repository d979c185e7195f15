# SPDX-License-Identifier: GPL-2.0-or-later
"""REST: it is what it describes, its problems are problem details, and nonsense never breaks it."""

from __future__ import annotations

import json
import random
import re
import string
from typing import Any

import pytest

from tests.web.conftest import Machine, Visitor
from tests.web.test_gate import example, routes
from webui import body

SEED = 20261122
ROUNDS = 12
NO_FUZZ = {
    "accounts.ChangePassword", "accounts.FinishLogIn", "accounts.LogIn", "accounts.LogOut", "accounts.SetUp",
    "firewall.Trace", "system.Events", "totp.Begin", "totp.Confirm", "totp.End", "totp.RenewCodes",
}  # fmt: skip
"""They end the session that asks, or count as guesses and slow it down; the gate's tests have them.

Two wait for what may never come.
"""

RULE = {"name": "no ssh", "from": "wan", "protocol": "tcp", "destination_port": 22, "action": "drop"}


def rules(admin: Visitor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = admin.ask("GET", "/api/v1/firewall/rules").json()["rules"]
    return found


def test_a_rule_lives_from_post_to_delete(machine: Machine, admin: Visitor) -> None:
    answer = admin.ask("POST", "/api/v1/firewall/rules", {"rule": RULE, "index": 0, "confirm_s": 0})
    assert answer.status == 200, answer.text
    added = answer.json()
    assert answer.headers["ETag"] == f'"g{added["generation"]}"'
    assert rules(admin)[0]["rule"]["name"] == "no ssh"
    assert added["id"] in machine.ruleset()
    path = f"/api/v1/firewall/rules/{added['id']}"
    changed = admin.ask("PUT", path, {"rule": {**RULE, "name": "still no ssh"}, "confirm_s": 0})
    assert changed.status == 200, changed.text
    assert rules(admin)[0]["rule"]["name"] == "still no ssh"
    moved = admin.ask("POST", f"{path}/move", {"index": 1, "confirm_s": 0})
    assert moved.status == 200
    assert rules(admin)[1]["id"] == added["id"]
    assert admin.ask("POST", f"{path}/move", {"before": "r-1", "confirm_s": 0}).status == 200
    assert rules(admin)[0]["id"] == added["id"]
    assert admin.ask("POST", f"{path}/move", {"before": "r-1", "index": 0}).status == 400
    assert admin.ask("POST", f"{path}/switch", {"enabled": False, "confirm_s": 0}).status == 200
    packet = {"arrives_on": "wan", "source": "198.51.100.9", "destination": "198.51.100.2", "protocol": "tcp"}
    ssh = {**packet, "destination_port": 22}
    said = admin.ask("POST", "/api/v1/firewall/explain", ssh)
    assert (said.status, said.json()["decided_by"]) == (200, "pair/wan/self"), said.text
    assert admin.ask("POST", f"{path}/switch", {"enabled": True, "confirm_s": 0}).status == 200
    said = admin.ask("POST", "/api/v1/firewall/explain", ssh)
    assert said.json()["decided_by"] == f"rule/{added['id']}"
    assert admin.ask("DELETE", path, {"confirm_s": 0}).status == 200
    assert added["id"] not in [rule["id"] for rule in rules(admin)]
    assert added["id"] not in machine.ruleset()
    assert admin.ask("DELETE", path).status == 404


def test_if_match_names_the_generation_that_was_seen(admin: Visitor) -> None:
    def put(tag: str, name: str) -> int:
        rule = {"name": name, "protocol": "tcp", "destination_port": 23, "action": "reject"}
        given = {"rule": rule, "confirm_s": 0}
        return admin.ask("PUT", "/api/v1/firewall/rules/r-1", given, If_Match=tag).status

    seen = admin.ask("GET", "/api/v1/firewall/rules").headers["ETag"]
    assert put(seen, "first") == 200
    assert put(seen, "second") == 412
    assert put('"nonsense"', "third") == 400
    assert put("*", "fourth") == 200
    newer = admin.ask("GET", "/api/v1/system/status")
    assert newer.headers["ETag"] == f'"g{newer.json()["generation"]}"' != seen
    assert put(f"{seen}, {newer.headers['ETag']}", "no telnet") == 200


def test_every_change_heeds_if_match(machine: Machine, admin: Visitor) -> None:
    """Also what changes no file: whoever names a generation that is gone changes nothing."""
    now = admin.ask("GET", "/api/v1/system/status").json()["generation"]
    for verb in routes(machine):
        if not verb["changes"] or verb["role"] == "none":
            continue
        method, path = example(verb)
        assert admin.ask(method, path, {}, If_Match=f'"g{now + 1000}"').status == 412, verb["name"]
    block = {"prefix": "203.0.113.7", "for_s": 600}
    assert admin.ask("POST", "/api/v1/blocklist", block, If_Match=f'"g{now}"').status == 200
    assert admin.ask("DELETE", "/api/v1/blocklist/203.0.113.7", If_Match=f'"g{now}"').status == 200


def test_what_changes_the_files_can_say_on_what_it_is_based(machine: Machine) -> None:
    """The server looks once before; with a base the daemon looks again, when nobody can come between."""
    given = {
        verb["route"]: verb["parameters"].get("properties", {}) for verb in routes(machine) if verb["changes"]
    }
    changing = {route: keys for route, keys in given.items() if "confirm_s" in keys and "PUT" in route}
    assert {
        "PUT /routes/{id}",
        "PUT /uplinks/{id}",
        "PUT /qos/{id}",
        "PUT /interfaces/{id}",
    } <= changing.keys()
    assert [route for route, keys in changing.items() if "base" not in keys] == []


def test_all_files_are_replaced_only_by_who_says_what_they_saw(admin: Visitor) -> None:
    shown = admin.ask("GET", "/api/v1/config")
    given = {"files": {"firewall/zones.yaml": shown.json()["files"]["firewall/zones.yaml"] + "# mine\n"}}
    refused = admin.ask("PUT", "/api/v1/config", {**given, "confirm_s": 1})
    assert (refused.status, refused.json()["status"]) == (428, 428)
    assert "If-Match" in refused.json()["detail"]
    assert admin.ask("GET", "/api/v1/config").json()["files"] == shown.json()["files"]
    weak = admin.ask("PUT", "/api/v1/config", given, If_Match=f"W/{shown.headers['ETag']}")
    assert weak.status == 412, weak.text
    answer = admin.ask("PUT", "/api/v1/config", given, If_Match=shown.headers["ETag"])
    assert answer.status == 200, answer.text
    assert admin.ask("POST", "/api/v1/config/confirm").status == 200


def test_a_list_comes_in_parts(admin: Visitor) -> None:
    """What is deleted while somebody pages through, even the last one seen, hides nothing else."""
    for number in range(5):
        rule = {**RULE, "id": f"part-{number}"}
        assert admin.ask("POST", "/api/v1/firewall/rules", {"rule": rule, "confirm_s": 0}).status == 200
    whole = [one["id"] for one in rules(admin)]
    path: str | None = "/api/v1/firewall/rules?limit=2"
    found: list[str] = []
    while path is not None:
        answer = admin.ask("GET", path)
        assert answer.status == 200, answer.text
        found += [one["id"] for one in answer.json()["rules"]]
        link = re.fullmatch('<(.+)>; rel="next"', answer.headers.get("Link", ""))
        path = link[1] if link else None
        if len(found) == 2:
            admin.ask("DELETE", f"/api/v1/firewall/rules/{found[1]}", {"confirm_s": 0})
    assert found == whole
    assert len(found) > 5
    for number in range(5):
        admin.ask("DELETE", f"/api/v1/firewall/rules/part-{number}", {"confirm_s": 0})
    for query in ("limit=0", "limit=x", "limit=2&cursor=x", "cursor=x", "limit=2&limit=3"):
        assert admin.ask("GET", f"/api/v1/firewall/rules?{query}").status == 400


def test_a_bad_rule_gets_all_its_problems_and_changes_nothing(machine: Machine, admin: Visitor) -> None:
    before = machine.ruleset()
    bad = {"from": "nowhere", "protocol": "tpc", "destination_port": 70000, "action": "alow"}
    answer = admin.ask("POST", "/api/v1/firewall/rules", {"rule": bad})
    assert (answer.status, answer.headers["Content-Type"]) == (422, "application/problem+json")
    found = answer.json()
    assert found["type"] == "urn:patronus:error:InvalidConfiguration"
    assert found["status"] == 422
    paths = " ".join(problem["path"] for problem in found["problems"])
    for name in ("protocol", "destination_port", "action"):
        assert name in paths
    assert machine.ruleset() == before


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b'{"rule": {}, "rule": {}}', 400),
        (b'{"rule": NaN}', 400),
        (b'{"index": 1e999}', 400),
        (b'{"rule": {"name": "\\ud800"}}', 400),
        (b"\xff\xfe{}", 400),
        ('{"rule": {"action": "drop"}}'.encode("utf-16"), 400),
        (b'{"a":' * 100 + b"1" + b"}" * 100, 400),
        (b"[" * 200_000, 400),
        (b'{"rule": {"action": "drop"}, "session": "x"}', 400),
        (b'{"rule": {"action": "drop"}, "origin": "local"}', 400),
        (b'{"rule": {"action": "drop"}, "unknown": 1}', 400),
        (b"1" * 10_000, 400),
        (b'{"rule": "' + b"x" * body.LIMIT + b'"}', 413),
    ],
)
def test_nonsense_is_refused_by_name(admin: Visitor, data: bytes, status: int) -> None:
    answer = admin.ask("POST", "/api/v1/firewall/rules", data)
    assert answer.status == status, answer.text
    assert answer.json()["status"] == status
    assert "Traceback" not in answer.text


def test_who_sends_far_too_much_is_told_before_the_connection_ends(admin: Visitor) -> None:
    data = b'{"rule": "' + b"x" * (body.LIMIT * 3 // 2) + b'"}'
    answer = admin.ask("POST", "/api/v1/firewall/rules", data, Connection="close")
    assert (answer.status, answer.json()["status"]) == (413, 413)


def test_wrong_methods_and_types_are_named(admin: Visitor) -> None:
    answer = admin.ask("PATCH", "/api/v1/firewall/rules")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")
    assert answer.json()["status"] == 405
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = admin.ask("POST", "/api/v1/firewall/rules", b"{}", Content_Type=kind)
        assert (answer.status, answer.json()["status"]) == (415, 415), answer.text
    assert admin.ask("GET", "/api/v1/nothing").status == 404
    assert admin.ask("GET", "/api/v1/dhcp/leases?all=maybe").status == 400
    assert admin.ask("GET", "/api/v1/dhcp/leases?all=true").status == 200
    assert admin.ask("GET", "/api/v1/dhcp/leases?all=true&all=false").status == 400
    assert admin.ask("HEAD", "/api/v1/system/status").status == 200


def test_a_prefix_stands_in_a_path(admin: Visitor) -> None:
    block = {"prefix": "203.0.113.0/24", "for_s": 600, "reason": "scans"}
    assert admin.ask("POST", "/api/v1/blocklist", block).status == 200
    assert [found["prefix"] for found in admin.ask("GET", "/api/v1/blocklist").json()["blocks"]] == [
        "203.0.113.0/24"
    ]
    assert admin.ask("DELETE", "/api/v1/blocklist/203.0.113.0/24").status == 200
    assert admin.ask("DELETE", "/api/v1/blocklist/203.0.113.0%2F24").status == 404


def test_nobody_blocks_the_address_from_which_they_ask(machine: Machine, admin: Visitor) -> None:
    near = machine.visitor("127.0.0.99")
    near.bearer = admin.bearer
    block = {"prefix": "127.0.0.99/32", "for_s": 600}
    refused = near.ask("POST", "/api/v1/blocklist", block)
    assert refused.status == 400
    assert "from where you are asking" in refused.json()["detail"]


def test_the_description_is_the_table(machine: Machine, admin: Visitor) -> None:
    document = admin.ask("GET", "/api/v1/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    described = {
        f"{method.upper()} {path}": operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    table = {verb["route"]: verb for verb in routes(machine)}
    assert described.pop("GET /events")["operationId"] == "system.Events"
    assert described.keys() == table.keys()
    for route, operation in described.items():
        assert (operation.get("security") == []) is (table[route]["role"] == "none"), route
        placed = {parameter["name"] for parameter in operation.get("parameters", ())}
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        placed |= content.get("schema", {}).get("properties", {}).keys()
        placed -= {"If-Match"} if table[route]["changes"] else {"limit", "cursor"}
        assert placed == table[route]["parameters"].get("properties", {}).keys(), route
    for reference in references(document):
        target = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [found for item in value for found in references(item)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [found for item in value.values() for found in references(item)]


def test_fuzzed_requests_never_break_the_server(machine: Machine, admin: Visitor) -> None:
    """Whatever is sent to whatever route, the answer is one of the documented kinds."""
    dice = random.Random(SEED)
    for verb in routes(machine):
        if verb["name"] in NO_FUZZ:
            continue
        method, path = example(verb)
        for _ in range(ROUNDS):
            given = {
                name: nonsense(dice, 0)
                for name in verb["parameters"].get("properties", {})
                if dice.random() < 0.8
            }
            answer = admin.ask(method, path.replace("x1", word(dice)), given if method != "GET" else None)
            assert answer.status < 500, (verb["name"], given, answer.text)
            assert "Traceback" not in answer.text
            json.loads(answer.text)
    assert [rule["id"] for rule in rules(admin)][-1:] == ["r-1"]


def word(dice: random.Random) -> str:
    return "".join(
        dice.choice(string.ascii_lowercase + string.digits + "-_.%25") for _ in range(dice.randint(1, 12))
    )


def nonsense(dice: random.Random, depth: int) -> Any:
    kinds: list[Any] = [
        None, True, False, 0, -1, 2**31, 2**63, 2**100, 0.5, -1e300, "", "a", "\0", "../..", "0.0.0.0/0",
        "::/0", "x" * 5000, "192.168.1.1", "r-1", "lan", "\u202e", "{{7*7}}", "'; drop", "<script>", "$(id)",
        "90s", "1970-01-01", word(dice),
    ]  # fmt: skip
    if depth < 3 and dice.random() < 0.4:
        if dice.random() < 0.5:
            return [nonsense(dice, depth + 1) for _ in range(dice.randint(0, 4))]
        keys = ["id", "name", "action", "from", "to", "protocol", "type", "zone", "in", "out", word(dice)]
        return {dice.choice(keys): nonsense(dice, depth + 1) for _ in range(dice.randint(0, 5))}
    return dice.choice(kinds)
