# SPDX-License-Identifier: GPL-2.0-or-later
"""``make run``: boot a built image, wait until its admin page answers, say how to get in and how to stop.

Run as ``python3 -m qemu.run IMAGE``; ``--stop`` ends it. Needs no root. The LAN is a user-mode network
(192.168.1.0/24) with one port of this machine forwarded to the admin page; the WAN reaches nothing unless
``--wan user`` is said. The disk is fresh each time unless ``--keep`` is said and the image is the same.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path

from image.host import BUILD
from qemu.errors import HarnessError, Timeout
from qemu.machine import Machine, Nic, Places, UserNet
from qemu.vm import Vm

FOLDER = BUILD / "run"
PORT = 8443
LOG_IN = " login: "
BOOT_LIMIT_S = 600.0
_PID = FOLDER / "qemu.pid"
_LAN = "net=192.168.1.0/24,host=192.168.1.2,hostfwd=tcp:127.0.0.1:{port}-192.168.1.1:443"
_CONTROLS = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07?)")
"""What moves the cursor or sets a terminal (ECMA-48), and names its window."""
_CODE = re.compile(r"set-up code: ([A-Z0-9]+(?:-[A-Z0-9]+)+)", re.IGNORECASE)


def free_port(first: int = PORT) -> int:
    """Return ``first``, or the next port of this machine's loopback that nobody listens on."""
    for port in range(first, first + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise HarnessError(f"no free port from {first} to {first + 99}")


def set_up_code(console: str) -> str | None:
    """Return the code that the console showed last, None while it has shown none."""
    found = _CODE.findall(console)
    return found[-1] if found else None


def describe(image: Path, port: int, *, wan_open: bool, memory_mib: int) -> Machine:
    """Return the machine of ``make run``: LAN first on the bus, WAN second: the factory's order."""
    lan = Nic(UserNet(_LAN.format(port=port)), "52:54:00:00:00:01")
    wan = Nic(UserNet(open=wan_open), "52:54:00:00:00:02")
    return Machine(image, nics=(lan, wan), memory_mib=memory_mib, cpus=2)


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether the admin page answers on the port, which is forwarded or the router's, whatever its status."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the router made its own certificate a moment ago
    connection = http.client.HTTPSConnection(host, port, timeout=10.0, context=context)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < http.client.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False  # not yet
    finally:
        connection.close()


def wait_until(up: Callable[[], bool], vm: Vm, *, limit_s: float = BOOT_LIMIT_S) -> float:
    """Wait until it is up, showing the time and the console's last line; return the seconds it took."""
    started = time.monotonic()
    while not up():
        vm.check_alive()
        waited_s = time.monotonic() - started
        if waited_s > limit_s:
            raise Timeout(f"not up after {limit_s:.0f} s; the console is in {vm.places.serial_log}")
        _progress(f"booting, {waited_s:3.0f} s  {last_line(vm.console())}")
        time.sleep(1.0)
    _progress("")
    return time.monotonic() - started


def stop() -> bool:
    """End the machine that runs, if one does; whether one did."""
    pid = running()
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    _PID.unlink()
    return True


def running() -> int | None:
    """Return the process id of the machine that runs, None when none does."""
    if not _PID.exists():
        return None
    pid = int(_PID.read_text())
    command = Path(f"/proc/{pid}/cmdline")
    if command.exists() and str(FOLDER).encode() in command.read_bytes():
        return pid
    _PID.unlink()  # it ended by itself
    return None


def run(image: Path, *, port: int, wan_open: bool, keep: bool, memory_mib: int, page: bool = True) -> None:
    """Boot, wait for the page, or without one for the console's log-in, and leave the machine running."""
    if pid := running():
        raise HarnessError(f"a machine runs already (pid {pid}); `make stop` ends it")
    FOLDER.mkdir(parents=True, exist_ok=True)
    places = Places(FOLDER)
    places.serial_log.unlink(missing_ok=True)
    kept = keep and _same_image(image)
    machine = describe(image, port, wan_open=wan_open, memory_mib=memory_mib)
    vm = Vm(machine, folder=FOLDER, keep_disks=kept)
    (FOLDER / "image").write_text(_identity(image))
    print(f"booting {image.name}" + (" with the disk of the last time" if kept else ""), flush=True)
    vm.start(detached=True)
    _PID.write_text(str(vm.pid))
    try:
        took_s = wait_until(lambda: answers(port) if page else LOG_IN in vm.console(), vm)
    except BaseException:
        stop()
        raise
    print(f"The router is up after {took_s:.0f} s.\n")
    if page:
        print(f"  admin page    https://127.0.0.1:{port}/")
        print(f"  set-up code   {set_up_code(vm.console()) or 'none: it is set up already'}")
    _announce(vm)


def _announce(vm: Vm) -> None:
    print(f"  console       {vm.places.serial_log}")
    print(f"  stop it       make stop        (pid {vm.pid})")


def _identity(image: Path) -> str:
    facts = image.stat()
    return f"{image.resolve()} {facts.st_size} {facts.st_mtime_ns}"


def _same_image(image: Path) -> bool:
    note = FOLDER / "image"
    return note.exists() and note.read_text() == _identity(image) and Places(FOLDER).disk.exists()


def last_line(console: str) -> str:
    """Return the last line of a console that says something, without what controls a terminal."""
    lines = [line for line in _CONTROLS.sub("", console).splitlines() if line.strip()]
    return lines[-1].strip()[:70] if lines else ""


def _progress(text: str) -> None:
    """Show one line that the next overwrites; off a terminal, a line every ten seconds."""
    if sys.stdout.isatty():
        print(f"\r\x1b[K{text}", end="", flush=True)
    elif text and int(time.monotonic()) % 10 == 0:
        print(text, flush=True)


def main() -> int:
    """Read the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python3 -m qemu.run", description=__doc__)
    parser.add_argument("image", type=Path, nargs="?", help="the raw disk image that `make image` built")
    parser.add_argument(
        "--port", type=int, help=f"the port for the admin page (default: {PORT}, or the next free)"
    )
    parser.add_argument(
        "--wan", choices=("restricted", "user"), default="restricted", help="what WAN reaches"
    )
    parser.add_argument("--no-page", action="store_true", help="the image has no admin page to wait for")
    parser.add_argument("--keep", action="store_true", help="go on with the disk of the last run")
    parser.add_argument(
        "--memory", type=int, default=1024, metavar="MIB", help="memory (default: %(default)s)"
    )
    parser.add_argument("--stop", action="store_true", help="end the machine that runs")
    chosen = parser.parse_args()
    if chosen.stop:
        print("stopped" if stop() else "nothing runs")
        return 0
    if chosen.image is None:
        parser.error("which image?")
    try:
        run(
            chosen.image,
            port=chosen.port or free_port(),
            wan_open=chosen.wan == "user",
            keep=chosen.keep,
            memory_mib=chosen.memory,
            page=not chosen.no_page,
        )
    except HarnessError as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
