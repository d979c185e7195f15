# SPDX-License-Identifier: GPL-2.0-or-later
"""Read one of the kernel's queues and give every packet the same verdict: ``queue_reader.py NUMBER VERDICT``.

It runs on the router, with the standard library alone. Source: linux/netfilter/nfnetlink_queue.h.
"""

import socket
import struct
import sys

NETLINK_NETFILTER, QUEUE = 12, 3
PACKET, VERDICT, CONFIG = 0, 1, 2
BIND, COPY_META = 1, 1
VERDICTS = {"drop": 0, "accept": 1}
REQUEST, ACKNOWLEDGE = 1, 4


def attribute(kind: int, value: bytes) -> bytes:
    """Return an attribute of netlink."""
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def message(kind: int, number: int, body: bytes, flags: int = REQUEST) -> bytes:
    """Return a message to a queue."""
    head = struct.pack(
        "=IHHIIBBH", 20 + len(body), QUEUE << 8 | kind, flags, 0, 0, 0, 0, socket.htons(number)
    )
    return head + body


def packet_id(answer: bytes) -> int:
    """Return the id in the packet's header, the attribute 1 of a packet."""
    at = 20
    while True:
        length, kind = struct.unpack_from("=HH", answer, at)
        if kind == 1:
            return int(struct.unpack_from("!I", answer, at + 4)[0])
        at += length + 3 & ~3


def read(number: int, verdict: str) -> None:
    """Answer for ever, and say of each packet that it came."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as link:
        link.bind((0, 0))
        bind = attribute(1, struct.pack("!BBH", BIND, 0, 0))
        copy = attribute(2, struct.pack("!IB", 0, COPY_META))
        for body in (bind, copy):
            link.send(message(CONFIG, number, body, REQUEST | ACKNOWLEDGE))
            (error,) = struct.unpack_from("=i", link.recv(4096), 16)
            if error:
                sys.exit(f"the queue {number} is not given: {error}")
        print("reading", flush=True)
        while True:
            answer = link.recv(65536)
            if struct.unpack_from("=H", answer, 4)[0] == QUEUE << 8 | PACKET:
                said = struct.pack("!II", VERDICTS[verdict], packet_id(answer))
                link.send(message(VERDICT, number, attribute(2, said)))
                print(verdict, flush=True)


if __name__ == "__main__":
    read(int(sys.argv[1]), sys.argv[2])
