# SPDX-License-Identifier: GPL-2.0-or-later
"""Nobody comes in but by what the user set: REST without a session, the set-up code, and its end."""

import json
import math
import re

from patronus.secrets.code import ALPHABET
from qemu.run import set_up_code
from tests.vm.lab import LAN_ADDRESS, Lab

BASE = f"https://{LAN_ADDRESS}/api/v1"
OPEN_ROUTES = {("GET", "/set-up"), ("POST", "/set-up"), ("POST", "/session"), ("POST", "/session/code")}
"""Set-up and the two steps of a log-in: the password, and the code where the account has a second factor."""
PASSWORD = "correct horse battery staple"


def ask(lab: Lab, method: str, path: str, body: object = None) -> tuple[int, str]:
    """Ask the REST interface from the LAN; return the status and the answer."""
    argv = [
        "curl",
        "--silent",
        "--insecure",
        "--max-time",
        "90",
        "--request",
        method,
        "--write-out",
        "\n%{http_code}",
    ]
    argv += ["--header", "Content-Type: application/json", "--data", json.dumps(body or {})]
    answer, _, status = lab.client.succeed([*argv, BASE + path], timeout_s=100).rpartition("\n")
    return int(status), answer


def console_code(lab: Lab) -> str:
    """Return the set-up code as the console had shown it when the router was at rest."""
    code = set_up_code(lab.console_at_rest)
    assert code is not None
    return code


def routes(lab: Lab) -> list[tuple[str, str]]:
    """Return method and path of every verb that has a REST form."""
    verbs = json.loads(lab.guest.succeed("patronus --json call system.Describe"))["verbs"]
    pairs = [verb["route"].partition(" ") for verb in verbs if verb.get("route")]
    return [(method, re.sub(r"\{\w+\}", "1", path)) for method, _, path in pairs]


def test_every_route_but_set_up_and_log_in_wants_a_session(lab: Lab) -> None:
    lab.lease()
    table = routes(lab)
    assert len(table) > 20
    shut = [route for route in table if route not in OPEN_ROUTES]
    assert {route: ask(lab, *route)[0] for route in shut} == dict.fromkeys(shut, 401)
    made_up = {"challenge": "A" * 40, "code": "123456"}
    assert ask(lab, "POST", "/session/code", made_up)[0] in (400, 401)


def test_the_code_has_eighty_bits_is_stored_hashed_and_works_once(lab: Lab) -> None:
    lab.lease()
    code = console_code(lab)
    assert set(code) <= {*ALPHABET, "-"}
    assert len(code.replace("-", "")) * math.log2(len(set(ALPHABET))) >= 80
    lab.guest.fail(f"grep -rIlF -e {code} -e {code.replace('-', '')} /var /etc/patronus")
    given = {"code": code, "name": "admin", "password": PASSWORD}
    assert ask(lab, "POST", "/set-up", {**given, "code": "AAAA-AAAA-AAAA-AAAA-AAAA"})[0] in (401, 403)
    assert ask(lab, "POST", "/set-up", given)[0] in (200, 201)
    assert ask(lab, "POST", "/set-up", {**given, "name": "second"})[0] in (403, 409, 410)
    assert ask(lab, "POST", "/session", {"name": "admin", "password": PASSWORD})[0] in (200, 201)


def test_wrong_codes_slow_the_next_try_down(lab: Lab) -> None:
    lab.lease()
    wrong = {"code": "AAAA-AAAA-AAAA-AAAA-AAAA", "name": "admin", "password": PASSWORD}
    statuses = [ask(lab, "POST", "/set-up", wrong)[0] for _ in range(12)]
    assert 429 in statuses
    assert ask(lab, "POST", "/set-up", {**wrong, "code": console_code(lab)})[0] == 429


def test_no_password_works_that_nobody_set(lab: Lab) -> None:
    lab.lease()
    for name in ("admin", "root", "patronus"):
        for password in ("", "admin", "root", "patronus", "password"):
            assert ask(lab, "POST", "/session", {"name": name, "password": password})[0] in (
                400,
                401,
                403,
                422,
                429,
            )
    assert lab.guest.succeed("awk -F: '$2 !~ /^[!*]/ {print $1}' /etc/shadow") == ""


def test_set_up_is_closed_on_the_wan(lab: Lab) -> None:
    lab.scanner.fail(["curl", "--silent", "--insecure", "--max-time", "4", f"https://{lab.wan_address()}/"])
