# SPDX-License-Identifier: GPL-2.0-or-later
"""The shipped image boots through OVMF, lets nobody in, and keeps only what it must."""

import re
import socket
import time
from pathlib import Path

from qemu.machine import Machine, Nic, UserNet
from qemu.run import set_up_code
from qemu.vm import Vm
from tests.vm.lab import BOOT_LIMIT_S, Lab

PERSISTENT = {"/etc/patronus", "/var"}  # and /etc/machine-id, read-only once it is drawn
VOLATILE = set(
    "autofs binfmt_misc bpf cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl hugetlbfs mqueue proc "
    "pstore ramfs securityfs sysfs tmpfs tracefs".split()
)
SECURITY = {
    "patronusd": 4.0, "patronus-dhcp": 2.0, "patronus-dns": 2.0, "patronus-web": 2.0,
    "patronus-gitops": 2.0, "patronus-forward": 2.0, "patronus-lists": 2.0,
    "patronus-dyndns": 2.0,
    "patronus-update-fetch": 2.0, "patronus-update-install": 4.0,
    "patronus-health": 2.0, "patronus-check": 2.0, "patronus-factory-reset": 2.0,
    "patronus-disk-install": 4.0, "patronus-head-start": 2.0,
}  # fmt: skip

_COMPILED = """
from patronus.core import precompiled
made, real = [], precompiled._compile
precompiled._compile = lambda text: made.append(text) or real(text)
with precompiled.use():
    import patronus.daemon.__main__, patronus.daemon.reception, patronus.daemon.certificate
    import patronus.daemon.every_verb
    import patronus.firewall.verbs.catalogue, patronus.network.interfaces.catalogue
print(len(made))
"""


def test_it_boots_to_multi_user_through_the_firmware_and_nothing_failed(lab: Lab) -> None:
    assert lab.guest.succeed("systemctl list-units --failed --plain --no-legend") == ""
    assert lab.guest.succeed("systemctl is-active multi-user.target").strip() == "active"
    lab.guest.succeed("test -d /sys/firmware/efi")


def test_a_slot_is_good_only_when_a_generation_runs_and_all_is_well(lab: Lab) -> None:
    needed = lab.guest.succeed("systemctl show --property Requires --value boot-complete.target").split()
    assert {"patronusd.service", "patronus-health.service"} <= set(needed)
    runs, complete = (
        int(lab.guest.succeed(f"systemctl show --property {what} --value {unit}"))
        for unit, what in (
            ("patronusd.service", "ActiveEnterTimestampMonotonic"),
            ("boot-complete.target", "ActiveEnterTimestampMonotonic"),
        )
    )
    assert 0 < runs <= complete


def test_the_lockdown_is_gone_only_because_a_generation_stands(lab: Lab) -> None:
    tables = lab.guest.succeed("nft list tables")
    assert "patronus" in tables
    assert "patronus_lockdown" not in tables


def test_only_the_named_places_can_be_written_and_stay(lab: Lab) -> None:
    said = lab.guest.succeed("findmnt --noheadings --list --output TARGET,FSTYPE,OPTIONS")
    rows = [re.split(r"\s+", line.strip()) for line in said.splitlines()]
    staying = {
        target for target, kind, options in rows if kind not in VOLATILE and "rw" in options.split(",")
    }
    assert staying - {"/boot"} == PERSISTENT
    lab.guest.fail("touch /usr/x")
    lab.guest.fail("touch /etc/x")
    lab.guest.succeed("touch /var/lib/x && rm /var/lib/x")


def test_the_page_waits_for_its_first_visitor_and_not_the_visitor_for_it(lab: Lab) -> None:
    lab.guest.wait_for_unit("patronus-web.service")


def test_the_daemon_compiles_no_dataclass_at_its_start(lab: Lab) -> None:
    """The image has the code of all that it and its verbs are made of, for the very Python that it has."""
    lab.guest.succeed("grep -q '^with use():' /usr/bin/patronusd")
    assert lab.guest.succeed(f"python3 -c '{_COMPILED}'", timeout_s=240).split() == ["0"]


def test_every_unit_is_sandboxed_to_its_figure(lab: Lab) -> None:
    units = " ".join(f"{unit}.service" for unit in SECURITY)
    said = lab.guest.succeed(f"systemd-analyze security --no-pager {units}", timeout_s=240)
    found = re.findall(r"exposure level for (\S+)\.service: ([\d.]+)", said)
    assert {unit for unit, _ in found} == SECURITY.keys()
    assert [(unit, level) for unit, level in found if float(level) > SECURITY[unit]] == [], said


def test_the_screen_shows_the_set_up_code_too_and_a_log_in_does_not_wipe_it(lab: Lab) -> None:
    code = set_up_code(lab.console_at_rest)
    assert code is not None
    assert code in lab.guest.succeed("cat /dev/vcs1")
    lab.guest.succeed("systemctl restart getty@tty1.service && sleep 5")
    shown = lab.guest.succeed("cat /dev/vcs1")
    assert code in shown
    assert "login:" in shown[shown.index(code) :]
    lab.guest.succeed("printf '\\033[2J' >/dev/tty1")  # what a log-in prompt does where nobody forbids it
    assert code not in lab.guest.succeed("cat /dev/vcs1")


def test_without_credentials_the_console_gives_no_shell(folder: Path, image: Path) -> None:
    """Every account is locked (test_9_doors reads the shadow file); this tries the console from outside."""
    bare = folder / "bare"
    bare.mkdir()
    nics = (Nic(UserNet(), "52:54:00:00:00:01"), Nic(UserNet(), "52:54:00:00:00:02"))
    with Vm(Machine(image, nics=nics), folder=bare) as vm:
        vm.start()
        vm.wait_console("login:", timeout_s=BOOT_LIMIT_S)
        for name, password in (("root", ""), ("root", "root"), ("admin", "admin"), ("patronus", "patronus")):
            assert "incorrect" in _try_login(vm, name, password)
        assert "set-up code" in vm.wait_console("set-up code", timeout_s=60)
        vm.guest.close()


def _try_login(vm: Vm, name: str, password: str) -> str:
    """Type a name and a password on the console; return what it said then."""
    with socket.socket(socket.AF_UNIX) as console:
        console.connect(str(vm.places.serial_socket))
        console.settimeout(1.0)
        console.sendall(f"{name}\r".encode())
        _drain(console, "assword:")
        console.sendall(f"{password}\r".encode())
        return _drain(console, "login:")


def _drain(console: socket.socket, until: str, *, limit_s: float = 30.0) -> str:
    said, deadline = "", time.monotonic() + limit_s
    while until not in said and time.monotonic() < deadline:
        try:
            said += console.recv(4096).decode(errors="replace")
        except TimeoutError:
            continue
    return said
