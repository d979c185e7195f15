# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.interfaces.providers import Internet, Uplinked
from tests.netns.interfaces.router import Router
from tests.netns.lab import Namespace, connect

HOOK = Path("usr/lib/patronus/wan-hook")
ROOTFS = Path(__file__).parents[3] / "rootfs"


@pytest.fixture(scope="session", autouse=True)
def image_files() -> None:
    """Put what the image has in its place, once."""
    put_image_files()


def put_image_files() -> None:
    """Put what the image has in its place: the user, the hook, the folders of the units."""
    target = Path("/") / HOOK
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOTFS / HOOK, target)
    target.chmod(0o755)
    for folder in ("/run/patronus-dhcpcd", "/run/dhcpcd", "/var/lib/dhcpcd"):
        Path(folder).mkdir(parents=True, exist_ok=True)
    found = subprocess.run(["getent", "passwd", "patronus"], capture_output=True, check=False)
    if found.returncode:
        subprocess.run(["useradd", "--uid", "800", "--user-group", "patronus"], check=True)
    for folder in ("/run/patronus-dhcpcd", "/run/dhcpcd", "/var/lib/dhcpcd"):
        shutil.chown(folder, "patronus")


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """Lend a namespace, and stand in it for the whole test."""
    found = Namespace()
    with found:
        yield found
    found.close()


@pytest.fixture
def router(namespace: Namespace, neighbour: Namespace) -> Iterator[Router]:
    """Lend a router that has no interface yet; it goes before the neighbour that its wires lead to."""
    with tempfile.TemporaryDirectory(prefix="patronus-") as folder:
        made = Router(Path(folder))
        yield made
        made.close()


@pytest.fixture
def neighbour() -> Iterator[Namespace]:
    """Lend the other end of the wire."""
    found = Namespace()
    yield found
    found.close()


@pytest.fixture
def internet(namespace: Namespace) -> Iterator[Internet]:
    """Lend the namespaces around the router's."""
    found = Internet(namespace)
    yield found
    found.close()


@pytest.fixture
def uplinked(namespace: Namespace, internet: Internet) -> Iterator[Uplinked]:
    """Lend a router that nothing was applied to yet."""
    with tempfile.TemporaryDirectory(prefix="patronus-") as folder:
        made = Uplinked(Path(folder), namespace)
        yield made
        made.routing.stop()
        made.feature.stop()


@pytest.fixture
def wired(namespace: Namespace, neighbour: Namespace) -> Namespace:
    """Give the router three NICs, down, as after a boot."""
    for name in ("eth0", "eth1", "eth2"):
        connect(namespace, name, neighbour, f"peer-{name}")
        namespace.ip(f"link set {name} down")
    return namespace
