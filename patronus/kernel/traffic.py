# SPDX-License-Identifier: GPL-2.0-or-later
"""Queues, classes and filters of devices over rtnetlink(7), as tc(8) sets them. Changes need CAP_NET_ADMIN.

Ours have handles of their own (``core/traffic.py``); what others have made is returned, and never touched.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

from patronus.core.errors import KernelError
from patronus.core.traffic import ARRIVING, DEVICE, ROOT, DeviceSeen, Queue, Share, Sorter
from patronus.kernel import sysctl, traffic_codec
from patronus.kernel.rtnetlink import NetlinkError, asking, dump, harmless, index_of, tcmsg

MARK = "patronus shaper"
"""The alias of the devices that arriving packets are queued on."""
ADD_QUEUE, DELETE_QUEUE = 36, 37
ADD_CLASS, DELETE_CLASS = 40, 41
ADD_FILTER, DELETE_FILTER = 44, 45
"""RTM_NEWQDISC and so on, linux/rtnetlink.h."""
_ASK = 0x1 | 0x4
"""NLM_F_REQUEST and NLM_F_ACK."""
_NEW, _CHANGE = _ASK | 0x400 | 0x200, _ASK | 0x100
"""With NLM_F_CREATE and NLM_F_EXCL; with NLM_F_REPLACE."""
_EVERYTHING = 0x0300
"""ETH_P_ALL in network byte order: a filter sees each protocol."""
_UP = 0x1
_ABSENT = 2
"""ENOENT: the kernel does not know the kind, and finds no module for it."""
_BROKEN: Mapping[str, bytes] = {
    "cake": struct.pack("=HHBxxx", 5, 2, 0),
    "fq_codel": struct.pack("=HHBxxx", 5, 1, 0),
}
"""Kind → an attribute (rate, target) that is too short for any kernel to take."""


def _message(index: int, handle: int, parent: int, kind: str = "", options: Any = None, info: int = 0) -> Any:
    raw = traffic_codec.RawMessage if isinstance(options, bytes) else tcmsg
    message = traffic_codec.FilterMessage() if kind == "bpf" else raw()
    message["index"], message["handle"], message["parent"], message["info"] = index, handle, parent, info
    if kind:
        message["attrs"].append(("TCA_KIND", kind))
    if options is not None:
        message["attrs"].append(("TCA_OPTIONS", options))
    return message


def _send(route: Any, message: Any, kind: int, flags: int) -> None:
    tuple(route.nlm_request(message, msg_type=kind, msg_flags=flags))


def _forget(route: Any, message: Any, kind: int) -> None:
    """Delete something; harmless where it, or its device, is gone."""
    try:
        _send(route, message, kind, _ASK)
    except NetlinkError as error:
        if abs(error.code) not in (_ABSENT, 22, 19):
            raise


class Traffic:
    """The queues of the network namespace of the calling thread. All methods raise KernelError."""

    def __init__(self) -> None:
        self._known: dict[str, bool] = {}

    def knows(self, kind: str) -> bool:
        """Return whether the kernel has a kind of queue, cake or fq_codel; asking changes nothing.

        The loopback is offered one with a setting that is cut off: a kernel that has the kind says so by
        refusing the setting.
        """
        if kind not in self._known:
            self._known[kind] = self._ask(kind)
        return self._known[kind]

    def _ask(self, kind: str) -> bool:
        with asking(f"ask for the queue {kind}") as route:
            message = _message(index_of(route, "lo"), 0, DEVICE, kind, _BROKEN[kind])
            try:
                _send(route, message, ADD_QUEUE, _NEW)
            except NetlinkError as error:
                return bool(abs(error.code) != _ABSENT)
        raise KernelError(f"the kernel took a broken queue {kind} on lo")

    def look(self) -> dict[str, DeviceSeen]:
        """Return device → what stands on it, of all devices."""
        with asking("read the queues") as route:
            links = dump(route, "get_links")
            queues = dump(route, "get_qdiscs")
            return {link.get_attr("IFLA_IFNAME"): _device(route, link, queues) for link in links}

    def add_queue(self, device: str, queue: Queue) -> None:
        """Put a queue in; where another than the kernel's own stands that is an error."""
        self._set_queue(device, queue, _NEW)

    def change_queue(self, device: str, queue: Queue) -> None:
        """Give a queue that stands other options; what waits in it stays."""
        self._set_queue(device, queue, _CHANGE)

    def _set_queue(self, device: str, queue: Queue, flags: int) -> None:
        with asking(f"set the queue {queue.kind} on {device}") as route:
            options = traffic_codec.queue_options(queue)
            message = _message(index_of(route, device), queue.handle, queue.parent, queue.kind, options)
            _send(route, message, ADD_QUEUE, flags)

    def delete_queue(self, device: str, queue: Queue) -> None:
        """Take a queue out, with its classes and filters. Harmless where it is gone."""
        with asking(f"delete the queue {queue.kind} on {device}") as route:
            for index in route.link_lookup(ifname=device):
                _forget(route, _message(index, queue.handle, queue.parent), DELETE_QUEUE)

    def add_share(self, device: str, share: Share) -> None:
        """Add a class."""
        self._set_share(device, share, _NEW)

    def change_share(self, device: str, share: Share) -> None:
        """Give a class that stands other rates; what waits in it stays."""
        self._set_share(device, share, _CHANGE)

    def _set_share(self, device: str, share: Share, flags: int) -> None:
        with asking(f"set a class on {device}") as route:
            options = traffic_codec.share_options(share)
            message = _message(index_of(route, device), share.handle, share.parent, "htb", options)
            _send(route, message, ADD_CLASS, flags)

    def delete_share(self, device: str, share: Share) -> None:
        """Delete a class with its queue. Harmless where it is gone."""
        with asking(f"delete a class on {device}") as route:
            for index in route.link_lookup(ifname=device):
                _forget(route, _message(index, share.handle, share.parent), DELETE_CLASS)

    def add_sorter(self, device: str, sorter: Sorter) -> None:
        """Add a filter."""
        with asking(f"add a filter on {device}") as route:
            target = index_of(route, sorter.device) if sorter.device else None
            options, info = traffic_codec.sorter_options(sorter, target), _info(sorter.position)
            message = _message(index_of(route, device), sorter.handle, sorter.parent, "bpf", options, info)
            _send(route, message, ADD_FILTER, _NEW)

    def delete_sorter(self, device: str, parent: int, position: int, handle: int) -> None:
        """Delete a filter. Harmless where it is gone."""
        with asking(f"delete a filter on {device}") as route:
            for index in route.link_lookup(ifname=device):
                _forget(route, _message(index, handle, parent, "bpf", None, _info(position)), DELETE_FILTER)

    def create_device(self, name: str) -> None:
        """Make a device that arriving packets are queued on, and set it up; it speaks no IPv6 of its own."""
        with asking(f"create the device {name}") as route:
            route.link("add", ifname=name, kind="ifb")
            index = index_of(route, name)
            try:
                route.link("set", index=index, ifalias=MARK)
                sysctl.write(f"net.ipv6.conf.{name}.disable_ipv6", "1")
                route.link("set", index=index, state="up")
            except (NetlinkError, KernelError):
                route.link("del", index=index)
                raise

    def start_device(self, name: str) -> None:
        """Set a device of ours up that somebody has set down."""
        with asking(f"set {name} up") as route:
            route.link("set", index=index_of(route, name), state="up")

    def delete_device(self, name: str) -> None:
        """Delete such a device. Harmless where it is gone."""
        with asking(f"delete the device {name}") as route, harmless():
            route.link("del", index=index_of(route, name))


def _info(position: int) -> int:
    return position << 16 | _EVERYTHING


def _device(route: Any, link: Any, queues: list[Any]) -> DeviceSeen:
    index = int(link["index"])
    own = [message for message in queues if message["index"] == index]
    standing = [message for message in own if message["handle"]]
    kinds = {message.get_attr("TCA_KIND") for message in standing}
    parents = [message["handle"] for message in standing if message.get_attr("TCA_KIND") == "htb"]
    parents += [ARRIVING] if kinds & {"clsact", "ingress"} else []
    parents += [ARRIVING + 1] if "clsact" in kinds else []
    return DeviceSeen(
        index=index,
        up=bool(link["flags"] & _UP),
        ours=link.get_attr("IFLA_IFALIAS") == MARK,
        queues=tuple(map(traffic_codec.queue_seen, own)),
        shares=tuple(_shares(route, index)) if "htb" in kinds else (),
        sorters=frozenset(
            (parent, message["info"] >> 16, message["handle"])
            for parent in parents
            for message in dump(route, "get_filters", index=index, parent=parent)
            if message["handle"]
        ),
    )


def _shares(route: Any, index: int) -> Iterator[Share]:
    """Yield the classes of our queue; what stands inside them, fq_codel too, has classes of its own."""
    for message in dump(route, "get_classes", index=index):
        if message.get_attr("TCA_KIND") == "htb" and message["handle"] & traffic_codec.QUEUE == ROOT:
            yield traffic_codec.share_seen(message)
