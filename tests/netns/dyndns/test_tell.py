# SPDX-License-Identifier: GPL-2.0-or-later
"""The process that tells providers, by real TLS: what reaches them, and what does not."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest

from patronus.dyndns.task import (
    Dyndns2,
    Outcome,
    Task,
    Telling,
    Template,
    Way,
    hand_out,
    reported,
)
from tests.netns.dyndns.provider import PASSWORD, TOKEN, USER, NameProvider
from tests.netns.lab import Namespace, connect

CHECKOUT = Path(__file__).parents[3]
LONG_S = 60.0
ADDRESS = IPv4Address("203.0.113.50")
NOBODY = "nobody"


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[NameProvider]:
    made = NameProvider(tmp_path)
    yield made
    made.close()


def by_dyndns2(provider: NameProvider, password: str = PASSWORD, ca: str | None = "") -> dict[str, Any]:
    trusted = provider.ca if ca == "" else ca
    return {"dyndns2": Dyndns2(server=provider.url, user=USER, password=password, ca=trusted)}


def by_page(provider: NameProvider, password: str = TOKEN, **more: Any) -> dict[str, Any]:
    address = f"{provider.url}/set?name={{name}}&ip={{ipv4}}&token={{password}}"
    return {"url": Template(address=address, password=password, ca=provider.ca, **more)}


class Run:
    """The program as its unit starts it: as a user without rights, in a namespace."""

    def __init__(self, tmp_path: Path, where: Namespace | None = None) -> None:
        for place in (tmp_path, *tmp_path.parents):
            if place.name.startswith(("pytest", "popen", "test_")):
                place.chmod(0o755)
        self.task, self.report = tmp_path / "task.json", tmp_path / "told" / "report.json"
        self.report.parent.mkdir(exist_ok=True)
        owner = pwd.getpwnam(NOBODY)
        os.chown(self.report.parent, owner.pw_uid, owner.pw_gid)
        self._owner, self._where = owner, where
        self.said = ""

    def __call__(self, *names: str, **given: Any) -> Outcome:
        """Tell of one entry; return what came of it."""
        telling = Telling(id="home", hostnames=names or ("home.example.net",), **{"ipv4": ADDRESS, **given})
        hand_out(self.task, Task(number=7, tellings=(telling,)))
        os.chown(self.task, self._owner.pw_uid, self._owner.pw_gid)
        user, group = str(self._owner.pw_uid), str(self._owner.pw_gid)
        command = ["setpriv", "--reuid", user, "--regid", group, "--clear-groups", "--no-new-privs"]
        command += ["--inh-caps=-all", "--bounding-set=-all", sys.executable, "-m", "patronus.dyndns"]
        command += [str(self.task), str(self.report)]
        with self._where or nullcontext():
            done = subprocess.run(
                command, cwd="/", capture_output=True, text=True, check=False, timeout=LONG_S * 2,
                env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            )  # fmt: skip
        self.said = done.stdout + done.stderr
        assert done.returncode == 0, self.said
        found = reported(self.report)
        assert found is not None
        assert found.number == 7
        (outcome,) = found.outcomes
        return outcome


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_a_provider_is_told_names_and_addresses_and_who_asks(run: Run, provider: NameProvider) -> None:
    six = IPv6Address("2001:db8::5")
    outcome = run("home.example.net", "www.example.net", ipv6=six, **by_dyndns2(provider))
    assert (outcome.verdict, outcome.ipv4, outcome.ipv6) == ("told", ADDRESS, six)
    assert outcome.answer == "good 203.0.113.50,2001:db8::5"
    (asked,) = provider.behaviour.asked
    assert asked.query == {
        "hostname": "home.example.net,www.example.net", "myip": "203.0.113.50,2001:db8::5",
    }  # fmt: skip
    assert (asked.login, asked.agent) == ((USER, PASSWORD), "Patronus - dyndns - 1.0")
    assert "home: told" in run.said
    assert run(**by_dyndns2(provider)).verdict == "told"


def test_a_wrong_password_stops_it_and_stands_nowhere(run: Run, provider: NameProvider) -> None:
    outcome = run(**by_dyndns2(provider, "s3cret/word"))
    assert (outcome.verdict, outcome.answer) == ("stop", "badauth")
    assert "s3cret" not in run.said + run.report.read_text()
    provider.behaviour.says, provider.behaviour.status = "no s3cret%2Fword nor s3cret/word here", 500
    outcome = run(**by_dyndns2(provider, "s3cret/word"))
    assert (outcome.verdict, outcome.answer) == ("failed", "500 no *** nor *** here")
    assert "s3cret" not in run.said + run.report.read_text()


@pytest.mark.parametrize(
    ("status", "says", "verdict"),
    [
        (200, "nochg 203.0.113.50", "told"),
        (200, "good 127.0.0.1", "stop"),
        (200, "abuse", "stop"),
        (200, "nohost", "stop"),
        (200, "notfqdn", "stop"),
        (200, "dnserr", "wait"),
        (200, "911", "wait"),
        (429, "", "wait"),
        (403, "badagent", "stop"),
        (503, "busy", "failed"),
        (200, "<html>Welcome to the hotel</html>", "failed"),
    ],
)
def test_each_answer_is_heeded_as_providers_ask(
    run: Run, provider: NameProvider, status: int, says: str, verdict: str
) -> None:
    provider.behaviour.status, provider.behaviour.says = status, says
    assert run(**by_dyndns2(provider)).verdict == verdict


def test_a_log_in_goes_to_no_server_but_the_one_that_was_named(
    run: Run, provider: NameProvider, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = NameProvider(tmp_path / "other")
    try:
        provider.behaviour.leads_to = f"{other.url}/nic/update?hostname=x&myip=y"
        outcome = run(**by_dyndns2(provider))
        assert (outcome.verdict, other.behaviour.asked) == ("stop", [])
        assert "leads elsewhere" in outcome.words
    finally:
        other.close()


def test_a_certificate_of_nobody_known_is_not_believed(run: Run, provider: NameProvider) -> None:
    outcome = run(**by_dyndns2(provider, ca=None))
    assert (outcome.verdict, provider.behaviour.asked) == ("failed", [])
    assert "its certificate is not good" in outcome.words


def test_nobody_there_is_said(run: Run, provider: NameProvider) -> None:
    provider.close()
    outcome = run(**by_dyndns2(provider))
    assert (outcome.verdict, outcome.words) == ("failed", "127.0.0.1 cannot be reached: Connection refused")


def test_a_page_is_asked_for_once_for_each_name(run: Run, provider: NameProvider) -> None:
    outcome = run("a.example.net", "b.example.net", **by_page(provider, expect="OK"))
    assert (outcome.verdict, outcome.answer) == ("told", "OK")
    assert provider.behaviour.names == {"a.example.net": "203.0.113.50", "b.example.net": "203.0.113.50"}
    outcome = run(**by_page(provider, password="wr0ng", expect="OK"))
    assert (outcome.verdict, outcome.answer) == ("failed", "KO")
    assert "wr0ng" not in run.said + run.report.read_text()
    address = f"{provider.url}/nic/update?hostname={{names}}&myip={{address}}"
    login = Template(address=address, user=USER, password=PASSWORD, ca=provider.ca)
    assert run("a.example.net", url=login).verdict == "told"
    assert provider.behaviour.asked[-1].login == (USER, PASSWORD)


def test_behind_another_router_the_outside_is_asked_and_told_only_what_is_new(
    run: Run, provider: NameProvider
) -> None:
    provider.behaviour.seen = "198.51.100.9"
    behind = {"ipv4": None, "ask": f"{provider.url}/ip", "ask_ca": provider.ca, **by_dyndns2(provider)}
    outcome = run(**behind)
    assert (outcome.verdict, outcome.ipv4) == ("told", IPv4Address("198.51.100.9"))
    told = len(provider.behaviour.asked)
    assert run(**behind, known=(outcome.ipv4, None)).verdict == "same"
    assert len(provider.behaviour.asked) == told + 1, "the page alone was asked"
    provider.behaviour.seen = "nobody"
    assert "no address alone" in run(**behind).words


@pytest.fixture
def uplinks(tmp_path: Path) -> Iterator[tuple[Namespace, NameProvider]]:
    """Lend a router with two uplinks to the same provider, and that; the main table leads by the first."""
    router, outside = Namespace(), Namespace()
    for name, network in (("wan1", "192.0.2"), ("wan2", "198.51.100")):
        connect(router, name, outside, name)
        router.ip(f"address add {network}.2/24 dev {name}")
        outside.ip(f"address add {network}.1/24 dev {name}")
    outside.ip("address add 203.0.113.1/32 dev lo")
    router.ip("route add default via 192.0.2.1 dev wan1 metric 10")
    router.ip("route add default via 198.51.100.1 dev wan2 metric 20")
    made = NameProvider(tmp_path, "203.0.113.1", 8443, outside)
    yield router, made
    made.close()
    router.close()
    outside.close()


def test_a_provider_is_told_by_the_uplink_whose_address_it_is(
    uplinks: tuple[Namespace, NameProvider], tmp_path: Path
) -> None:
    router, provider = uplinks
    run = Run(tmp_path, router)
    assert run(**by_dyndns2(provider)).verdict == "told"
    assert provider.behaviour.asked[-1].source == "192.0.2.2", "as the routes say"
    second = Way(device="wan2", source4=IPv4Address("198.51.100.2"))
    assert run(way=second, **by_dyndns2(provider)).verdict == "told"
    assert provider.behaviour.asked[-1].source == "198.51.100.2"
    six = Way(device="wan2", source6=IPv6Address("2001:db8::2"))
    asked = len(provider.behaviour.asked)
    assert "no address that can be reached" in run(way=six, **by_dyndns2(provider)).words
    router.ip("link set wan2 down")
    outcome = run(way=second, **by_dyndns2(provider))
    assert (outcome.verdict, len(provider.behaviour.asked)) == ("failed", asked), "it takes no other way"
