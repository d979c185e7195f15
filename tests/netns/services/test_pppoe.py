# SPDX-License-Identifier: GPL-2.0-or-later
"""The dialler and Debian's pppd, as far as they get without a provider: the host's kernel may have no PPP."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from patronus.network.pppoe.options import render
from patronus.network.pppoe.task import Task
from tests.netns.gitops.test_unit import UNITS, exposure

TASK = Task(
    "wan", "lo", 'line "7"\\@isp', "s3cret pass\\word", service="gold service", concentrator="ac", ipv6=True
)
OF_THE_PLUGIN = ("plugin ", "nic-", "pppoe-")
PATIENCE_S = 60.0


def eventually(found: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < end
        time.sleep(0.1)


def said_by_pppd(lines: list[str], path: Path) -> str:
    """Return what pppd says of options without a device: it reads all of them before it misses that."""
    path.write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        ["pppd", "file", str(path)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        timeout=PATIENCE_S,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_pppd_knows_every_option_that_it_is_given(tmp_path: Path) -> None:
    for task in (TASK, replace(TASK, ipv4=False), replace(TASK, ipv6=False, dns=False)):
        lines = [line for line in render(task).splitlines() if not line.startswith(OF_THE_PLUGIN)]
        assert "no device specified" in said_by_pppd(lines, tmp_path / "options")
        assert "unrecognized option 'novjx'" in said_by_pppd([*lines, "novjx"], tmp_path / "options")


def test_its_plugin_knows_the_rest() -> None:
    (plugin,) = Path("/usr/lib/pppd").glob("*/pppoe.so")
    words = [line.split()[0] for line in render(TASK).splitlines() if line.startswith("pppoe-")]
    assert words == ["pppoe-service", "pppoe-ac"]
    assert [word for word in words if f"{word}\0".encode() not in plugin.read_bytes()] == []


def test_the_dialler_says_why_there_is_no_session_and_shows_its_password_to_nobody(tmp_path: Path) -> None:
    task, report, options = (tmp_path / name for name in ("task", "report.json", "options"))
    task.write_text(TASK.as_text())
    argv = [sys.executable, "-m", "patronus.network.pppoe.server", str(task), str(report), str(options)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as dialler:
        eventually(lambda: report.exists() and json.loads(report.read_text())["error"] is not None)
        told = json.loads(report.read_text())
        assert told["error"] in ("this kernel has no PPPoE", "no access concentrator ac answers on lo")
        assert (told["since_s"], told["address"]) == (None, None)
        assert stat.S_IMODE(options.stat().st_mode) == 0o600
        assert TASK.password.split()[0].encode() not in Path(f"/proc/{dialler.pid}/cmdline").read_bytes()
        os.kill(dialler.pid, signal.SIGTERM)
        said, _ = dialler.communicate(timeout=PATIENCE_S)
    assert dialler.returncode == 0 and not report.exists(), "who dials no more tells nothing"
    assert "s3cret" not in said and "wan: " in said


def test_a_task_that_could_say_more_is_not_dialled(tmp_path: Path) -> None:
    task = tmp_path / "task"
    task.write_text(json.dumps({**json.loads(TASK.as_text()), "user": "me\nconnect /bin/sh"}))
    argv = [
        sys.executable,
        "-m",
        "patronus.network.pppoe.server",
        str(task),
        str(tmp_path / "r"),
        "/dev/null",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode != 0 and "user is not one that pppd takes" in done.stderr


def test_the_unit_is_shut_in(tmp_path: Path) -> None:
    """pppd is root, makes links and opens two kinds of raw socket: that is what is left of the figure."""
    unit = UNITS / "patronus-pppoe@.service"
    assert exposure(unit) <= 2.8
    opened = tmp_path / unit.name
    lines = unit.read_text().splitlines()
    opened.write_text("\n".join(line for line in lines if not line.startswith("CapabilityBoundingSet")))
    assert exposure(opened) > 2.8, "the measure sees what is taken away"


def test_an_instance_with_a_hyphen_is_taken_as_it_is_written() -> None:
    """``%I`` would make a path of ``wan-2``."""
    for name in ("patronus-pppoe@.service", "patronus-dhcpcd@.service"):
        text = (UNITS / name).read_text()
        assert "%i" in text and "%I" not in text
