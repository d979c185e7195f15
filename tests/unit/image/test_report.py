# SPDX-License-Identifier: GPL-2.0-or-later
"""The build's figures: budgets that fail, a bill of materials that is the same for the same packages."""

from __future__ import annotations

import pytest

from image.host import BuildError
from image.report import BUDGETS, MB, check_budget, sbom

MANIFEST = {
    "packages": [
        {"name": "bash", "version": "5.2.37-2+b10", "architecture": "amd64", "type": "deb"},
        {"name": "tzdata", "version": "2026b-0+deb13u1", "architecture": "all", "type": "deb"},
    ]
}


@pytest.mark.parametrize("profile", BUDGETS)
def test_a_budget_holds_to_the_byte(profile: str) -> None:
    download, root, initrd = (allowed * MB for allowed in BUDGETS[profile])
    check_budget(profile, (download, root, initrd))
    for sizes, name in (
        ((download + 1, root, initrd), "download"),
        ((download, root + 1, initrd), "root slot used"),
        ((download, root, initrd + 1), "initrd"),
    ):
        with pytest.raises(BuildError, match=name):
            check_budget(profile, sizes)


def test_debug_has_no_budget() -> None:
    check_budget("debug", (10**12, 10**12, 10**12))


def test_the_bill_names_each_package_and_depends_on_nothing_else() -> None:
    bill = sbom(MANIFEST)
    components = bill["components"]
    assert isinstance(components, list)
    assert [part["purl"] for part in components] == [
        "pkg:deb/debian/bash@5.2.37-2+b10?arch=amd64",
        "pkg:deb/debian/tzdata@2026b-0+deb13u1?arch=all",
    ]
    assert sbom(MANIFEST) == bill
    assert sbom({"packages": MANIFEST["packages"][:1]})["serialNumber"] != bill["serialNumber"]
