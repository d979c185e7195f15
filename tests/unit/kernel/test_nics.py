# SPDX-License-Identifier: GPL-2.0-or-later
"""A NIC's place on the bus is written as udev's path_id writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from patronus.kernel.nics import ancestors, bus_path, driver

CASES = {
    "virtio on PCI": (
        [("virtio", "virtio0"), ("pci", "0000:00:02.0"), ("", "pci0000:00")],
        "pci-0000:00:02.0",
    ),
    "behind a bridge": ([("pci", "0000:03:00.1"), ("pci", "0000:00:1c.0")], "pci-0000:03:00.1"),
    "USB": (
        [("usb", "1-1.2:1.0"), ("usb", "1-1.2"), ("usb", "usb1"), ("pci", "0000:00:14.0")],
        "pci-0000:00:14.0-usb-0:1.2:1.0",
    ),
    "virtio on MMIO": (
        [("virtio", "virtio2"), ("platform", "d0001000.virtio_mmio")],
        "platform-d0001000.virtio_mmio",
    ),
    "no bus": ([("virtio", "virtio2")], None),
    "nothing": ([], None),
}


@pytest.mark.parametrize(("chain", "path"), CASES.values(), ids=CASES.keys())
def test_bus_path(chain: list[tuple[str, str]], path: str | None) -> None:
    assert bus_path(chain) == path


def test_sysfs_is_walked_from_the_nic_to_the_root(tmp_path: Path) -> None:
    function = tmp_path / "devices/pci0000:00/0000:00:02.0"
    device = function / "virtio0"
    (device / "net/eth0").mkdir(parents=True)
    for name in ("bus/pci", "bus/virtio", "bus/virtio/drivers/virtio_net", "class/net"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    (function / "subsystem").symlink_to(tmp_path / "bus/pci")
    (device / "subsystem").symlink_to(tmp_path / "bus/virtio")
    (device / "driver").symlink_to(tmp_path / "bus/virtio/drivers/virtio_net")
    (device / "net/eth0/device").symlink_to(device)
    (tmp_path / "class/net/eth0").symlink_to(device / "net/eth0")
    assert bus_path(ancestors("eth0", tmp_path)) == "pci-0000:00:02.0"
    assert driver("eth0", tmp_path) == "virtio_net"
    assert (ancestors("veth0", tmp_path), driver("veth0", tmp_path)) == ((), None)
