# SPDX-License-Identifier: GPL-2.0-or-later
"""What FRR's daemons are asked and told over their sockets, and what becomes of a refusal."""

from __future__ import annotations

from pathlib import Path

import pytest

from patronus.core.errors import KernelError, Unavailable
from patronus.kernel.vty import Vty
from tests.unit.kernel.frr import WARNING, WRONG, Daemon

SECRET = "open-sesame"
LONG = "".join(f"route {number}\n" for number in range(20000)).encode()


def test_a_daemon_is_asked_in_the_privileged_mode_and_its_whole_answer_comes_back(tmp_path: Path) -> None:
    said = {"show long": (LONG, 0), "show word": ("grüße\n".encode(), 0), "show bytes": (b"\xff", 0)}
    vty = Vty(tmp_path)
    with Daemon(tmp_path, "bgpd", said) as daemon:
        assert vty.ask("bgpd", "show long") == LONG.decode()
        assert vty.ask("bgpd", "show word") == "grüße\n"
        assert vty.ask("bgpd", "show bytes") == "\ufffd"
        assert vty.ask("bgpd", "show nothing") == ""
        assert daemon.heard[:2] == ["enable", "show long"]
        assert vty.answers("bgpd")


def test_what_is_said_as_json_is_read_and_what_is_none_is_an_error(tmp_path: Path) -> None:
    said = {"show a json": (b'{"a": [1]}', 0), "show b json": (b"% Unknown", 0)}
    vty = Vty(tmp_path)
    with Daemon(tmp_path, "bgpd", said):
        assert vty.ask_json("bgpd", "show a") == {"a": [1]}
        assert vty.ask_json("bgpd", "show none") == {}
        with pytest.raises(KernelError, match="bgpd answers show b with something else"):
            vty.ask_json("bgpd", "show b")


@pytest.mark.parametrize("went", [WARNING, WRONG, 13])
def test_the_first_command_that_is_refused_ends_it_and_is_named(tmp_path: Path, went: int) -> None:
    said = {"router bgp x": (b"% Unknown command:\n  router bgp x\n", went)}
    given = ["router bgp 1", "exit", "router bgp x", "never said"]
    with Daemon(tmp_path, "bgpd", said) as daemon, pytest.raises(KernelError) as refused:
        Vty(tmp_path).configure("bgpd", given)
    assert str(refused.value) == "bgpd refuses router bgp x: % Unknown command: router bgp x"
    assert daemon.heard == ["enable", "configure terminal", "router bgp 1", "exit", "router bgp x"]


def test_a_secret_is_in_no_error_neither_in_the_command_nor_in_what_is_said_of_it(tmp_path: Path) -> None:
    command = f"neighbor 192.0.2.2 password {SECRET}"
    said = {command: (f"% Malformed password: {SECRET}\n".encode(), WRONG)}
    with Daemon(tmp_path, "bgpd", said) as daemon:
        with pytest.raises(KernelError) as refused:
            Vty(tmp_path).configure("bgpd", [command], ["another", SECRET])
        assert daemon.heard[-1] == command, "it was told, and refused"
    assert SECRET not in str(refused.value)
    assert "neighbor 192.0.2.2 password" in str(refused.value)
    assert "Malformed" in str(refused.value)


@pytest.mark.parametrize("command", ["description a\nrouter bgp 9", "description a\0exit"])
def test_one_command_never_makes_two(tmp_path: Path, command: str) -> None:
    with Daemon(tmp_path, "bgpd") as daemon, pytest.raises(KernelError, match="one command at a time"):
        Vty(tmp_path).configure("bgpd", [command])
    assert daemon.heard == ["enable", "configure terminal"]


def test_a_daemon_that_is_not_there_or_hangs_up_does_not_answer(tmp_path: Path) -> None:
    vty = Vty(tmp_path)
    with pytest.raises(Unavailable, match="bgpd does not answer"):
        vty.ask("bgpd", "show version")
    assert not vty.answers("bgpd")
    breaking = Daemon(tmp_path, "bgpd", {"show long": (b"half\0\0\0", 0)}, breaks="show long")
    with breaking, pytest.raises(Unavailable, match="hung up in the middle of an answer"):
        vty.ask("bgpd", "show long")
    with Daemon(tmp_path, "bgpd", breaks="enable"):
        assert not vty.answers("bgpd")


def test_one_that_refuses_to_be_asked_does_not_answer(tmp_path: Path) -> None:
    with Daemon(tmp_path, "bgpd", {"show version": (b"% busy", WRONG)}):
        assert not Vty(tmp_path).answers("bgpd")


def test_packets_with_a_wrong_password_are_counted_of_each_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "netstat"
    monkeypatch.setattr("patronus.kernel.vty.NETSTAT", path)
    assert Vty(tmp_path).wrong_passwords() == 0
    path.write_text(
        "TcpExt: SyncookiesSent TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure\nTcpExt: 500 1 20 300\n"
        "IpExt: InNoRoutes\nIpExt: 7\n"
    )
    assert Vty(tmp_path).wrong_passwords() == 321
    path.write_text("TcpExt: only its heads\n")
    assert Vty(tmp_path).wrong_passwords() == 0
