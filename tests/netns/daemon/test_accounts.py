# SPDX-License-Identifier: GPL-2.0-or-later
"""Accounts on a real router by its command line: who is let in, for how long, and the way back in need."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pyotp
import pytest

from patronus.core.errors import NotAuthenticated, NotPermitted, SecondFactorNeeded
from tests.netns.daemon.machine import CHECKOUT, LONG_S, Machine, eventually

PASSWORD = "correct horse battery"
NEW = "another good password"


def typed(machine: Machine, *lines: str, to: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run ``patronus`` with these lines piped in."""
    return subprocess.run(
        machine.command_line(*to), cwd=CHECKOUT, input="".join(f"{line}\n" for line in lines), text=True,
        capture_output=True, check=False, timeout=LONG_S,
    )  # fmt: skip


def add(machine: Machine, name: str, role: str) -> None:
    done = typed(machine, PASSWORD, to=("user", "add", name, "--role", role))
    assert done.returncode == 0, done.stderr


def log_in(machine: Machine, name: str, **more: str) -> str:
    """Log in as nobody's process would and return the session's token."""
    given = {"name": name, "password": PASSWORD, **more}
    return str(machine.call("accounts.LogIn", **given)["token"])


def by_token(machine: Machine, token: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``patronus`` by an API token, as a user who is no one on the machine itself."""
    file = Path(machine.root / "token")
    file.write_text(token + "\n")
    file.chmod(0o644)
    command = machine.command_line("--token-file", str(file), *arguments)
    return subprocess.run(
        command, cwd=CHECKOUT, text=True, capture_output=True, check=False, timeout=LONG_S, user=65534,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def wall_step() -> int:
    return int(time.time())


def test_people_come_change_and_go(machine: Machine) -> None:
    add(machine, "admin", "admin")
    add(machine, "anna", "operator")
    session = log_in(machine, "anna")
    assert machine.patronus("user", "role", "anna", "viewer").code == 0
    with pytest.raises(NotPermitted, match="anna is viewer"):
        machine.call("dns.FlushCache", session=session)
    assert machine.patronus("user", "disable", "anna").code == 0
    with pytest.raises(NotAuthenticated):
        machine.call("system.Status", session=session)
    with pytest.raises(NotPermitted, match="disabled"):
        log_in(machine, "anna")
    assert "disabled" in machine.patronus("user", "list").out
    assert machine.patronus("user", "enable", "anna").code == 0
    assert typed(machine, PASSWORD, NEW, to=("user", "own-password", "anna")).returncode == 0
    with pytest.raises(NotAuthenticated):
        log_in(machine, "anna")
    assert typed(machine, PASSWORD, to=("user", "password", "anna")).returncode == 0
    log_in(machine, "anna")
    assert "anna" in machine.patronus("session", "list").out
    assert machine.patronus("session", "end", "--account", "anna").code == 0
    assert machine.patronus("--json", "session", "list").json()["sessions"] == []
    assert machine.patronus("user", "remove", "anna").code == 0
    refused = machine.patronus("user", "remove", "admin")
    assert (refused.code, "last administrator" in refused.err) == (1, True)
    assert typed(machine, "short", to=("user", "add", "bert", "--role", "viewer")).returncode == 1


def test_a_second_factor_by_the_command_line(machine: Machine) -> None:
    add(machine, "carl", "viewer")
    early = typed(machine, PASSWORD, "123456", to=("totp", "set-up", "carl"))
    assert "not synchronised" in early.stderr
    machine.places.timesync.parent.mkdir(parents=True, exist_ok=True)
    machine.places.timesync.touch()
    session = log_in(machine, "carl")
    begun = machine.call("totp.Begin", session=session, password=PASSWORD)
    app = pyotp.TOTP(begun["secret"])
    codes = machine.call("totp.Confirm", session=session, code=app.at(wall_step()))["codes"]
    with pytest.raises(SecondFactorNeeded):
        log_in(machine, "carl")
    with pytest.raises(NotAuthenticated):
        log_in(machine, "carl", code="000000")
    machine.kill()
    machine.start()
    assert log_in(machine, "carl", code=app.at(wall_step() + 30))
    done = typed(machine, PASSWORD, codes[0], codes[1], to=("--json", "totp", "codes", "carl"))
    assert done.returncode == 0, done.stderr
    with pytest.raises(NotAuthenticated):
        log_in(machine, "carl", code=codes[2])
    assert machine.patronus("totp", "reset", "carl").code == 0
    assert log_in(machine, "carl")
    files = [path for path in machine.root.rglob("*") if path.is_file()]
    needles = [begun["secret"].encode(), codes[0].encode(), PASSWORD.encode()]
    assert not [path for path in files if any(needle in path.read_bytes() for needle in needles)]


def test_the_command_line_shows_a_picture_for_the_app(machine: Machine) -> None:
    add(machine, "dora", "viewer")
    machine.places.timesync.parent.mkdir(parents=True, exist_ok=True)
    machine.places.timesync.touch()
    done = typed(machine, PASSWORD, "000000", to=("totp", "set-up", "dora"))
    assert "the code is wrong" in done.stderr
    assert re.search(r"type the secret: [A-Z2-7]{32}\n", done.stderr)
    assert done.stderr.count("▀") > 50
    assert log_in(machine, "dora")


def test_a_token_lets_a_program_in_over_a_killed_daemon_until_it_is_revoked(machine: Machine) -> None:
    add(machine, "emil", "operator")
    given = ("token", "add", "backup", "--account", "emil", "--role", "viewer", "--for", "1h")
    token = machine.patronus(*given).out.strip()
    assert by_token(machine, token, "rules", "list").returncode == 0
    assert by_token(machine, "patronus_" + "A" * 43, "rules", "list").returncode == 4
    machine.kill()
    machine.start()
    assert by_token(machine, token, "rules", "list").returncode == 0
    refused = by_token(machine, token, "user", "list")
    assert (refused.returncode, "emil/backup is operator and viewer" in refused.stderr) == (4, True)
    listed = machine.patronus("--json", "token", "list").json()["tokens"]
    assert machine.patronus("token", "revoke", listed[0]["id"]).code == 0
    assert by_token(machine, token, "rules", "list").returncode == 4
    assert token.encode() not in machine.places.log.joinpath("audit.log").read_bytes()
    assert b'"emil"' in machine.places.log.joinpath("audit.log").read_bytes()


def test_a_custom_role_may_exactly_its_verbs(machine: Machine) -> None:
    given = ("role", "set", "helpdesk", "--verb", "dns.*", "--verb", "firewall.ListRules")
    assert machine.patronus(*given).code == 0
    add(machine, "fay", "helpdesk")
    session = log_in(machine, "fay")
    machine.call("dns.FlushCache", session=session)
    machine.call("firewall.ListRules", session=session)
    for verb in ("firewall.ListBlocks", "system.Status", "accounts.List", "config.Show"):
        with pytest.raises(NotPermitted, match="fay is helpdesk"):
            machine.call(verb, session=session)
    assert machine.patronus("role", "remove", "helpdesk").code == 1
    assert machine.patronus("user", "remove", "fay").code == 0
    assert machine.patronus("role", "remove", "helpdesk").code == 0


def test_sessions_outlive_a_killed_daemon_and_a_forged_one_is_none(machine: Machine) -> None:
    add(machine, "gus", "viewer")
    session = log_in(machine, "gus")
    machine.kill()
    machine.start()
    assert machine.call("accounts.WhoAmI", session=session)["name"] == "gus"
    head, body, signature = session.split(".")
    for forged in (f"{head}.{body}.{signature[::-1]}", f"{head}.{body}.", session[:-1], ""):
        with pytest.raises(NotAuthenticated):
            machine.call("accounts.WhoAmI", session=forged)


def test_damaged_accounts_are_said_on_the_console_and_its_code_leads_back(fresh: Machine) -> None:
    machine = fresh
    add(machine, "admin", "admin")
    session = log_in(machine, "admin")
    file = machine.places.state / "accounts" / "accounts.json"
    console = machine.places.run / "console.txt"
    machine.kill()
    file.write_bytes(file.read_bytes()[:-30])
    machine.start()
    eventually(lambda: "CANNOT BE READ" in console.read_text(), "the words on the console")
    assert "accounts.json is damaged" in machine.said()
    assert any("nobody can log in" in text for text in machine.call("system.Status")["notices"])
    assert machine.doctor() == []
    with pytest.raises(NotAuthenticated):
        machine.call("accounts.WhoAmI", session=session)
    with pytest.raises(NotPermitted):
        machine.call("accounts.SetUp", code="0000-0000-0000-0000-0000", name="owner", password=NEW)
    found = re.search(r"set-up code: (\S+)", console.read_text())
    assert found is not None
    machine.call("accounts.SetUp", code=found[1], name="owner", password=NEW)
    assert [one["name"] for one in machine.call("accounts.List")["accounts"]] == ["owner"]
    assert not any("nobody can log in" in text for text in machine.call("system.Status")["notices"])
    assert file.with_name("accounts.json.corrupt").exists()
    machine.kill()
    machine.start()
    assert machine.call("accounts.SetUpState") == {"needed": False, "reason": None}
