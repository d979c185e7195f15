# SPDX-License-Identifier: GPL-2.0-or-later
"""The booted image of the profile full learns a route by BGP from another FRR, in a network of its own there.

No other suite has FRR's units under a real systemd, as the users and with the system calls of the device.
"""

from __future__ import annotations

import json

from qemu.vm import Vm

LIMIT_S = 180
ROUTE, GATEWAY = "10.44.0.0/16", "10.9.0.2"
PEER = f"""
ip netns add peer
ip link add peer0 address 02:00:00:00:00:99 type veth peer name eth0 netns peer
ip -n peer addr add {GATEWAY}/24 dev eth0
ip -n peer link set eth0 up
install -d -o frr -g frr /run/theirs
cat > /run/theirs/bgpd.conf <<END
router bgp 65002
 bgp router-id {GATEWAY}
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.9.0.1 remote-as 65001
 neighbor 10.9.0.1 bfd
 address-family ipv4 unicast
  network {ROUTE}
 exit-address-family
END
chown frr:frr /run/theirs/bgpd.conf
for daemon in zebra bfdd bgpd; do
    config=/dev/null
    [ $daemon = bgpd ] && config=/run/theirs/bgpd.conf
    ip netns exec peer /usr/lib/frr/$daemon -d -f $config -A 127.0.0.1 -P 0 -z /run/theirs/zserv.api \\
        -i /run/theirs/$daemon.pid --vty_socket /run/theirs
done
"""
OURS = """
cat >> /etc/patronus/network/interfaces.yaml <<END
  - id: core
    match: {mac: "02:00:00:00:00:99"}
    zone: lan
    ipv4: {method: static, addresses: [10.9.0.1/24]}
END
cat > /etc/patronus/network/routing.yaml <<END
prefix_lists:
  - {id: all, entries: [{prefix: 0.0.0.0/0, le: 32}]}
bgp:
  as: 65001
  router_id: 10.9.0.1
  networks: [192.168.1.0/24]
  neighbors:
    - {id: peer, address: 10.9.0.2, remote_as: 65002, import: all, export: all, bfd: true}
END
patronus config load -m "another router"
"""


def learns(vm: Vm) -> str:
    """Let both speak and return what is wrong, an empty string when nothing is. Raises HarnessError."""
    vm.guest.succeed("set -e" + PEER)
    vm.guest.succeed("set -e" + OURS, timeout_s=LIMIT_S)
    waiting = f"until ip route show proto bgp | grep -q '^{ROUTE} .*via {GATEWAY}'; do sleep 1; done"
    if vm.guest.execute(f"timeout {LIMIT_S} sh -c {waiting!r}", timeout_s=2 * LIMIT_S).code:
        return f"no route came by BGP:\n{vm.guest.execute('patronus routing; patronus doctor').stdout}"
    (peer,) = json.loads(vm.guest.succeed("patronus --json routing"))["neighbors"]
    if (peer["state"], peer["received"], peer["reason"]) != ("established", 1, None):
        return f"the neighbour is shown as {peer}"
    bfd = vm.guest.succeed("vtysh --vty_socket /run/theirs -d bfdd -c 'show bfd peers json'")
    states = [one["status"] for one in json.loads(bfd)]
    if states != ["up"]:
        return f"BFD says {states}"
    doctor = vm.guest.succeed("patronus doctor").strip()
    return "" if doctor == "All is as planned." else f"the doctor says: {doctor}"
