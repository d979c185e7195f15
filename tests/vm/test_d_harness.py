# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine ends with the tests that started it, however they end; that of ``make run`` goes on.

A router that a snapshot brings back in another process finds its neighbours where it knows them.
"""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from qemu.errors import HarnessError
from qemu.machine import Machine
from qemu.topology import Topology
from qemu.vm import Vm
from tests.vm.lab import eventually

_START = """
import sys, time
from pathlib import Path
from qemu.machine import Machine
from qemu.vm import Vm
vm = Vm(Machine(Path(sys.argv[1])), folder=Path(sys.argv[2]))
vm.start(paused=True, detached=sys.argv[3] == "detached")
print(vm.pid, flush=True)
time.sleep(3600)
"""


@pytest.mark.parametrize("how", ["attached", "detached"])
def test_a_killed_starter_takes_its_machine_along_unless_it_is_detached(
    folder: Path, image: Path, how: str
) -> None:
    place = folder / how
    place.mkdir()
    argv = [sys.executable, "-c", _START, str(image), str(place), how]
    starter = subprocess.Popen(argv, stdout=subprocess.PIPE)
    with starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert _runs(pid)
        starter.send_signal(signal.SIGTERM)
    if how == "attached":
        eventually(lambda: not _runs(pid), timeout_s=60)
    else:
        assert _runs(pid)
        os.kill(pid, signal.SIGKILL)


def test_a_thread_that_will_end_may_not_start_a_machine(folder: Path, image: Path) -> None:
    place = folder / "thread"
    place.mkdir()
    with Vm(Machine(image), folder=place) as vm:
        refusals: list[HarnessError] = []

        def start() -> None:
            with pytest.raises(HarnessError, match="first thread") as caught:
                vm.start(paused=True)
            refusals.append(caught.value)

        thread = threading.Thread(target=start)
        thread.start()
        thread.join()
        assert len(refusals) == 1
        assert vm.pid is None


def test_hosts_have_the_same_addresses_in_every_run_and_no_two_the_same() -> None:
    runs = []
    for _ in range(2):
        with Topology() as net:
            cables = net.segment("one"), net.segment("two")
            runs.append([cable.host(name).mac() for cable in cables for name in ("a", "b")])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 4


def _runs(pid: int) -> bool:
    """Whether the process is there and more than a corpse that nobody has buried."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
