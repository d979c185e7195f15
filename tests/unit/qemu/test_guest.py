# SPDX-License-Identifier: GPL-2.0-or-later
"""The real agent, run by the real bash, with a socket in place of the virtio port."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from qemu.errors import CommandFailed, Timeout
from qemu.guest import Guest, shell_credentials

AGENT = Path(__file__).parents[3] / "qemu/shell_agent.sh"


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Guest]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "shell.sock"))
        server.listen()
        end = Guest(tmp_path / "shell.sock")
        peer, _ = server.accept()
    with peer, subprocess.Popen(["bash", str(AGENT), str(tmp_path)], stdin=peer.fileno()) as agent:
        yield end
        end.close()
        agent.kill()


def test_code_and_both_streams_come_back(guest: Guest) -> None:
    result = guest.execute("echo out; printf 'no newline' >&2; exit 7", timeout_s=10)
    assert (result.code, result.stdout, result.stderr) == (7, "out\n", "no newline")


def test_succeed_and_fail_hold_the_command_to_its_word(guest: Guest) -> None:
    assert guest.succeed("echo fine") == "fine\n"
    guest.fail("false")
    with pytest.raises(CommandFailed, match="ended with 3"):
        guest.succeed("exit 3")
    with pytest.raises(CommandFailed):
        guest.fail("true")


def test_the_guest_tries_again_until_it_succeeds_and_returns_the_last_words_alone(
    guest: Guest, tmp_path: Path
) -> None:
    count = f"echo >>{tmp_path}/tries; n=$(wc -l <{tmp_path}/tries); echo $n; echo no >&2; [ $n = 3 ]"
    assert guest.wait_until_succeeds(count, timeout_s=60) == "3\n"


def test_what_never_succeeds_says_so_and_the_shell_is_free_again(guest: Guest) -> None:
    with pytest.raises(Timeout, match="(?s)never in 1 s: .*out\n.*why"):
        guest.wait_until_succeeds("echo out; echo why >&2; exit 4", timeout_s=1)
    assert guest.succeed("echo next") == "next\n"


def test_any_byte_passes_in_both_directions(guest: Guest, tmp_path: Path) -> None:
    content = bytes(range(256)) * 300
    guest.copy_to(content, str(tmp_path / "copy"), mode="0600")
    assert guest.copy_from(str(tmp_path / "copy")) == content
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next(guest: Guest) -> None:
    with pytest.raises(Timeout):
        guest.execute("sleep 0.5; echo late", timeout_s=0.1)
    assert guest.succeed("echo next") == "next\n"


def test_the_unit_stays_out_of_the_initrd() -> None:
    unit = shell_credentials()["systemd.extra-unit.patronus-harness-shell.service"].decode()
    assert "ConditionPathExists=!/etc/initrd-release" in unit
