# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole router takes its rules from a repository, by a process of its own user, into nftables."""

from __future__ import annotations

import json
import os
import pwd
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from patronus.core.errors import NotAuthenticated, NotPermitted
from tests.netns.daemon.machine import CHECKOUT, Machine
from tests.netns.gitops.server import Author, Https

USER = "patronus-gitops"
RULES = "firewall/rules.yaml"
RULE = "rules:\n  - {id: gitted, name: gitted, protocol: tcp, destination_port: 2323, action: drop}\n"


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Author:
    return Author(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def https(machine: Machine, author: Author) -> Iterator[Https]:
    made = Https(author.bare.parent, machine.router)
    yield made
    made.close()


def run(machine: Machine) -> subprocess.CompletedProcess[str]:
    """Run the process as the image's unit does: its user, no capability, a folder of its own."""
    try:
        user = pwd.getpwnam(USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--user-group", USER], check=True)
        user = pwd.getpwnam(USER)
    state = machine.root / "gitops"
    state.mkdir(exist_ok=True)
    os.chown(state, user.pw_uid, user.pw_gid)
    dropped = ["setpriv", "--regid", USER, "--clear-groups", "--reuid", USER, "--no-new-privs"]
    dropped += ["--inh-caps=-all", "--bounding-set=-all"]
    socket = machine.places.run / "patronus.sock"
    command = [
        *dropped,
        sys.executable,
        "-m",
        "patronus.gitops",
        "--socket",
        str(socket),
        "--state",
        str(state),
    ]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT)}
    with machine.router:
        return subprocess.run(
            command, cwd="/", capture_output=True, text=True, check=False, timeout=120, env=environment
        )


def test_a_commit_of_the_repository_reaches_the_kernel_and_the_audit_log(
    machine: Machine, author: Author, https: Https
) -> None:
    commit = author.push({RULES: RULE}, "no telnet")
    given = json.dumps({"url": https.url, "ca": https.ca, "mode": "apply"})
    machine.call("config.Load", files={"gitops.json": given})
    assert "2323" not in machine.ruleset()
    done = run(machine)
    assert done.returncode == 0, done.stderr
    assert "2323" in machine.ruleset() and machine.doctor() == []
    assert machine.call("config.Pending")["generation"] is None
    said = machine.patronus("gitops", "status")
    assert said.code == 0 and "in-sync" in said.out and commit[:12] in said.out, said
    records = machine.patronus("--json", "audit", "show", "--user", USER).json()["records"]
    assert [one["action"] for one in records] == [
        "gitops.Confirm", "config.Confirm", "gitops.Apply", "config.Submit",
    ]  # fmt: skip
    assert records[-1]["details"]["differences"][0]["path"] == "firewall/rules rules gitted"
    assert machine.patronus("audit", "verify").code == 0
    told = machine.patronus("audit", "show", "--verb", "gitops", "-n", "1").out
    assert "gitops.Confirm" in told and "--before" in told and "gitops.Apply" not in told
    assert re.fullmatch(r"\d+:[0-9a-f]{64}\n", machine.patronus("audit", "head").out)


def test_a_commit_is_kept_though_a_list_that_it_names_is_not_there_yet(
    machine: Machine, author: Author, https: Https
) -> None:
    alias = "aliases:\n  - {id: bad, list: {file: bad.txt}}\n"
    commit = author.push({RULES: alias + RULE.replace("2323", "2424, source: '@bad'")}, "a list")
    given = json.dumps({"url": https.url, "ca": https.ca, "mode": "apply"})
    machine.call("config.Load", files={"gitops.json": given})
    machine.kill()
    machine.start()  # asks the repository at once
    done = run(machine)
    assert done.returncode == 0, done.stderr
    assert [one["what"] for one in machine.doctor()] == ["firewall: alias bad"]
    assert "2424" in machine.ruleset() and machine.call("config.Pending")["generation"] is None
    assert commit[:12] in machine.patronus("gitops", "status").out


def test_a_commit_with_a_mistake_leaves_the_kernel_and_is_told_by_place(
    machine: Machine, author: Author, https: Https
) -> None:
    before = machine.ruleset()
    author.push({RULES: RULE + "  - {id: bad, destination_port: 70000, protocol: tcp, action: drop}\n"})
    machine.call("config.Load", files={"gitops.json": json.dumps({"url": https.url, "ca": https.ca})})
    machine.kill()
    machine.start()
    assert run(machine).returncode == 0
    said = machine.patronus("gitops", "status")
    assert "refused" in said.out and f"{RULES}:3" in said.out and "70000" in said.out, said.out
    assert machine.ruleset() == before
    assert machine.patronus("gitops", "diff").code == 1


def test_nobody_else_may_offer_a_commit(machine: Machine) -> None:
    offer = {"commit": "0" * 40, "author": "x", "time": 0, "subject": "x", "files": {}}
    with machine.client() as client, pytest.raises(NotPermitted):
        client.call("gitops.Offer", offer)
    code = "import sys; from patronus.client import Client; Client(sys.argv[1]).call('gitops.Instructions')"
    path = str(machine.places.run / "patronus.sock")
    done = subprocess.run(
        ["setpriv", "--reuid", "65534", "--clear-groups", sys.executable, "-c", code, path],
        cwd=CHECKOUT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert NotAuthenticated.__name__ in done.stderr
