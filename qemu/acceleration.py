# SPDX-License-Identifier: GPL-2.0-or-later
"""Which accelerator works here, found by really booting something small: the firmware, up to its boot menu.

There are machines where ``/dev/kvm`` exists, opens, even runs a boot sector, and then hangs or fails on the
first page of long-mode firmware: its presence says nothing. The answer is kept until the next boot of this
machine, for each QEMU, user and kernel.
"""

from __future__ import annotations

import json
import os
import platform
import selectors
import subprocess
import time
from pathlib import Path

from image.host import cache as cache_folder
from qemu.emulator import Emulator

PROBE_LIMIT_S = 20.0  # the slowest accelerator, on two cores, needs two
_BOOTED = b"BdsDxe"  # OVMF's boot manager, on the serial port


def accelerator(emulator: Emulator, *, cache: Path | None = None) -> str:
    """``kvm`` where it boots the probe, else ``tcg``."""
    store = cache or cache_folder() / "acceleration.json"
    key = _key(emulator)
    known = _read(store)
    if key not in known:
        usable = os.access("/dev/kvm", os.R_OK | os.W_OK) and boots(emulator, "kvm")
        known = {key: "kvm" if usable else "tcg"}
        store.parent.mkdir(parents=True, exist_ok=True)
        store.write_text(json.dumps(known))
    return known[key]


def boots(emulator: Emulator, name: str, *, limit_s: float = PROBE_LIMIT_S) -> bool:
    """Whether a machine with that accelerator brings its firmware to the boot manager."""
    firmware = emulator.firmware()
    argv = [*emulator.system(), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    argv += ["-machine", "q35", "-accel", name, "-m", "256", "-serial", "stdio"]
    argv += ["-drive", f"if=pflash,format=raw,readonly=on,file={firmware.code}"]
    argv += ["-drive", f"if=pflash,format=raw,snapshot=on,file={firmware.variables}"]
    process = subprocess.Popen(
        argv, env=emulator.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with process:
        try:
            return _says(process, _BOOTED, time.monotonic() + limit_s)
        finally:
            process.kill()


def _says(process: subprocess.Popen[bytes], word: bytes, deadline: float) -> bool:
    """Whether the word comes out of the process before the deadline or its end."""
    assert process.stdout is not None
    seen = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while word not in seen:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return False
            piece = os.read(process.stdout.fileno(), 65536)
            if not piece:
                return False
            seen += piece
    return True


def _key(emulator: Emulator) -> str:
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{emulator.root} {os.getuid()} {platform.release()} {boot_id}"


def _read(store: Path) -> dict[str, str]:
    try:
        known: dict[str, str] = json.loads(store.read_text())
    except (OSError, ValueError):
        return {}  # never probed, or a file that was cut short: probe (again)
    return known
