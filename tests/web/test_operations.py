# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages of the audit log and of the repository, and their REST routes, before the real router."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.web.conftest import PASSWORD, Machine, Visitor

HTTPS = "https://git.example/router.git"


def test_the_audit_page_lists_what_was_done_and_finds_the_chain_whole(
    machine: Machine, page_visitor: Visitor, admin: Visitor
) -> None:
    page = page_visitor.ask("GET", "/audit?verb=accounts")
    assert page.status == 200 and "accounts.SetUp" in page.text and "engine.Boot" not in page.text
    chain = page_visitor.ask("GET", "/audit/verify")
    assert chain.status == 200 and "are as they were written" in chain.text
    head = admin.ask("GET", "/api/v1/audit/head").json()
    assert f"{head['number']}:" in chain.text
    found = admin.ask("GET", "/api/v1/audit?count=1").json()
    assert found["records"][0]["hash"] == head["hash"] and found["before"] == head["number"]


def test_the_repository_page_says_how_it_stands(
    machine: Machine, page_visitor: Visitor, admin: Visitor
) -> None:
    assert "No repository is named" in page_visitor.ask("GET", "/repository").text
    given = {"files": {"gitops.json": f'{{"url": "{HTTPS}"}}'}, "confirm_s": None}
    assert admin.ask("PUT", "/api/v1/config", given, If_Match="*").status == 200
    page = page_visitor.ask("GET", "/repository")
    assert page.status == 200 and HTTPS in page.text and "Nothing was fetched yet" in page.text
    assert admin.ask("GET", "/api/v1/gitops").json()["state"] == "waiting"
    assert admin.ask("GET", "/api/v1/gitops/diff").status == 404
    assert admin.ask("GET", "/api/v1/logging").json()["state"] == "off"


def test_the_page_of_updates_says_how_the_system_stands_and_why_nothing_comes(
    page_visitor: Visitor, admin: Visitor
) -> None:
    page = page_visitor.ask("GET", "/update")
    assert page.status == 200 and "name one as [update] source" in page.text
    assert admin.ask("GET", "/api/v1/update").json()["state"] == "idle"
    assert "Look how healthy it is" in page.text
    refused = admin.ask("POST", "/api/v1/update/check", {})
    assert refused.status == 400 and "[update] source" in refused.text
    refused = admin.ask("POST", "/api/v1/update/apply", {"source": "file:///run/media/stick"})
    assert refused.status == 409 and "not known how the slots stand" in refused.text, "it has no slots"


def test_the_page_of_the_installation_shows_the_disks_and_wants_ones_name(
    page_visitor: Visitor, admin: Visitor
) -> None:
    page, status = page_visitor.ask("GET", "/install"), admin.ask("GET", "/api/v1/installer").json()
    assert page.status == 200 and status["state"] == "idle"
    assert all(f"<h2>{disk['name']}</h2>" in page.text for disk in status["disks"])
    refused = page_visitor.submit("/install", disk="nosuchdisk", typed="another")
    assert refused.status == 400 and "this is not nosuchdisk" in refused.text
    refused = page_visitor.submit("/install", disk="nosuchdisk", typed="/dev/nosuchdisk")
    assert refused.status == 404 and "there is no disk nosuchdisk" in refused.text
    assert admin.ask("POST", "/api/v1/installer", {"disk": "../sda", "typed": "../sda"}).status == 400


def test_the_router_says_what_it_runs_and_signs_it(admin: Visitor) -> None:
    found = admin.ask("GET", "/api/v1/system/attestation?nonce=5f3a").json()
    said = json.loads(found["statement"])
    assert said["nonce"] == "5f3a" and said["audit"]["number"] > 0
    key = load_pem_public_key(found["key"].encode())
    assert isinstance(key, Ed25519PublicKey)
    key.verify(base64.b64decode(found["signature"]), found["statement"].encode())
    assert admin.ask("GET", "/api/v1/system/attestation?nonce=a%20b").status == 400


def test_a_factory_reset_wants_the_routers_name_and_ones_own_password(
    page_visitor: Visitor, admin: Visitor
) -> None:
    assert "Wipe this router" in page_visitor.ask("GET", "/backup").text
    path, name = "/api/v1/system/factory-reset", admin.ask("GET", "/api/v1/system/status").json()["hostname"]
    assert admin.ask("POST", path, {"hostname": "another", "password": PASSWORD}).status == 400
    assert admin.ask("POST", path, {"hostname": name}).status == 401
    refused = page_visitor.submit("/backup/factory-reset", hostname=name, password="a wrong password")
    assert refused.status == 401 and "is wrong" in refused.text
    done = page_visitor.submit("/backup/factory-reset", hostname=name, password=PASSWORD)
    assert done.status == 200 and "is being wiped" in done.text


def test_the_health_of_the_router_is_looked_at_and_shown(page_visitor: Visitor, admin: Visitor) -> None:
    given = {"files": {"gitops.json": "{}"}, "confirm_s": 600}
    assert admin.ask("PUT", "/api/v1/config", given, If_Match="*").status == 200
    assert "is the confirmed one" in health(admin)["configuration"]["said"]
    assert admin.ask("POST", "/api/v1/config/confirm", {}).status == 200
    found = health(admin)
    assert all(found[name]["well"] for name in ("configuration", "dhcp", "dns", "units")), found
    assert "patronus.home.arpa is answered" in found["dns"]["said"]
    assert "patronus.home.arpa is answered" in page_visitor.ask("GET", "/update").text


def health(admin: Visitor) -> dict[str, Any]:
    """Look, and return what was found by name; these pages listen elsewhere, so one thing is never well."""
    report = admin.ask("GET", "/api/v1/update/health").json()
    found = {one["name"]: one for one in report["findings"]}
    assert "nobody answers" in found["page"]["said"]
    assert not report["healthy"]
    return found
