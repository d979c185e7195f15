# SPDX-License-Identifier: GPL-2.0-or-later
"""A provider that delegates a prefix by DHCPv6 (RFC 8415); the wire form is scapy's.

It answers each message with the prefix that it has now; those that it had before come with lifetimes
of 0, as section 18.3.4 has it for a server that renumbers.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from ipaddress import IPv6Network
from typing import Any

from scapy.layers.dhcp6 import (
    DUID_LL,
    DHCP6_Advertise,
    DHCP6_Reply,
    DHCP6OptClientId,
    DHCP6OptDNSServers,
    DHCP6OptIA_NA,
    DHCP6OptIA_PD,
    DHCP6OptIAAddress,
    DHCP6OptIAPrefix,
    DHCP6OptServerId,
    dhcp6_cls_by_type,
)
from scapy.layers.dhcp6 import __dict__ as layers

from tests.netns.lab import Namespace

SERVERS, PORT = "ff02::1:2", 547
SOLICIT = 1
RENEW_S = 2
"""How soon the client asks again (T1): it knows of the next prefix within this time."""
ADDRESS, DNS = "2001:db8:ffff::50", "2001:db8:ffff::53"


class Delegating:
    """Serves on the device ``isp``; ``delegate`` changes the prefix at any time."""

    def __init__(self, namespace: Namespace, prefix: str) -> None:
        self._prefixes = {IPv6Network(prefix): 3600}
        self.hints: list[int] = []
        self._socket = namespace.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"isp\0")
        self._socket.bind(("::", PORT))
        with namespace:
            index = socket.if_nametoindex("isp")
        group = socket.inet_pton(socket.AF_INET6, SERVERS) + struct.pack("@I", index)
        self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def delegate(self, prefix: str) -> None:
        """Give another prefix from now on, and take the others back."""
        self._prefixes = {**dict.fromkeys(self._prefixes, 0), IPv6Network(prefix): 3600}

    def _serve(self) -> None:
        with suppress(OSError):
            while (received := self._socket.recvfrom(4096))[0]:
                data, where = received
                question = layers[dhcp6_cls_by_type[data[0]]](data)
                self._socket.sendto(bytes(self._answer(question)), where)

    def _answer(self, question: Any) -> Any:
        kind = DHCP6_Advertise if question.msgtype == SOLICIT else DHCP6_Reply
        answer = kind(trid=question.trid) / DHCP6OptClientId(duid=question[DHCP6OptClientId].duid)
        answer /= DHCP6OptServerId(duid=DUID_LL(lladdr="52:54:00:00:00:77")) / DHCP6OptDNSServers(
            dnsservers=[DNS]
        )
        if DHCP6OptIA_NA in question:
            address = DHCP6OptIAAddress(addr=ADDRESS, preflft=3600, validlft=7200)
            iaid = question[DHCP6OptIA_NA].iaid
            answer /= DHCP6OptIA_NA(iaid=iaid, T1=RENEW_S, T2=3000, ianaopts=[address])
        if DHCP6OptIA_PD in question:
            asked = question[DHCP6OptIA_PD]
            self.hints += [one.plen for one in asked.iapdopt if isinstance(one, DHCP6OptIAPrefix)]
            given = [
                DHCP6OptIAPrefix(
                    prefix=str(net.network_address), plen=net.prefixlen, preflft=life, validlft=2 * life
                )
                for net, life in self._prefixes.items()
            ]
            answer /= DHCP6OptIA_PD(iaid=asked.iaid, T1=RENEW_S, T2=3000, iapdopt=given)
        return answer

    def close(self) -> None:
        """Serve no more."""
        with suppress(OSError):  # it is not connected, and wakes its reader all the same
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
