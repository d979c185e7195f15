# SPDX-License-Identifier: GPL-2.0-or-later
"""Other programs' rules and people's connections outlive our changes."""

from __future__ import annotations

import subprocess

from tests.netns.daemon.machine import Machine, eventually
from tests.netns.daemon.provider import WEB

FOREIGN = """
table inet theirs {
    set friends { type ipv4_addr; elements = { 192.0.2.7 } }
    chain early { type filter hook forward priority -200; ip saddr @friends counter accept; }
}
table ip patronus_like { chain c { tcp dport 22 accept; }; }
"""
COMMITS = 30
RULE = {"name": "passing", "from": "lan", "to": "wan", "protocol": "tcp", "action": "drop"}
GREATEST_RATE = "200M"
"""So that the stream leaves the processors to the router."""


def tables(machine: Machine) -> str:
    """Return the tables that are not ours."""
    texts = [
        machine.router.run("nft", "list", "table", *name)
        for name in (("inet", "theirs"), ("ip", "patronus_like"))
    ]
    return "".join(texts)


def test_a_foreign_table_stays_as_it_is(fresh: Machine) -> None:
    with fresh.router:
        subprocess.run(["nft", "-f", "-"], input=FOREIGN, text=True, check=True)
    before = tables(fresh)
    number = fresh.call("firewall.AddRule", rule={**RULE, "destination_port": 25})["generation"]
    assert tables(fresh) == before
    fresh.call("config.Rollback", generation=number - 1)
    fresh.kill()
    fresh.start()
    assert tables(fresh) == before
    assert fresh.doctor() == []


def test_a_stream_outlives_thirty_changes_of_its_chain(machine: Machine) -> None:
    machine.lease()
    with machine.wan:
        server = subprocess.Popen(
            ["iperf3", "--server", "--one-off", "--bind", WEB], stdout=subprocess.DEVNULL
        )
    eventually(lambda: "5201" in machine.wan.run("ss", "-ltnH"), "the server")
    with machine.lan:
        command = ["iperf3", "--client", WEB, "--time", "600", "--bitrate", GREATEST_RATE, "--interval", "1",
                   "--forceflush", "--connect-timeout", "3000"]  # fmt: skip
        client = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert client.stdout is not None
        before = [client.stdout.readline() for _ in range(4)]
        assert "bits/sec" in before[-1], before
        for turn in range(COMMITS // 2):
            added = machine.call("firewall.AddRule", rule={**RULE, "destination_port": 1000 + turn}, index=0)
            machine.call("firewall.RemoveRule", id=added["id"])
        assert (client.poll(), server.poll()) == (None, None)
        after = [client.stdout.readline() for _ in range(3)][-1]
        assert " 0.00 bits/sec" not in after
        blocked = machine.call("firewall.AddRule", rule=RULE, index=0)["id"]
        assert machine.page() == ""
        machine.call("firewall.RemoveRule", id=blocked)
        eventually(machine.page, "the page again")
    finally:
        for process in (client, server):
            process.kill()
            process.wait()
