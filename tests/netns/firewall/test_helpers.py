# SPDX-License-Identifier: GPL-2.0-or-later
"""A helper of conntrack on a real exchange of FTP: what it announces comes in, and nothing without it."""

from __future__ import annotations

import re
import socket

import pytest

from patronus.core.verb import Caller, Role
from patronus.firewall.verbs.explain import Explain
from tests.netns.firewall.driver import Firewall
from tests.netns.lab import Host, Lab

RULE = "rules:\n  - {id: r-1, from: lan, to: wan, protocol: tcp, destination_port: 21, action: allow%s}\n"
HELPED = RULE % ", helper: ftp"
NAT = "nat:\n  - {id: n-1, type: masquerade, out: wan}\n"
PORT = 50021


@pytest.fixture
def firewall(lab: Lab) -> Firewall:
    return Firewall(lab)


def brings(lab: Lab, client: Host, server: Host) -> str | None:
    """Return from where data come when a client of FTP asks a server for it actively; None where none come.

    RFC 959: the client names its address and a port, and the server connects to them.
    """
    with (
        server.namespace.socket(4, socket.SOCK_STREAM) as control,
        client.namespace.socket(4, socket.SOCK_STREAM) as data,
    ):
        for listener, where in ((control, (server.ipv4, 21)), (data, (client.ipv4, PORT))):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(where)
            listener.listen()
        with client.stream(server.ipv4, 21) as asking:
            answering, _ = control.accept()
            with answering:
                answering.settimeout(5)
                answering.sendall(b"220 ready\r\n")
                assert asking.recv(100) == b"220 ready\r\n"
                asking.sendall(b"USER anonymous\r\n")  # the helper reads from the end of a line on
                assert answering.recv(100) == b"USER anonymous\r\n"
                numbers = (*client.ipv4.split("."), PORT >> 8, PORT & 255)
                asking.sendall(f"PORT {','.join(map(str, numbers))}\r\n".encode())
                told = re.fullmatch(r"PORT ([\d,]+)\r\n", answering.recv(100).decode())
                assert told is not None
                *address, high, low = told[1].split(",")
                try:
                    server.stream(".".join(address), int(high) << 8 | int(low)).close()
                    return str(data.accept()[1][0])
                except OSError:
                    return None


def test_a_connection_that_ftp_announces_comes_in_through_nat_and_none_without_the_helper(
    lab: Lab, firewall: Firewall
) -> None:
    firewall.apply(rules=HELPED, nat=NAT)
    assert brings(lab, lab.lan, lab.wan) == lab.wan.ipv4
    assert not lab.wan.reaches(lab.lan.ipv4, PORT), "nobody else is let in"
    with lab.router:
        told = firewall.verbs.explain(Caller("anna", Role.VIEWER), Explain.model_validate(ASKED))
    assert any("The helper ftp reads it" in sentence for sentence in told.text)
    firewall.apply(rules=RULE % "", nat=NAT)
    assert brings(lab, lab.lan, lab.wan) is None


def test_a_helper_that_somebody_takes_away_is_a_difference(lab: Lab, firewall: Firewall) -> None:
    firewall.apply(rules=HELPED)
    assert list(firewall.differences()) == []
    lab.router.run("nft", "flush", "chain", "inet", "patronus", "pair/lan/wan")
    lab.router.run("nft", "delete", "ct", "helper", "inet", "patronus", "helper/ftp-tcp")
    assert {"nft helpers", "nft chain pair/lan/wan"} == {one.what for one in firewall.differences()}
    firewall.apply(rules=HELPED)
    assert brings(lab, lab.lan, lab.wan) == lab.wan.ipv4
    firewall.apply(rules=RULE % "")
    assert "helper" not in lab.router.run("nft", "list", "table", "inet", "patronus")


FORWARD = """
nat:
  - {id: n-1, type: dnat, in: wan, protocol: tcp, destination_port: 2121, to: "192.168.1.30:21"%s}
"""


def told_where(lab: Lab) -> tuple[str, int]:
    """Return to which address and port a server of FTP behind a forward asks its client to come (RFC 959)."""
    router = "198.51.100.2"
    with lab.lan.namespace.socket(4, socket.SOCK_STREAM) as control:
        control.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        control.bind((lab.lan.ipv4, 21))
        control.listen()
        with lab.wan.stream(router, 2121) as asking:
            answering, _ = control.accept()
            with answering:
                asking.settimeout(5)
                answering.settimeout(5)
                asking.sendall(b"PASV\r\n")
                assert answering.recv(100) == b"PASV\r\n"
                answering.sendall(b"220 ready\r\n")
                assert asking.recv(100) == b"220 ready\r\n"
                numbers = (*lab.lan.ipv4.split("."), PORT >> 8, PORT & 255)
                answering.sendall(f"227 Entering Passive Mode ({','.join(map(str, numbers))})\r\n".encode())
                told = re.search(r"\(([\d,]+)\)", asking.recv(100).decode())
                assert told is not None
                *address, high, low = told[1].split(",")
                where = ".".join(address), int(high) << 8 | int(low)
                with lab.lan.serving(PORT):
                    assert lab.wan.reaches(*where) is (where[0] == router)
                return where


def test_a_server_behind_a_forward_opens_further_connections_and_not_without_the_helper(
    lab: Lab, firewall: Firewall
) -> None:
    firewall.apply(nat=FORWARD % ", helper: ftp")
    assert told_where(lab) == ("198.51.100.2", PORT)
    assert not lab.wan.reaches("198.51.100.2", PORT), "nobody else is let in"
    firewall.apply(nat=FORWARD % "")
    assert told_where(lab) == (lab.lan.ipv4, PORT)


ASKED = {
    "arrives_on": "lan", "source": "192.168.1.30", "destination": "198.51.100.9", "protocol": "tcp",
    "destination_port": 21,
}  # fmt: skip
