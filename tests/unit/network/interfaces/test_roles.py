# SPDX-License-Identifier: GPL-2.0-or-later
"""A NIC keeps its role whatever it is called; in doubt it keeps none, loudly."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from patronus.core.link import Nic
from patronus.core.problem import Severity
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.roles import Binding, bind

A, B, C = (f"52:54:00:00:00:0{n}" for n in "123")
P1, P2, P3 = (f"pci-0000:00:0{n}.0" for n in "123")


def bound(matches: dict[str, dict[str, str]], nics: list[Nic]) -> Binding:
    data = [{"id": role, "match": match} for role, match in matches.items()]
    return bind(Interfaces.model_validate({"interfaces": data}).interfaces, nics)


def names(binding: Binding) -> dict[str, str | None]:
    return {role: nic.name if nic else None for role, nic in binding.nics.items()}


@pytest.mark.parametrize("order", list(permutations(["eth0", "eth1", "eth2"])))
def test_the_mac_finds_the_nic_however_the_kernel_numbers_them(order: tuple[str, ...]) -> None:
    nics = [Nic(name, mac, path) for name, mac, path in zip(order, (A, B, C), (P1, P2, P3), strict=True)]
    found = bound({"wan": {"mac": B, "path": P2}, "lan": {"mac": A}}, sorted(nics, key=lambda nic: nic.name))
    assert names(found) == {"wan": order[1], "lan": order[0]}
    assert found.warnings == ()


def test_the_mac_decides_where_the_path_points_elsewhere() -> None:
    nics = [Nic("eth0", A, P2), Nic("eth1", B, P1)]
    found = bound({"lan": {"mac": A, "path": P1}, "wan": {"mac": B, "path": P2}}, nics)
    assert names(found) == {"lan": "eth0", "wan": "eth1"}
    assert found.warnings == ()


def test_a_changed_mac_is_found_by_path_and_reported() -> None:
    found = bound({"lan": {"mac": A, "path": P1}}, [Nic("eth0", C, P1)])
    assert names(found) == {"lan": "eth0"}
    (told,) = found.warnings
    assert (C in told.message, A in told.message, told.severity) == (True, True, Severity.WARNING)


def test_a_changed_mac_without_a_path_is_not_found() -> None:
    assert names(bound({"lan": {"mac": A}}, [Nic("eth0", C, P1)])) == {"lan": None}


def test_a_path_alone_says_nothing_about_the_mac() -> None:
    found = bound({"lan": {"path": P1}}, [Nic("eth0", C, P1)])
    assert (names(found), found.warnings) == ({"lan": "eth0"}, ())


def test_a_nic_that_another_role_has_by_mac_is_not_taken_by_path() -> None:
    found = bound({"lan": {"mac": A, "path": P1}, "wan": {"mac": B, "path": P2}}, [Nic("eth0", B, P1)])
    assert names(found) == {"lan": None, "wan": "eth0"}


AMBIGUOUS: dict[str, Any] = {
    "two NICs with the MAC": ({"lan": {"mac": A}}, [Nic("eth0", A, P1), Nic("eth1", A, P2)], ["lan"]),
    "two NICs at the path": ({"lan": {"path": P1}}, [Nic("eth0", A, P1), Nic("eth1", B, P1)], ["lan"]),
    "two roles for one NIC": (
        {"lan": {"mac": C, "path": P1}, "dmz": {"path": P1}},
        [Nic("eth0", A, P1)],
        ["lan", "dmz"],
    ),
}


@pytest.mark.parametrize("case", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_two_matches_keep_the_role_down_and_only_that_role(case: Any) -> None:
    matches, nics, down = case
    found = bound(
        {**matches, "other": {"mac": "52:54:00:00:00:99"}}, [*nics, Nic("eth9", "52:54:00:00:00:99")]
    )
    assert names(found) == {**dict.fromkeys(down), "other": "eth9"}
    assert len(found.warnings) == len(down)
    assert all("down" in told.message for told in found.warnings)


def test_a_missing_nic_degrades_only_itself() -> None:
    found = bound({"wan": {"mac": B}, "lan": {"mac": A}}, [Nic("eth0", A, P1)])
    assert names(found) == {"wan": None, "lan": "eth0"}
    assert [told.path for told in found.warnings] == [("network/interfaces", "interfaces", 0, "match")]
