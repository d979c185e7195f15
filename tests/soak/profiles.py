# SPDX-License-Identifier: GPL-2.0-or-later
"""Every profile is built within its budget, boots, and runs its first generation; the figures are printed.

Only ``debug`` lets anybody in at the console, as root without a password. The others ask for one. ``full``
learns a route from another router.
"""

from __future__ import annotations

import socket
import sys
import time

from image.build import PROFILES, build
from image.host import BuildError
from qemu.errors import HarnessError
from qemu.run import free_port
from qemu.vm import Vm
from tests.bench.boot import machine, reached_s
from tests.soak.speaking import learns

LOG_IN_LIMIT_S = 180.0
TYPED = b"root\n"


def boots(profile: str) -> str:
    """Boot the image of the profile and return what is wrong with it, an empty string when nothing is."""
    image = build(profile)
    with Vm(machine(image, free_port(), memory_mib=1024)) as vm:
        vm.start()
        took_s = reached_s(vm, "patronusd.service")
        print(f"   {profile}: a generation runs {took_s:.0f} s after kernel start", flush=True)
        found = vm.guest.succeed("cat /usr/share/patronus/profile").strip()
        if found != profile:
            return f"{profile}: the image says that it is {found}"
        vm.guest.succeed("patronus status")
        vm.guest.wait_for_unit("serial-getty@ttyS0.service")
        if root_comes_in(vm) is not (profile == "debug"):
            return f"{profile}: root at the console {'is kept out' if profile == 'debug' else 'comes in'}"
        wrong = learns(vm) if profile == "full" else ""
        return f"{profile}: {wrong}" if wrong else ""


def root_comes_in(vm: Vm) -> bool:
    """Return whether the console gives a shell to whoever says that he is root."""
    since = len(vm.console())
    with socket.socket(socket.AF_UNIX) as console:
        console.connect(str(vm.places.serial_socket))
        deadline = time.monotonic() + LOG_IN_LIMIT_S
        while time.monotonic() < deadline:
            console.sendall(TYPED)
            time.sleep(2.0)
            if "bash" in vm.guest.execute("ps -t ttyS0 -o comm=").stdout:
                return True
            if "Password:" in vm.console()[since:]:
                return False
    raise HarnessError(f"the console asked for nothing; its end is:\n{vm.console()[-2000:]}")


def main() -> int:
    """Build and boot all, or those named, also after one has failed; 1 when anything is wrong."""
    wrong = []
    for profile in sys.argv[1:] or PROFILES:
        try:
            wrong.append(boots(profile))
        except (BuildError, HarnessError) as error:
            wrong.append(f"{profile}: {error}")
    for complaint in filter(None, wrong):
        print(f"   {complaint}")
    return 1 if any(wrong) else 0


if __name__ == "__main__":
    sys.exit(main())
