# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is about to cut their own way in by routes or addresses is told so before, by page and command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from socket import SOCK_STREAM, socket
from typing import Any

import pytest

from tests.netns.daemon.machine import CHECKOUT, LONG_S, Machine
from tests.netns.daemon.provider import GATEWAY, WEB
from tests.netns.daemon.test_accounts import add, log_in
from tests.netns.lab import Server

PAGE_USER, PORT = "patronus-web", 443
ASK = (
    "import json, sys; from patronus.client import Client\n"
    "with Client(sys.argv[1]) as it: print(json.dumps(it.call(sys.argv[2], json.load(sys.stdin))))"
)
FAR, BEHIND = "10.9.0.7", "10.9.0.0/24"


@pytest.fixture
def page(machine: Machine) -> str:
    """Let the page's process be there, and return the token of who is logged in."""
    if subprocess.run(["getent", "passwd", PAGE_USER], capture_output=True, check=False).returncode:
        subprocess.run(["useradd", "--system", PAGE_USER], check=True)
    if "admin" not in machine.patronus("user", "list").out:
        add(machine, "admin", "admin")
    return log_in(machine, "admin")


def planned(machine: Machine, token: str, address: str, files: dict[str, str]) -> dict[str, Any]:
    """Return what the page is told of a change by somebody who came from an address."""
    given = {"session": token, "origin": f"web {address}", "files": files}
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(machine.places.run / "patronus.sock"), "config.Plan"], cwd=CHECKOUT,
        input=json.dumps(given), capture_output=True, text=True, check=True, user=PAGE_USER, timeout=LONG_S,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def session(plan: dict[str, Any]) -> dict[str, Any]:
    (found,) = [one for one in plan["consequences"] if one["kind"] == "session"]
    return dict(found)


def broken(plan: dict[str, Any], kind: str) -> list[str]:
    return [one["what"] for one in plan["consequences"] if one["kind"] == kind and not one["works"]]


def routes(*given: str) -> dict[str, str]:
    return {"network/routing.yaml": "routes:\n" + "".join(f"  - {{{one}}}\n" for one in given)}


def shadow(address: str) -> dict[str, str]:
    return routes(f"id: shadow, destination: {address}/32, gateway: {GATEWAY}, interface: wan")


@contextmanager
def browsing(machine: Machine, source: str) -> Iterator[socket]:
    """Lend an open connection to the page."""
    server = Server(machine.router.socket(4, SOCK_STREAM), "0.0.0.0", PORT)
    with machine.lan.socket(4, SOCK_STREAM) as client:
        client.settimeout(LONG_S)
        client.bind((source, 0))
        client.connect(("192.168.1.1", PORT))
        assert client.recv(100) == f"{source}\n".encode()
        yield client
    server.close()


def test_a_shadowing_route_and_a_moved_address_are_foreseen(machine: Machine, page: str) -> None:
    lan = machine.lease()
    files = {
        name: machine.file(name).read_text() for name in ("network/interfaces.yaml", "network/dhcp.yaml")
    }
    moved = {name: text.replace("192.168.1.", "192.168.7.") for name, text in files.items()}
    with browsing(machine, lan):
        harmless = planned(machine, page, lan, routes(f"id: r, destination: {BEHIND}, gateway: {lan}"))
        assert (harmless["breaks"], session(harmless)["works"]) == (False, True)
        plan = planned(machine, page, lan, shadow(lan))
        assert (plan["breaks"], session(plan)["works"]) == (True, False)
        assert session(plan)["after"] == f"{lan} is reached by {GATEWAY} on eth1, not straight on eth0"
        assert session(plan)["packet"]["source"] == lan
        plan = planned(machine, page, lan, moved)
        assert session(plan)["after"] == "192.168.1.1 is not the router's any more"
        assert broken(plan, "service") == ["the router's address 192.168.1.1 on lan"]


def test_who_removes_the_route_to_their_own_network_is_told(machine: Machine, page: str) -> None:
    lan = machine.lease()
    machine.lan.ip(f"address add {FAR}/32 dev lo")
    way = routes(f"id: far, destination: {BEHIND}, gateway: {lan}")
    machine.call("config.Load", files=way, comment="a network behind a host")
    with browsing(machine, FAR):
        rule = {"firewall/rules.yaml": "rules: [{id: r, protocol: udp, destination_port: 9, action: drop}]\n"}
        assert session(planned(machine, page, FAR, rule))["works"]
        plan = planned(machine, page, FAR, {"network/routing.yaml": "routes: []\n"})
        assert session(plan)["after"].startswith(
            f"{FAR} is reached by {GATEWAY} on eth1, not by {lan} on eth0"
        )
    machine.call("config.Load", files={"network/routing.yaml": "routes: []\n"}, comment="gone")


def test_open_flows_that_a_route_cuts_are_named_and_cut(fresh: Machine) -> None:
    wan, lan = fresh.uplinked(), fresh.lease()
    server = Server(fresh.wan.socket(4, SOCK_STREAM), WEB, 7777)
    with fresh.lan.socket(4, SOCK_STREAM) as client:
        client.settimeout(LONG_S)
        client.connect((WEB, 7777))
        assert client.recv(100) == f"{wan}\n".encode()
        for name, text in shadow(lan).items():
            fresh.call("config.Load", files={name: text}, draft=True)
        plan = fresh.patronus("--json", "config", "draft", "plan").json()
        (flow,) = broken(plan, "flow")
        assert flow == f"tcp {lan}:{client.getsockname()[1]} to {WEB}:7777"
        said = fresh.patronus("config", "draft", "plan").out
        assert f"STOPS: {flow}: allowed by pair/lan/wan, then {lan} is reached by {GATEWAY} on eth1" in said
        client.sendall(b"still here")
        assert client.recv(100) == b"still here"
        assert fresh.patronus("config", "draft", "commit").code == 0
        client.settimeout(1)
        client.sendall(b"gone")
        with pytest.raises(TimeoutError):
            client.recv(100)
    server.close()
