# SPDX-License-Identifier: GPL-2.0-or-later
"""Single changes of queues.

``TrafficKernel`` is what they need of the kernel; ``patronus.kernel.traffic.Traffic`` has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from patronus.core.traffic import Queue, Share, Sorter, written


class TrafficKernel(Protocol):
    """What can be done to queues. Every method raises KernelError."""

    def add_queue(self, device: str, queue: Queue) -> None:
        """Put a queue in."""

    def change_queue(self, device: str, queue: Queue) -> None:
        """Give a queue other options; what waits in it stays."""

    def delete_queue(self, device: str, queue: Queue) -> None:
        """Take a queue out with all that hangs on it."""

    def add_share(self, device: str, share: Share) -> None:
        """Add a class."""

    def change_share(self, device: str, share: Share) -> None:
        """Give a class other rates; what waits in it stays."""

    def delete_share(self, device: str, share: Share) -> None:
        """Delete a class."""

    def add_sorter(self, device: str, sorter: Sorter) -> None:
        """Add a filter."""

    def delete_sorter(self, device: str, parent: int, position: int, handle: int) -> None:
        """Delete a filter."""

    def create_device(self, name: str) -> None:
        """Make a device that arriving packets are queued on."""

    def start_device(self, name: str) -> None:
        """Set it up."""

    def delete_device(self, name: str) -> None:
        """Delete it."""


@dataclass(frozen=True)
class Change:
    """One change, in words and as what it does."""

    text: str
    apply: Callable[[TrafficKernel], None]

    def __str__(self) -> str:
        return self.text


def add_queue(device: str, queue: Queue) -> Change:
    """Return the change that puts a queue in."""
    return Change(f"add {queue.kind} on {device}", lambda kernel: kernel.add_queue(device, queue))


def change_queue(device: str, queue: Queue) -> Change:
    """Return the change that gives a queue other options."""
    return Change(f"change {queue.kind} on {device}", lambda kernel: kernel.change_queue(device, queue))


def delete_queue(device: str, queue: Queue) -> Change:
    """Return the change that takes a queue out."""
    return Change(f"delete {queue.kind} on {device}", lambda kernel: kernel.delete_queue(device, queue))


def add_share(device: str, share: Share) -> Change:
    """Return the change that adds a class."""
    return Change(
        f"add class {written(share.handle)} on {device}", lambda kernel: kernel.add_share(device, share)
    )


def change_share(device: str, share: Share) -> Change:
    """Return the change that gives a class other rates."""
    return Change(
        f"change class {written(share.handle)} on {device}", lambda kernel: kernel.change_share(device, share)
    )


def delete_share(device: str, share: Share) -> Change:
    """Return the change that deletes a class."""
    return Change(
        f"delete class {written(share.handle)} on {device}", lambda kernel: kernel.delete_share(device, share)
    )


def add_sorter(device: str, sorter: Sorter) -> Change:
    """Return the change that adds a filter."""
    where = sorter.device or written(sorter.share or 0)
    return Change(f"lead packets of {device} to {where}", lambda kernel: kernel.add_sorter(device, sorter))


def delete_sorter(device: str, parent: int, position: int, handle: int) -> Change:
    """Return the change that deletes a filter."""
    return Change(
        f"delete filter {handle:#x} on {device}",
        lambda kernel: kernel.delete_sorter(device, parent, position, handle),
    )


def create_device(name: str) -> Change:
    """Return the change that makes a device for what arrives."""
    return Change(f"create {name}", lambda kernel: kernel.create_device(name))


def start_device(name: str) -> Change:
    """Return the change that sets such a device up."""
    return Change(f"set {name} up", lambda kernel: kernel.start_device(name))


def delete_device(name: str) -> Change:
    """Return the change that deletes such a device."""
    return Change(f"delete {name}", lambda kernel: kernel.delete_device(name))
