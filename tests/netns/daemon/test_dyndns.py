# SPDX-License-Identifier: GPL-2.0-or-later
"""Outside names on a whole router: told by their own process when the uplink has another address."""

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

from patronus.core.errors import InvalidConfiguration
from tests.netns.daemon.keeper import DYNDNS
from tests.netns.daemon.machine import Machine, eventually
from tests.netns.daemon.provider import GATEWAY
from tests.netns.dyndns.name_server import BASE64, KEY, ZONE, NameServer
from tests.netns.dyndns.provider import PASSWORD, TOKEN, USER, NameProvider

NAME = "home.example.net"
PROCESS = "patronus-dyndns"


@pytest.fixture(scope="module")
def provider(machine: Machine) -> Iterator[NameProvider]:
    """Serve on the uplink's side, and give the process that tells its user and its folder."""
    try:
        pwd.getpwnam(PROCESS)
    except KeyError:
        subprocess.run(["useradd", "--system", "--user-group", PROCESS], check=True)
    shutil.chown(machine.root / DYNDNS[1], PROCESS, PROCESS)
    (machine.root / DYNDNS[0]).chmod(0o700)
    with tempfile.TemporaryDirectory() as scratch:
        made = NameProvider(Path(scratch), GATEWAY, 8444, machine.wan)
        machine.call("secrets.Set", name="dyn", secret="not it")
        yield made
        made.close()


def info(machine: Machine) -> dict[str, Any]:
    (found,) = machine.call("dyndns.Status")["names"]
    return dict(found)


def state(machine: Machine, wanted: str) -> dict[str, Any]:
    eventually(lambda: info(machine)["state"] == wanted, wanted)
    return info(machine)


def entry(provider: NameProvider, **more: Any) -> dict[str, Any]:
    how = {"server": provider.url, "user": USER, "password": {"secret": "dyn"}, "ca": provider.ca}
    return {"id": "home", "hostnames": [NAME], "dyndns2": how, **more}


def test_a_wrong_password_is_said_and_a_right_one_is_taken_at_once(
    machine: Machine, provider: NameProvider
) -> None:
    with machine.listening() as printed:
        eventually(lambda: _stirred(machine, printed()), "the stream")
        machine.call("dyndns.Add", entry=entry(provider))
        found = state(machine, "stopped")
        assert (found["answer"], found["told"], found["due_in_s"]) == ("badauth", [], None)
        assert [one["what"] for one in machine.doctor()] == ["dyndns: outside name home"]
        assert NAME in " ".join(machine.call("system.Status")["notices"])
        asked = len(provider.behaviour.asked)
        machine.call("firewall.Block", prefix="192.0.2.66")  # other changes go on, and tell nobody
        machine.call("secrets.Set", name="dyn", secret=f"{PASSWORD}\n")
        found = state(machine, "current")
        assert len(provider.behaviour.asked) == asked + 1
        address = machine.uplinked()
        assert (found["told"], found["interface"]) == ([address], "wan")
        assert provider.behaviour.names == {NAME: address}
        assert provider.behaviour.asked[-1].source == address
        assert machine.doctor() == []
        eventually(lambda: "outside-name-told" in printed(), "the event")
        assert "outside-name-failed" in printed()
        assert PASSWORD not in printed()


def _stirred(machine: Machine, printed: str) -> bool:
    machine.call("firewall.Block", prefix="198.51.100.66")
    machine.call("firewall.Unblock", prefix="198.51.100.66")
    return "config-changed" in printed


def test_its_password_stands_nowhere_in_the_open(machine: Machine, provider: NameProvider) -> None:
    assert list((machine.root / DYNDNS[0]).iterdir()) == []
    log = machine.said() + (machine.root / f"units/{PROCESS}.service.log").read_text()
    places = [machine.places.state, machine.places.config, machine.root / DYNDNS[1]]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert "home: told" in log
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]
    assert PASSWORD not in log
    assert PASSWORD not in str(machine.call("audit.Show"))


def test_a_start_tells_nobody_what_is_known(machine: Machine, provider: NameProvider) -> None:
    asked = len(provider.behaviour.asked)
    machine.kill()
    machine.start()
    machine.uplinked()
    assert state(machine, "current")["told"]
    assert len(provider.behaviour.asked) == asked
    said = machine.patronus("dyndns", "update", "home")
    assert (said.code, "nochg" in said.out) == (0, True), said
    assert len(provider.behaviour.asked) == asked + 1


def test_another_address_is_told_and_a_fault_of_the_provider_said(
    machine: Machine, provider: NameProvider
) -> None:
    mac = json.loads(machine.router.ip("-j link show dev eth2"))[0]["address"]
    other = {"id": "other", "match": {"mac": mac}, "zone": "lan"}

    def be(verb: str, address: str) -> None:
        ipv4 = {"method": "static", "addresses": [address]}
        machine.call(f"interfaces.{verb}", interface={**other, "ipv4": ipv4}, **named)

    named: dict[str, str] = {}
    be("Add", "10.66.0.2/24")
    before = dict(provider.behaviour.names)
    machine.call("dyndns.Replace", id="home", entry=entry(provider, interface="other"))
    assert "10.66.0.2 of other leads nowhere outside" in state(machine, "idle")["reason"]
    assert provider.behaviour.names == before
    named["id"] = "other"
    be("Replace", "198.51.100.77/24")
    eventually(lambda: provider.behaviour.names == {NAME: "198.51.100.77"}, "the other address")
    assert state(machine, "current")["told"] == ["198.51.100.77"]
    provider.behaviour.says = "911"
    said = machine.patronus("dyndns", "update")
    assert (said.code, "asked again in half an hour" in said.out) == (1, True), said
    assert info(machine)["due_in_s"] > 1000
    provider.behaviour.says = None
    assert machine.patronus("dyndns", "update").code == 0
    machine.call("dyndns.Replace", id="home", entry=entry(provider))
    eventually(lambda: provider.behaviour.names == before, "that of the uplink again")
    state(machine, "current")
    machine.call("interfaces.Remove", id="other")


def test_names_come_change_and_go_by_command(machine: Machine, provider: NameProvider) -> None:
    machine.call("dyndns.Replace", id="home", entry=entry(provider, enabled=False))
    assert info(machine)["state"] == "off"
    assert machine.patronus("dyndns", "remove", "home").code == 0
    assert "No name outside leads here." in machine.patronus("dyndns").out
    machine.call("secrets.Set", name="token", secret=TOKEN)
    page = f"{provider.url}/set?name={{name}}&ip={{ipv4}}&token={{password}}"
    how = ("--url", page, "--password", "token", "--expect", "OK")
    assert "say how the provider is told" in machine.patronus("dyndns", "add", "cabin", "c.example").err
    said = machine.patronus("dyndns", "add", "cabin", "cabin.example.net", *how)
    assert said.code == 0, said
    found = state(machine, "failed")  # nobody known vouches for its certificate
    assert "its certificate is not good" in found["reason"]
    url = {**found["configuration"]["url"], "ca": provider.ca}
    machine.call("dyndns.Replace", id="cabin", entry={**found["configuration"], "url": url})
    assert state(machine, "current")["answer"] == "OK"
    assert provider.behaviour.names["cabin.example.net"] == machine.uplinked()
    with pytest.raises(InvalidConfiguration) as raised:
        machine.call("dyndns.Add", entry={**found["configuration"], "id": "again", "interface": "wann"})
    assert "is told already, by cabin" in str(raised.value)
    assert "there is no interface wann" in str(raised.value)
    machine.call("dyndns.Remove", id="cabin")
    assert machine.doctor() == []


def test_a_name_server_is_updated(machine: Machine, provider: NameProvider) -> None:
    server = NameServer(GATEWAY, machine.wan, 5300)
    try:
        machine.call("secrets.Set", name="key", secret=BASE64)
        how = {"server": GATEWAY, "port": server.port, "zone": ZONE, "key": KEY, "secret": {"secret": "key"}}
        machine.call("dyndns.Add", entry={"id": "home", "hostnames": [NAME], "rfc2136": how})
        address = machine.uplinked()
        assert state(machine, "current")["told"] == [address]
        assert (server.zone, server.sources) == ({(NAME, "A"): f"{address} 60"}, [address])
        server.refuses = True
        said = machine.patronus("dyndns", "update")
        assert (said.code, "does not let this key change the name" in said.out) == (1, True), said
        machine.call("dyndns.Remove", id="home")
    finally:
        server.close()
