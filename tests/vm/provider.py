# SPDX-License-Identifier: GPL-2.0-or-later
"""A provider that people dial in to: Debian's pppoe-server and pppd, on the image's own kernel.

The kernels of workstations may have no PPP. So the provider is a network namespace inside the router's
machine: it takes a card away from the router, and what passes between them goes over the cables outside.
"""

from __future__ import annotations

from pathlib import Path

from qemu.guest import Guest
from qemu.internet import ADDRESS

NAME, USER = "ac1", "line-7@provider.example"
NEAR, FAR = "203.0.113.3", "203.0.113.200"
"""The provider's own address in a session, and the one that it gives."""
_SERVER = Path("/usr/sbin/pppoe-server")
_PLACE, _SPACE = "/run/provider", "provider"
_OPTIONS = f"""auth
require-chap
name {NAME}
proxyarp
ms-dns {ADDRESS}
+ipv6
"""


class Provider:
    """An access concentrator behind a card. ``password`` is what it wants to hear of USER."""

    def __init__(self, guest: Guest, card: str, password: str) -> None:
        self._guest = guest
        self._card = card
        inside = f"ip -n {_SPACE}"
        guest.succeed(
            f"mkdir -p {_PLACE}/ppp && ip netns add {_SPACE} && ip link set {card} netns {_SPACE} && "
            f"{inside} address add {NEAR}/24 dev {card} && {inside} link set {card} up && "
            f"ip netns exec {_SPACE} sysctl -qw net.ipv4.ip_forward=1"
        )
        guest.copy_to(_SERVER.read_bytes(), f"{_PLACE}/pppoe-server", mode="0755")
        guest.copy_to(_OPTIONS.encode(), f"{_PLACE}/ppp/served")
        secrets = f'"{USER}" * "{password}" *\n'
        guest.copy_to(secrets.encode(), f"{_PLACE}/ppp/chap-secrets", mode="0600")

    def open(self) -> None:
        """Answer those who dial in. It closes all files that it might have: few, here.

        It stays in the foreground (-F, which its help does not name): where it forks twice, systemd may take
        the one that ends for the one that matters, and end them all.
        """
        self._guest.succeed(
            "systemd-run --unit=provider --service-type=exec -p LimitNOFILE=256 "
            f"-p NetworkNamespacePath=/run/netns/{_SPACE} -p BindReadOnlyPaths={_PLACE}/ppp:/etc/ppp "
            f"{_PLACE}/pppoe-server -F -k -g $(echo /usr/lib/pppd/*/pppoe.so) -O /etc/ppp/served "
            f"-I {self._card} -C {NAME} -L {NEAR} -R {FAR} -N 1"
        )

    def close(self) -> None:
        """End all sessions, and answer nobody."""
        self._guest.succeed("systemctl stop provider")
