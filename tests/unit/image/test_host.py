# SPDX-License-Identifier: GPL-2.0-or-later
"""Building as somebody who is not root: through sudo where there is one, and else told what to type."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from image.host import BuildError, as_root

NOBODY = 65534


@pytest.fixture
def not_root(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be nobody for a while; a test that does not run as root is somebody else already."""
    monkeypatch.setenv("PATRONUS_CACHE", "/tmp")
    was = os.geteuid()
    if was == 0:
        os.seteuid(NOBODY)
    yield
    os.seteuid(was)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is all of PATH, readable for whoever the test becomes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        monkeypatch.setenv("PATH", name)
        yield folder


@pytest.mark.usefixtures("programs", "not_root")
def test_without_sudo_the_command_for_root_is_named() -> None:
    with pytest.raises(BuildError, match="as root: chown -R me 'a folder'"):
        as_root(["chown", "-R", "me", "a folder"])


def test_sudo_gets_the_command_and_the_owners_cache(programs: Path, request: pytest.FixtureRequest) -> None:
    (programs / "sudo").touch(mode=0o755)
    request.getfixturevalue("not_root")
    command = as_root(["id"])
    assert command[:2] == ["sudo", "env"]
    assert "PATRONUS_CACHE=/tmp" in command
    assert command[-1] == "id"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.usefixtures("programs")
def test_root_needs_no_sudo() -> None:
    assert as_root(["id"]) == ["id"]
