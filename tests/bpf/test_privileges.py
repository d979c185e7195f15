# SPDX-License-Identifier: GPL-2.0-or-later
"""The loader and patronusd's side work as an ordinary user with the units' capabilities, and not without."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

USER = "800"  # patronus, rootfs/usr/lib/sysusers.d/patronus.conf
UNITS = Path("rootfs/usr/lib/systemd/system")
DAEMON = """
import sys
from ipaddress import ip_network
from pathlib import Path
from patronus.core.early import Ingress
from patronus.firewall.early.table import compile_xdp
from patronus.firewall.early.drops import Entry
from patronus.kernel.bpf import Bpf
bpf = Bpf(Path(sys.argv[1]))
bad = [ip_network("203.0.113.0/24"), ip_network("2001:db8:bad::/48")]
bpf.blocklist_replace(bad, [ip_network("10.0.0.0/8")])
bpf.block(ip_network("198.51.100.7/32")), bpf.unblock(ip_network("198.51.100.7/32"))
bpf.counters(), bpf.flows(10), bpf.events().close()
entry = Entry("rule/r-1", frozenset({Ingress("lo")}))
bpf.rules.replace(compile_xdp([entry]), ["rule/r-1"])
assert bpf.rules.asks_conntrack() and bpf.rules.differs() is None
assert bpf.rules.counters(["rule/r-1"])["rule/r-1"].packets == 0
print(bpf.attach("lo").mode, [each.ifname for each in bpf.attachments()], bpf.detach("lo"))
"""


def capabilities(unit: str) -> list[str]:
    """The capabilities that ``unit`` gives, in setpriv's words."""
    lines = (UNITS / unit).read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("AmbientCapabilities=")]
    return [word.removeprefix("CAP_").lower() for word in line.partition("=")[2].split()]


def as_user(granted: list[str], *command: str) -> subprocess.CompletedProcess[str]:
    """Run ``command`` as the user patronus with just ``granted``, in a network namespace of its own."""
    every = ",".join(["-all", *(f"+{each}" for each in granted)])
    caps = [f"--inh-caps={every}", f"--ambient-caps={every}", f"--bounding-set={every}"]
    user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *caps]
    return subprocess.run(["unshare", "--net", *user, *command], capture_output=True, text=True, check=False)


@pytest.fixture
def pins() -> Iterator[Path]:
    """A bpffs with the options of the mount unit."""
    (line,) = [
        line
        for line in (UNITS / "run-patronus\\x2dbpf.mount").read_text().splitlines()
        if line.startswith("Options=")
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        place = folder / "pins"
        place.mkdir()
        options = line.partition("=")[2]
        subprocess.run(["mount", "-t", "bpf", "-o", options, "bpffs", str(place)], check=True)
        yield place
        subprocess.run(["umount", str(place)], check=True)


def load(granted: list[str], compiled: Path, pins: Path) -> subprocess.CompletedProcess[str]:
    words = [
        "-B",
        "-m",
        "patronus.kernel.bpf_load",
        "--object",
        str(compiled.absolute()),
        "--pins",
        str(pins),
    ]
    return as_user(granted, sys.executable, *words)


def test_loader_and_daemon_need_no_more_than_their_units_give(compiled: Path, pins: Path) -> None:
    loaded = load(capabilities("patronus-xdp-load.service"), compiled, pins)
    assert loaded.returncode == 0, loaded.stderr
    assert "xdp_firewall is loaded and pinned" in loaded.stdout
    granted = capabilities("patronusd.service")
    assert "sys_admin" not in granted
    used = as_user(granted, sys.executable, "-B", "-c", DAEMON, str(pins))
    assert (used.stdout, used.stderr) == ("generic ['lo'] True\n", "")


def test_without_the_capability_both_are_refused_and_say_so(compiled: Path, pins: Path) -> None:
    loaded = load([], compiled, pins)
    assert loaded.returncode == 1
    assert "EPERM" in loaded.stderr
    assert load(capabilities("patronus-xdp-load.service"), compiled, pins).returncode == 0
    used = as_user([], sys.executable, "-B", "-c", DAEMON, str(pins))
    assert used.returncode == 1
    assert "KernelError" in used.stderr


def test_what_is_missing_or_broken_is_named(compiled: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.o"
    broken.write_bytes(b"no object")
    mistakes = {
        (str(tmp_path / "none.o"), str(tmp_path)): "none.o: No such file or directory",
        (str(compiled), str(tmp_path / "none")): "is the bpffs mounted?",
        (str(compiled), str(tmp_path)): "loading BPF object",
        (str(broken), str(tmp_path)): "broken.o",
    }
    for (path, pins), said in mistakes.items():
        words = ["-m", "patronus.kernel.bpf_load", "--object", path, "--pins", pins]
        done = subprocess.run([sys.executable, "-B", *words], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert said in done.stderr
