# SPDX-License-Identifier: GPL-2.0-or-later
"""What the audit log holds of parameters and of changes: short, and without secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from patronus.core.changes import differences, recorded, said
from patronus.core.model import Configuration, Strict
from patronus.core.redaction import redact
from patronus.core.values import Id


class Peer(Strict):
    id: Id
    name: str = "a"
    preshared_key: str | None = None


class Tunnels(Strict):
    listen: int = 1
    private_key: str = ""
    peers: tuple[Peer, ...] = ()


def config(**given: Any) -> Configuration:
    return Configuration({"vpn/tunnels": Tunnels.model_validate(given)})


def test_nested_secrets_are_masked_and_long_texts_are_named_by_their_hash() -> None:
    kept = redact({"user": "ann", "more": [{"api_token": "geheim", "note": "n"}], "files": {"a": "x" * 300}})
    assert kept["more"] == [{"api_token": "***", "note": "n"}] and kept["user"] == "ann"
    assert kept["files"]["a"].startswith("(300 characters, sha256 ")
    assert redact(list(range(30)))[-1] == "and 10 more" and redact({str(n): n for n in range(30)})["…"]


def test_depth_has_an_end() -> None:
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    assert len(json.dumps(redact(deep))) < 100


def test_before_and_after_are_told_item_by_item() -> None:
    old = config(listen=1, peers=[{"id": "p-1"}, {"id": "p-2"}])
    new = config(listen=2, peers=[{"id": "p-3", "name": "c"}, {"id": "p-1", "name": "b"}])
    assert recorded(differences(old, new)) == [
        {"path": "vpn/tunnels listen", "before": 1, "after": 2},
        {"path": "vpn/tunnels peers p-2", "before": {"id": "p-2"}, "after": None},
        {"path": "vpn/tunnels peers p-3", "before": None, "after": {"id": "p-3", "name": "c"}},
        {"path": "vpn/tunnels peers p-1.name", "before": "a", "after": "b"},
    ]


@pytest.mark.parametrize(
    "new",
    [
        {"private_key": "geheim"},
        {"peers": [{"id": "p-1", "preshared_key": "geheim"}]},
        {"peers": [{"id": "p-1"}, {"id": "p-2", "preshared_key": "geheim"}]},
    ],
)
def test_a_secret_is_neither_said_nor_recorded(new: dict[str, Any]) -> None:
    found = differences(config(peers=[{"id": "p-1"}]), config(**new))
    told = json.dumps(recorded(found)) + " ".join(said(found))
    assert found and "geheim" not in told


def test_many_changes_are_counted() -> None:
    found = differences(config(), config(peers=[{"id": f"p-{n}"} for n in range(80)]))
    assert len(recorded(found)) == len(said(found)) == 51
    assert said(found)[-1] == "and 30 more"
