# SPDX-License-Identifier: GPL-2.0-or-later
"""What an owner's folder may hold, and where it lies in the image; the rest is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from image.host import BuildError
from image.own import CREDENTIALS, Own, lay_out, read
from patronus.daemon.credentials import first_files
from tests.web.plugin import build


def put(folder: Path, name: str, text: str = "x") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_all_parts_are_read_and_laid_out(tmp_path: Path) -> None:
    put(tmp_path / "own", "packages", "# to look at packets\ntcpdump\n\nmtr-tiny  # by hand\n")
    put(tmp_path / "own", "files/usr/bin/greet", "#!/bin/sh\n").chmod(0o755)
    put(tmp_path / "own", "configuration/network/dns.yaml", "listen: [lan]\n")
    put(tmp_path / "own", "configuration/patronus.toml", "[system]\n")
    (tmp_path / "own/plugins").mkdir()
    build(tmp_path / "own/plugins")
    own = read(tmp_path / "own")
    assert own.packages == ("tcpdump", "mtr-tiny")
    assert [plugin.name for plugin in own.plugins] == ["patronus-wol"]
    lay_out(own, tmp_path / "root")
    assert (tmp_path / "root/usr/bin/greet").stat().st_mode & 0o111
    given = {path.name: path.read_text() for path in (tmp_path / "root" / CREDENTIALS).iterdir()}
    assert first_files(given, {}) == {"network/dns.yaml": "listen: [lan]\n", "patronus.toml": "[system]\n"}


def test_an_empty_folder_adds_nothing(tmp_path: Path) -> None:
    assert read(tmp_path) == Own()
    lay_out(read(tmp_path), tmp_path / "root")
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("package", "tcpdump", "holds package"),
        ("packages", "tcpdump\nTcp Dump\n", "packages:2: 'Tcp Dump' is no name of a Debian package"),
        ("packages", "--all\n", "packages:1"),
        ("files/etc/motd", "x", "etc/motd lies outside usr"),
        ("configuration/network/dns.yml", "x", "dns.yml is no file of the configuration"),
        ("configuration/Network/dns.yaml", "x", "dns.yaml is no file of the configuration"),
        ("plugins/notes.txt", "x", "no Debian package"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(tmp_path: Path, name: str, text: str, said: str) -> None:
    put(tmp_path, name, text)
    with pytest.raises(BuildError, match=said):
        read(tmp_path)


def test_links_and_missing_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="is no folder"):
        read(tmp_path / "nowhere")
    put(tmp_path, "files/usr/share/x")
    (tmp_path / "files/usr/share/y").symlink_to("/etc/passwd")
    with pytest.raises(BuildError, match="y is neither a file nor a folder"):
        read(tmp_path)


def test_a_file_of_ours_is_not_replaced(tmp_path: Path) -> None:
    put(tmp_path / "own", "files/usr/bin/patronus")
    put(tmp_path / "root", "usr/bin/patronus", "ours")
    with pytest.raises(BuildError, match="usr/bin/patronus is already there"):
        lay_out(read(tmp_path / "own"), tmp_path / "root")
    assert (tmp_path / "root/usr/bin/patronus").read_text() == "ours"


def test_every_part_changes_the_fingerprint(tmp_path: Path) -> None:
    seen = {read(tmp_path).contents()}
    for name, text in (
        ("packages", "tcpdump"),
        ("files/usr/a", "1"),
        ("files/usr/a", "2"),
        ("configuration/patronus.toml", "x = 1"),
    ):
        put(tmp_path, name, text)
        seen.add(read(tmp_path).contents())
    (tmp_path / "files/usr/a").chmod(0o755)
    seen.add(read(tmp_path).contents())
    assert len(seen) == 6
