# SPDX-License-Identifier: GPL-2.0-or-later
"""What a release is: its files by their names, its version by its numbers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from patronus.core.errors import InvalidRequest
from patronus.update.release import describe, releases
from patronus.update.version import is_version, rank

ID = "0123456789abcdef0123456789abcdef"
TRANSFERS = Path(__file__).parents[3] / "rootfs/usr/lib/sysupdate.d"


def sums(*names: str) -> str:
    return "".join(f"{'0' * 64}  {name}\n" for name in names)


def whole(version: str) -> list[str]:
    return [
        f"patronus_{version}.efi",
        f"patronus_{version}.release.json",
        f"patronus_{version}_{ID}.root.gz",
        f"patronus_{version}_{ID}.verity.gz",
    ]


def test_versions_are_ordered_by_number_and_not_by_letter() -> None:
    listed = releases(sums(*whole("0.9.0"), *whole("0.10.0"), *whole("0.2"), "patronus_0.9.0.manifest"))
    assert [release.version for release in listed] == ["0.10.0", "0.9.0", "0.2"]
    assert not any(release.missing for release in listed)
    assert rank("1.0") < rank("1.0.1")


@pytest.mark.parametrize("text", ["", "1.", "a", "1..2", "1.2.3.4.5", "1.2-rc1", "../1", "1" * 10])
def test_what_is_no_version_is_none(text: str) -> None:
    assert not is_version(text)
    with pytest.raises(ValueError, match="no version"):
        rank(text)


def test_a_set_tells_what_it_lacks() -> None:
    (release,) = releases(sums(*whole("0.2.0")[:3]))
    assert release.missing == ["verity"]


@pytest.mark.parametrize(
    "line", ["0" * 64, "x" * 64 + "  a", "0" * 64 + "  ../a", "0" * 64 + "  a/b", "-----"]
)
def test_a_line_that_is_no_sum_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(InvalidRequest, match="SHA256SUMS:2: "):
        releases(sums("a") + line + "\n")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"root": {"bytes": 0, "sha256": "0" * 64}}, r"root\.bytes"),
        ({"uki": "x"}, "uki"),
        ({"version": "1"}, "describes"),
    ],
)
def test_a_description_that_is_no_sense_is_refused_with_the_place(
    change: dict[str, object], said: str
) -> None:
    part = {"bytes": 1, "sha256": "0" * 64}
    good = {"version": "0.2.0", "profile": "minimal", "schema_version": 1, "schema_from": 1, "uki": 1,
            "root": part, "verity": part}  # fmt: skip
    assert describe(json.dumps(good).encode(), "0.2.0").profile == "minimal"
    with pytest.raises(InvalidRequest, match=f"patronus_0.2.0.release.json.*{said}"):
        describe(json.dumps({**good, **change}).encode(), "0.2.0")


def test_systemd_sysupdate_looks_for_the_very_names() -> None:
    patterns = {}
    for path in TRANSFERS.glob("*.transfer"):
        text = path.read_text()
        assert "Verify=yes" in text
        assert "ProtectVersion=%A" in text
        (patterns[path.stem], _) = re.findall(r"MatchPattern=(\S+)", text)
    assert sorted(patterns) == ["10-verity", "20-root", "30-uki"], "the boot entry comes last"
    found = {pattern.replace("@v", "0.2.0").replace("@u", ID) for pattern in patterns.values()}
    assert found == {name for name in whole("0.2.0") if not name.endswith(".json")}
