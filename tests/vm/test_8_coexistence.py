# SPDX-License-Identifier: GPL-2.0-or-later
"""What is not ours stays, and what is allowed keeps flowing while the rules change."""

import json
import re
from pathlib import Path

from qemu.internet import ADDRESS
from tests.vm.lab import Lab, eventually

COMMITS = 100
_COMMIT = """
import json, subprocess, sys
from patronus.client import Client

def in_kernel(port):
    chain = subprocess.run(["nft", "list", "chain", "inet", "patronus", "pair/lan/wan"], check=True,
                           capture_output=True, text=True).stdout
    return f"dport {port} " in chain

said = []
with Client() as client:
    for port in range(20000, 20000 + int(sys.argv[1])):
        rule = {"from": "lan", "to": "wan", "protocol": "tcp", "destination_port": port, "action": "drop"}
        added = client.call("firewall.AddRule", {"rule": rule, "index": 0})
        there = in_kernel(port)
        client.call("firewall.RemoveRule", {"id": added["id"]})
        said.append([there, in_kernel(port)])
print(json.dumps(said))
"""


def test_a_foreign_table_survives_our_commits(lab: Lab) -> None:
    lab.guest.succeed(
        "nft 'add table inet foreign; add chain inet foreign c { type filter hook input priority 50; }'"
    )
    lab.guest.succeed("nft add rule inet foreign c counter comment '\"not ours\"'")
    lab.guest.succeed("patronus rules add --from lan --to wan --protocol tcp --port 25 --action drop")
    assert "not ours" in lab.guest.succeed("nft list table inet foreign")


def test_a_stream_survives_a_hundred_commits_in_the_chain_that_carries_it(lab: Lab, tmp_path: Path) -> None:
    log = tmp_path / "iperf3.log"
    lab.lease()
    server = lab.server.start(["iperf3", "--server", "--one-off", "--bind", ADDRESS])
    eventually(lambda: ":5201" in lab.server.succeed(["ss", "--listening", "--tcp", "--numeric"]))
    stream = lab.client.start(["iperf3", "--client", ADDRESS, "--bitrate", "2M", "--time", "900",
                               "--interval", "1", "--forceflush", "--logfile", str(log)])  # fmt: skip
    eventually(lambda: len(_per_second(log)) > 1)
    before = _connections(lab)
    lab.guest.copy_to(_COMMIT.encode(), "/run/commits.py")
    said = json.loads(lab.guest.succeed(f"python3 /run/commits.py {COMMITS // 2}", timeout_s=420))
    assert stream.poll() is None, log.read_text()
    assert said == [[True, False]] * (COMMITS // 2)
    assert _connections(lab) == before
    carried = sum(_per_second(log))
    eventually(lambda: sum(_per_second(log)) > carried)
    for process in (stream, server):
        process.kill()
        process.wait()


def _connections(lab: Lab) -> set[str]:
    """Return both ends of the stream's TCP connections (data and control) as the client sees them."""
    said = lab.client.succeed(["ss", "--no-header", "--tcp", "--numeric", "dst", ADDRESS])
    ends = {" ".join(line.split()[3:5]) for line in said.splitlines() if "ESTAB" in line}
    assert len(ends) == 2, said
    return ends


def _per_second(log: Path) -> list[float]:
    """Return what iperf3 says it carried in each second so far."""
    said = log.read_text() if log.exists() else ""
    return [float(amount) for amount in re.findall(r"sec +([\d.]+) \w?Bytes", said)]
