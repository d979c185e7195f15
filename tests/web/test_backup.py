# SPDX-License-Identifier: GPL-2.0-or-later
"""Secrets and backups over REST: what goes in does not come out, and a backup goes both ways."""

from __future__ import annotations

import base64
from typing import Any

from tests.web.conftest import Machine, Visitor

VALUE = "bm8gcHJpdmF0ZSBrZXkgZWl0aGVy"
PASSWORD = "battery horse correct"
API = "/api/v1"


def test_a_secret_is_put_listed_and_deleted_and_never_shown(machine: Machine, admin: Visitor) -> None:
    assert admin.ask("PUT", f"{API}/secrets/wg-rest", {"secret": VALUE}).status == 200
    listed = admin.ask("GET", f"{API}/secrets")
    assert "wg-rest" in [item["name"] for item in listed.json()["secrets"]]
    assert VALUE not in listed.text + admin.ask("GET", f"{API}/vault").text
    assert admin.ask("GET", f"{API}/secrets/wg-rest").status == 405
    assert admin.ask("DELETE", f"{API}/secrets/wg-rest").status == 200
    assert admin.ask("DELETE", f"{API}/secrets/wg-rest").status == 404
    assert admin.ask("PUT", f"{API}/secrets/a.b", {"secret": VALUE}).status == 400


def test_a_viewer_sees_neither_secrets_nor_backups(machine: Machine, admin: Visitor) -> None:
    person = {"name": "vera", "role": "viewer", "password": "correct horse viewer"}
    assert admin.ask("POST", f"{API}/accounts", person).status == 200
    viewer = machine.visitor("127.0.0.9")
    entry = viewer.ask("POST", f"{API}/session", {"name": "vera", "password": person["password"]})
    viewer.bearer = entry.json()["token"]
    for method, path, data in (
        ("GET", "/secrets", None), ("PUT", "/secrets/a", {"secret": "x"}), ("GET", "/vault", None),
        ("POST", "/backup", {"password": PASSWORD}), ("POST", "/vault/rotate", {}),
    ):  # fmt: skip
        assert viewer.ask(method, f"{API}{path}", data).status == 403, path
    assert admin.ask("DELETE", f"{API}/accounts/vera").status == 200


def test_a_backup_goes_out_and_comes_back(machine: Machine, admin: Visitor) -> None:
    admin.ask("PUT", f"{API}/secrets/wg-rest", {"secret": VALUE})
    made = admin.ask("POST", f"{API}/backup", {"password": PASSWORD})
    assert made.status == 200, made.text
    file = made.json()["backup"]
    assert VALUE.encode() not in base64.b64decode(file)
    given: dict[str, Any] = {"backup": file, "password": PASSWORD}
    described = admin.ask("POST", f"{API}/backup/inspect", given).json()
    assert described["secrets"] == ["wg-rest"] and VALUE not in str(described)
    admin.ask("DELETE", f"{API}/secrets/wg-rest")
    wrong = admin.ask("POST", f"{API}/backup/restore", {**given, "password": "battery horse wrong"})
    assert wrong.status == 403 and "password is wrong" in wrong.text
    cut = admin.ask("POST", f"{API}/backup/restore", {**given, "backup": file[:-8]})
    assert cut.status == 400 and "cut short" in cut.text
    assert admin.ask("GET", f"{API}/secrets").json()["secrets"] == []
    done = admin.ask("POST", f"{API}/backup/restore", given)
    assert done.status == 200, done.text
    assert done.json()["secrets"] == 1 and done.headers["ETag"]
    assert [item["name"] for item in admin.ask("GET", f"{API}/secrets").json()["secrets"]] == ["wg-rest"]
    admin.ask("DELETE", f"{API}/secrets/wg-rest")
