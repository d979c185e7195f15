# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules that live of lists, on a whole router: brought in by their own process, and felt by real packets."""

from __future__ import annotations

import json
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.netns.daemon.keeper import LISTS
from tests.netns.daemon.machine import Machine, eventually
from tests.netns.daemon.provider import GATEWAY, WEB
from tests.netns.lists.server import ListServer

USER = "patronus-lists"
OTHERS = "192.0.2.0/24\n2001:db8:bad::/48\n"


@pytest.fixture(scope="module")
def server(machine: Machine) -> Iterator[ListServer]:
    """Serve lists on the provider's side, and give their process its user and its folder."""
    try:
        pwd.getpwnam(USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--user-group", USER], check=True)
    shutil.chown(machine.root / LISTS[1], USER, USER)
    with tempfile.TemporaryDirectory() as scratch:
        made = ListServer(Path(scratch), GATEWAY, 8443, machine.wan)
        machine.lease()
        yield made
        made.close()


def rules(machine: Machine, *aliases: dict[str, Any], **rule: Any) -> dict[str, Any]:
    """Commit a rule that drops what goes to the addresses of an alias; return what a person is told."""
    dropped = {"id": "r-bad", "from": "lan", "to": "wan", "destination": "@bad", "action": "drop", **rule}
    text = json.dumps({"aliases": aliases, "rules": [dropped]})
    return machine.call("config.Load", files={"firewall/rules.json": text})


def bad(server: ListServer, url: str) -> dict[str, Any]:
    return {"id": "bad", "list": {"url": url, "ca": server.ca}}


def info(machine: Machine) -> dict[str, Any]:
    (found,) = machine.call("lists.Status")["lists"]
    return dict(found)


def outside_of_sets(machine: Machine) -> str:
    """Return the ruleset with the handles of its rules, without counts and what its sets hold."""
    return machine.router.run(
        "nft", "--handle", "--terse", "--stateless", "list", "table", "inet", "patronus"
    )


def test_a_list_is_brought_in_and_what_it_holds_is_dropped(machine: Machine, server: ListServer) -> None:
    eventually(machine.page, "the page without the list")
    url = server.serve("/bad.txt", OTHERS + f"{WEB}\n")
    said = rules(machine, bad(server, url))
    assert "has not been brought in yet" in str(said["warnings"])
    eventually(lambda: not machine.page(), "the list in the firewall")
    found = info(machine)
    assert (found["entries"], found["used_by"], found["error"]) == (3, ["alias bad"], None)
    (source,) = machine.call("firewall.ListSources")["sources"]
    assert (source["ipv4"], source["ipv6"], source["fault"]) == (2, 1, None)
    assert machine.doctor() == []
    assert "2001:db8:bad::/48" in machine.ruleset()


def test_another_list_changes_the_sets_and_nothing_else(machine: Machine, server: ListServer) -> None:
    before = outside_of_sets(machine)
    server.serve("/bad.txt", "192.0.2.7\n")
    said = machine.patronus("lists", "refresh")
    assert (said.code, "alias bad" in said.out) == (0, True), said
    eventually(machine.page, "the page, which is on the list no longer")
    eventually(lambda: "2001:db8:bad::/48" not in machine.ruleset(), "the shorter list")
    assert outside_of_sets(machine) == before
    server.serve("/bad.txt", OTHERS + f"{WEB}\n")
    assert machine.patronus("lists", "refresh").code == 0
    eventually(lambda: not machine.page(), "the list in the firewall")


def test_a_list_that_cannot_be_had_stays_as_it_is_and_says_so(machine: Machine, server: ListServer) -> None:
    server.behaviour.status = 500
    said = machine.patronus("lists", "refresh")
    assert (said.code, "answers 500" in said.out) == (1, True), said
    assert not machine.page(), "the last good list stays"
    assert "answers 500" in " ".join(machine.call("system.Status")["notices"])
    assert [one["what"] for one in machine.doctor()] == [f"lists: list {server.url}/bad.txt"]
    machine.call("firewall.Block", prefix="198.51.100.66")  # other changes go on
    machine.call("firewall.Unblock", prefix="198.51.100.66")
    health = {one["name"]: one for one in machine.call("update.Health")["findings"]}
    assert health["configuration"]["well"], "a server that is away makes no version of this router ill"
    server.behaviour.status = 200
    assert machine.patronus("lists", "refresh").code == 0
    assert machine.doctor() == []


def test_the_last_good_list_is_there_at_the_next_start(machine: Machine, server: ListServer) -> None:
    server.behaviour.status = 500
    machine.kill()
    machine.start()
    machine.uplinked()
    assert "2001:db8:bad::/48" in machine.ruleset()
    assert not machine.page()
    assert info(machine)["entries"] == 3
    server.behaviour.status = 200


def test_a_file_of_this_router_is_a_list_too(machine: Machine) -> None:
    folder = machine.places.config / "lists"
    folder.mkdir(exist_ok=True)
    generation = machine.call("config.Log")["generations"][0]["number"]
    said = rules(machine, {"id": "bad", "list": {"file": "bad.txt"}})
    (warning,) = said["warnings"]
    assert "bad.txt is not there" in warning["message"]
    assert "firewall/rules.json" in str(warning)
    eventually(machine.page, "the page, which an empty alias does not fit")
    (folder / "bad.txt").write_text(f"# ours\n{WEB}\n")
    machine.patronus("lists", "refresh")
    eventually(lambda: not machine.page(), "the file in the firewall")
    assert machine.doctor() == []
    assert machine.call("config.Log")["generations"][0]["number"] == generation + 1, (
        "no file of the configuration"
    )
    (folder / "bad.txt").write_text("<html>\n")
    machine.patronus("lists", "refresh")
    assert "this is no list of addresses" in str(machine.doctor())
    assert not machine.page(), "what was read last stays"


def _sources(machine: Machine) -> list[tuple[object, ...]]:
    """Return kind, source, addresses of each family and fault of each."""
    found = machine.call("firewall.ListSources")["sources"]
    return [tuple(one[key] for key in ("kind", "source", "ipv4", "ipv6", "fault")) for one in found]


def test_a_name_is_asked_for_at_the_routers_own_dns_server(machine: Machine) -> None:
    said = rules(machine, {"id": "bad", "names": ["www.example"]})
    assert "www.example: the name has not been asked for yet" in str(said["warnings"])
    wanted = ("names", "www.example", 1, 0, None)
    eventually(lambda: _sources(machine) == [wanted], "the name's address among the sources")
    eventually(lambda: not machine.page(), "the name's address in the firewall")
    rules(machine, {"id": "bad", "names": ["www.example", "nobody.example"]})
    eventually(lambda: "nobody.example: the name has no address" in str(machine.doctor()), "the fault")
    assert not machine.page(), "the other name stays"
    state = json.loads((machine.places.state / "state" / "runtime-state.json").read_text())
    assert WEB in str(state), "kept for the next start"


def test_a_country_is_what_the_file_says(machine: Machine) -> None:
    path = machine.places.config / "lists" / "countries.csv"
    (warning,) = rules(machine, {"id": "bad", "countries": ["DE", "AT"]})["warnings"]
    assert "countries.csv is not there" in warning["message"]
    assert machine.router.run("nft", "list", "set", "inet", "patronus", "alias/bad/4").count("elements") == 0
    path.write_text(f'"{WEB}","{WEB}","DE"\n192.0.2.0/24,FR\n2001:db8::/32,AT\n')
    machine.patronus("lists", "refresh")
    assert WEB in machine.router.run("nft", "list", "set", "inet", "patronus", "alias/bad/4")
    assert "192.0.2" not in machine.ruleset()
    assert "2001:db8::/32" in machine.ruleset()
    assert machine.doctor() == []
