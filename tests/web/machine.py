# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole router in namespaces of its own, for the pages to talk to: the real daemon on a real kernel.

``unshare --net --uts --mount python -m tests.web.machine ROOT`` makes two network cards (veth), starts the
DHCP and DNS servers, the units helper and patronusd with all files below ROOT, and runs until its input
closes. It stands in for systemd alone: ``systemctl`` is a program that notes what it is told.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

from patronus.kernel.endpoint import listen
from patronus.kernel.host import Places
from patronus.kernel.units_server import UnitsServer
from tests.netns.daemon.credentials import Credentials, machine_id

UNITS = Path(__file__).parents[2] / "rootfs/usr/lib/systemd/system"
SYSTEMCTL = """#!/bin/sh
# What shall always run (Restart=) does so once it was started; what is run once is gone when somebody asks.
for unit; do :; done
case " $* " in
  *" start "* | *" restart "*) touch {started}/"$unit" ;;
  *" stop "*) rm -f {started}/"$unit" ;;
  *" show "*)
    if [ -e {started}/"$unit" ] && grep -q ^Restart= {units}/"$unit"
      then echo ActiveState=active
      else echo ActiveState=inactive
    fi ;;
esac
"""
LAN, WAN = "52:54:00:00:00:02", "52:54:00:00:00:01"
FILES = {
    "network.interfaces": f"""interfaces:
  - {{id: wan, match: {{mac: "{WAN}"}}, zone: wan, ipv4: {{method: static, addresses: [198.51.100.2/24]}}}}
  - {{id: lan, match: {{mac: "{LAN}"}}, zone: lan, ipv4: {{method: static, addresses: [192.168.1.1/24]}}}}
""",
    "network.dhcp": """pools:
  - {id: lan, interface: lan, ranges: [192.168.1.100-192.168.1.199], lease_time: 12h}
""",
    "network.dns": """listen: [lan]
upstreams:
  - {id: test, address: 198.51.100.53}
local: {domain: home.arpa, leases: true}
""",
    "firewall.zones": """zones:
  - {id: wan}
  - {id: lan, to: {wan: allow, self: allow}}
""",
    "firewall.rules": """# What this household decided.
rules:
  - {id: r-1, name: no telnet, protocol: tcp, destination_port: 23, action: reject}
""",
    "firewall.nat": """nat:
  - {id: n-1, type: masquerade, out: wan}
""",
}


def cards() -> None:
    """Make the two network cards, each with a peer that has a carrier."""
    for name, mac in (("lan0", LAN), ("wan0", WAN)):
        subprocess.run(
            ["ip", "link", "add", name, "address", mac, "type", "veth", "peer", f"{name}-peer"], check=True
        )
        subprocess.run(["ip", "link", "set", f"{name}-peer", "up"], check=True)


def server(module: str, places: Places, name: str) -> subprocess.Popen[bytes]:
    """Start a server that systemd would start."""
    state, run = places.state.with_name(name), places.run.with_name(name)
    state.mkdir(parents=True)
    run.mkdir(parents=True)
    command = [sys.executable, "-m", module, "--state", str(state), "--control", str(run / "control.sock")]
    return subprocess.Popen([*command, "--peer", "root"])


def systemctl(root: Path) -> Path:
    """Write the program that stands in for systemctl(1): it notes what runs, and starts nothing."""
    program, started = root / "systemctl", root / "started"
    started.mkdir()
    program.write_text(SYSTEMCTL.format(started=started, units=UNITS))
    program.chmod(0o755)
    return program


def credentials(root: Path) -> None:
    """Give the first configuration, as a machine's owner does."""
    folder = root / "credentials"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / f"patronus.file.{name}").write_text(text)
    os.environ["CREDENTIALS_DIRECTORY"] = str(folder)


def end_with_input(process: subprocess.Popen[bytes]) -> None:
    """End a process when standard input does."""
    sys.stdin.read()
    process.terminate()


def main(root: Path) -> None:
    """Run the machine below ``root`` until standard input ends."""
    places = Places.below(root)
    for folder in (places.run, places.log):
        folder.mkdir(parents=True)
    for name in (
        "patronus-web",
        "patronus-units",
        "patronus-dhcpcd",
        "patronus-update",
        "patronus-dyndns",
        "patronus-mappings",
        "patronus-ntp",
    ):
        places.run.with_name(name).mkdir()
    shutil.chown(places.run.with_name("patronus-web"), group="patronus-web")
    places.run.with_name("patronus-web").chmod(0o2750)
    socket.sethostname("patronus")
    cards()
    credentials(root)
    machine_id()
    credentials_of_systemd = Credentials(root / "credentials.sock")
    helper = listen(places.run.with_name("patronus-units") / "units.sock")
    units = UnitsServer(helper, 0, str(systemctl(root)), credentials_of_systemd.path)
    threading.Thread(target=units.serve, args=(3600.0,), daemon=True).start()
    servers = [
        server("patronus.network.dhcp.server", places, "patronus-dhcp"),
        server("patronus.network.dns.server", places, "patronus-dns"),
    ]
    daemon = subprocess.Popen([sys.executable, "-m", "patronus.daemon", "--root", str(root)])
    threading.Thread(target=end_with_input, args=(daemon,), daemon=True).start()
    daemon.wait()
    for process in servers:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
