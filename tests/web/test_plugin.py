# SPDX-License-Identifier: GPL-2.0-or-later
"""The example of docs/plugins.md, installed from its Debian package: section, verbs, REST, command and page.

Beside it two broken plugins: the router boots without them, and says so.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web import plugin
from tests.web.conftest import PASSWORD, Machine, Visitor, python_path, running, set_up

MAC = "52:54:00:aa:bb:cc"
NAS = {"id": "nas", "name": "The NAS", "mac": MAC, "interface": "lan"}
LISTEN = """
import socket, sys
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as card:
    card.bind(("lan0-peer", 0))
    card.settimeout(30)
    print("listening", flush=True)
    while bytes.fromhex(sys.argv[1]) * 16 not in card.recv(2000):
        pass
print("woken")
"""


@pytest.fixture(scope="module")
def python() -> Iterator[Path]:
    """Lend a folder with the installed example and the broken plugins."""
    with tempfile.TemporaryDirectory(dir="/run") as scratch:
        Path(scratch).chmod(0o755)
        found = plugin.install(plugin.build(Path(scratch, "debs")), Path(scratch, "root"))
        plugin.write_broken(found)
        yield found


@pytest.fixture(scope="module")
def machine(python: Path) -> Iterator[Machine]:
    with running(python) as made:
        yield made


@pytest.fixture(scope="module")
def admin(machine: Machine) -> Visitor:
    """Return the administrator, after a machine was added to the section by the plugin's verb."""
    visitor = set_up(machine)
    answer = visitor.ask("POST", "/api/v1/plugins/wol/targets", {"target": NAS})
    assert answer.status == 200, answer.text
    visitor.ask("POST", "/api/v1/config/confirm")
    return visitor


def command(machine: Machine, python: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``patronus`` as root on the machine."""
    socket = str(machine.root / "run/patronus/patronus.sock")
    line = [sys.executable, "-m", "patronus.cli", "--socket", socket, *words]
    return subprocess.run(line, capture_output=True, text=True, check=False, env=python_path(python))


def woken(machine: Machine, wake: Any) -> bool:
    """Return whether the magic packet reached the LAN when it was asked for."""
    pid = (machine.root / "pid").read_text()
    line = ["nsenter", "--target", pid, "--net", sys.executable, "-c", LISTEN, MAC.replace(":", "")]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout is not None
        assert listener.stdout.readline() == "listening\n"
        wake()
        return listener.stdout.readline() == "woken\n"


def test_its_section_is_part_of_the_configuration(machine: Machine, admin: Visitor) -> None:
    shown = admin.ask("GET", "/api/v1/config").json()["files"]
    assert MAC in shown["plugins/wol.yaml"]
    assert (
        "targets" in admin.ask("GET", "/api/v1/config/schema").json()["schemas"]["plugins/wol"]["properties"]
    )
    bad = f"targets: [{{id: nas, mac: '{MAC}', interface: nowhere}}]\n"
    found = admin.ask("POST", "/api/v1/config/check", {"files": {"plugins/wol.yaml": bad}}).json()["problems"]
    assert [one["message"] for one in found if one["severity"] == "error"] == [
        "there is no interface nowhere"
    ]


def test_its_verbs_are_rest_and_a_command(machine: Machine, admin: Visitor, python: Path) -> None:
    listed = admin.ask("GET", "/api/v1/plugins/wol/targets").json()["targets"]
    assert listed == [{"id": "nas", "name": "The NAS", "mac": MAC, "reachable": True}]
    assert "/plugins/wol/targets/{id}/wake" in admin.ask("GET", "/api/v1/openapi.json").json()["paths"]
    assert MAC in command(machine, python, "wol", "list").stdout
    path = "/api/v1/plugins/wol/targets/nas/wake"
    assert woken(machine, lambda: admin.ask("POST", path))
    assert woken(machine, lambda: command(machine, python, "wol", "wake", "nas"))
    assert admin.ask("POST", "/api/v1/plugins/wol/targets/toaster/wake").status == 404
    assert command(machine, python, "wol", "wake", "toaster").returncode == 1


def test_its_page_is_in_the_menu_and_behind_the_gate(machine: Machine, admin: Visitor) -> None:
    visitor = machine.visitor()
    assert "The NAS" not in visitor.ask("GET", "/plugins/wol").text
    visitor.ask("POST", "/log-in", form={"name": "admin", "password": PASSWORD})
    assert 'href="/plugins/wol"' in visitor.ask("GET", "/").text
    assert "The NAS" in visitor.ask("GET", "/plugins/wol").text
    assert visitor.ask("POST", "/plugins/wol/wake", form={"id": "nas"}).status == 403
    assert woken(machine, lambda: visitor.submit("/plugins/wol/wake", id="nas"))


def test_a_broken_plugin_is_left_out_and_said(machine: Machine, admin: Visitor, python: Path) -> None:
    notices = "\n".join(admin.ask("GET", "/api/v1/system/status").json()["notices"])
    assert "broken is left out: ModuleNotFoundError" in notices
    assert "raises is left out: check: ZeroDivisionError" in notices
    assert "wol" not in notices
    assert command(machine, python, "status").returncode == 0
    asked = command(machine, python, "broken")
    assert asked.returncode == 1
    assert "no_such_module" in asked.stderr
    assert "cannot be loaded" in command(machine, python, "--help").stdout
    warned = admin.ask("POST", "/api/v1/config/check", {"files": {"plugins/gone.yaml": "a: 1\n"}}).json()
    said = "\n".join(one["message"] for one in warned["problems"])
    assert "the plugin raises is left out" in said
    assert "plugins/gone.yaml is kept, but no plugin reads it" in said
