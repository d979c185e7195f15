# SPDX-License-Identifier: GPL-2.0-or-later
"""The units helper takes a closed list from one user, over a real socket; the program asked is a script."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from patronus.core.errors import KernelError, Unavailable
from patronus.core.varlink import Decoder, encode
from patronus.kernel.unit_list import allowed
from patronus.kernel.units import INTERFACE, Units, UnitState
from patronus.kernel.units_server import UnitsServer

SCRIPT = """#!/bin/sh
echo "$@" >> {calls}
case "$*" in
  *patronus-dns*) echo "Job failed." >&2; exit 1 ;;
  list-units*) printf 'a.service loaded failed failed A\\nb.timer loaded failed failed B\\n' ;;
  show*) printf 'ActiveState=active\\nSubState=running\\nResult=success\\n' ;;
esac
"""


@pytest.mark.parametrize(
    ("verb", "unit", "may"),
    [
        ("restart", "patronus-dhcp.service", True),
        ("start", "patronus-dhcpcd@eth0.service", True),
        ("start", "patronus-dhcpcd@enp1s0-4.service", True),
        ("status", "patronus-lockdown.service", True),
        ("stop", "patronus-lockdown.service", False),
        ("start", "patronus-dhcpcd@.service", False),
        ("start", "patronus-dhcpcd@a/../b.service", False),
        ("start", "patronus-dhcpcd@-x.service", False),
        ("start", "patronus-dhcpcd@sixteen-letters-.service", False),
        ("start", "patronus-dhcp@eth0.service", False),
        ("start", "patronus-factory-reset.service", True),
        ("restart", "patronus-factory-reset.service", False),
        ("start", "patronus-ntp.service", True),
        ("restart", "patronus-mappings.service", True),
        ("restart", "patronus-mdns.service", True),
        ("start", "patronus-dyndns.service", True),
        ("stop", "patronus-dyndns.service", False),
        ("start", "patronus-mappings.service", False),
        ("reload", "patronus-ntp.service", False),
        ("start", "ssh.service", False),
        ("start", "patronus-dhcp.service\n", False),
        ("enable", "patronus-dhcp.service", False),
        ("mask", "patronusd.service", False),
    ],
)
def test_the_list_is_closed(verb: str, unit: str, may: bool) -> None:
    assert allowed(verb, unit) is may


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "systemctl"
    path.write_text(SCRIPT.format(calls=tmp_path / "calls"))
    path.chmod(0o755)
    return path


def serve(tmp_path: Path, script: Path, peer: int) -> tuple[Path, threading.Thread]:
    path = tmp_path / "units.sock"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()
    thread = threading.Thread(target=UnitsServer(listener, peer, str(script)).serve, args=(1.0,))
    thread.start()
    return path, thread


@pytest.fixture
def helper(tmp_path: Path, script: Path) -> Iterator[Path]:
    path, thread = serve(tmp_path, script, os.getuid())
    yield path
    thread.join()


def test_orders_reach_systemd_one_by_one(helper: Path, tmp_path: Path) -> None:
    units = Units(helper)
    units.start("patronus-dhcpcd@eth0.service")
    units.reload("patronus-dhcp.service")
    units.reboot()
    units.power_off()
    assert units.status("patronus-dhcp.service").running
    assert units.failed() == ["a.service", "b.timer"]
    assert (tmp_path / "calls").read_text().splitlines() == [
        "--no-ask-password start -- patronus-dhcpcd@eth0.service",
        "--no-ask-password reload -- patronus-dhcp.service",
        "--no-ask-password --no-block reboot",
        "--no-ask-password --no-block poweroff",
        "show --property=ActiveState,SubState,Result -- patronus-dhcp.service",
        "list-units --failed --plain --no-legend",
    ]


@pytest.mark.parametrize(
    ("active", "sub", "running"),
    [
        ("active", "running", True),
        ("activating", "start", True),
        ("reloading", "reload", True),
        ("activating", "auto-restart", False),
        ("activating", "auto-restart-queued", False),
        ("deactivating", "stop-sigterm", False),
        ("failed", "failed", False),
        ("inactive", "dead", False),
    ],
)
def test_a_unit_that_is_to_be_tried_again_does_not_run(active: str, sub: str, running: bool) -> None:
    assert UnitState(active, sub, "exit-code").running is running


def test_what_is_refused_never_reaches_systemd(helper: Path, tmp_path: Path) -> None:
    units = Units(helper)
    with pytest.raises(KernelError, match="not in the list"):
        units.start("ssh.service")
    with pytest.raises(KernelError, match="not in the list"):
        units.status("ssh.service")
    with pytest.raises(KernelError, match="not a host name"):
        units.set_hostname("a b")
    assert not (tmp_path / "calls").exists()


def test_what_systemd_says_comes_back(helper: Path) -> None:
    with pytest.raises(KernelError, match=r"(?s)systemctl.*start.*patronus-dns.*Job failed\."):
        Units(helper).start("patronus-dns.service")


def test_a_message_that_is_none_ends_the_conversation_and_not_the_helper(helper: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(helper))
        connection.sendall(b"[]\0")
        assert connection.recv(100) == b""
    assert Units(helper).status("patronus-dhcp.service").active == "active"


def test_an_unknown_method_is_refused(helper: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(helper))
        connection.sendall(encode({"method": f"{INTERFACE}.Mask", "parameters": {}}))
        (reply,) = Decoder().feed(connection.recv(4096))
    assert reply["error"] == "io.patronus.InvalidRequest"


def test_another_user_gets_no_answer(tmp_path: Path, script: Path) -> None:
    path, thread = serve(tmp_path, script, os.getuid() + 1)
    with pytest.raises(Unavailable):
        Units(path).start("patronus-dhcp.service")
    thread.join()
    assert not (tmp_path / "calls").exists()


def test_without_a_helper_it_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        Units(tmp_path / "nobody").start("patronus-dhcp.service")
