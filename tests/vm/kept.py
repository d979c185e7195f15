# SPDX-License-Identifier: GPL-2.0-or-later
"""What a router has to keep whichever version runs, given to it and looked for again."""

import json
from dataclasses import dataclass
from typing import Any

from tests.vm.lab import Lab
from tests.vm.test_9_doors import BASE, PASSWORD, ask
from tests.vm.updating import LOOK_S, status

ADMINISTRATOR = "anna"
BLOCKED = "203.0.113.77"
SECRET = "wg-home"
FILE = "/var/lib/patronus/kept"
ENTRY = ("number", "time", "actor", "comment")


@dataclass(frozen=True)
class Kept:
    """What was leased and written down, and by what somebody may come in, or may no more."""

    address: str
    token: str
    revoked: str
    session: str
    history: list[dict[str, Any]]


def keep_all(lab: Lab) -> Kept:
    """Give the router what it has to keep."""
    lab.guest.succeed(f"patronus block {BLOCKED} && echo kept >{FILE}", timeout_s=LOOK_S)
    lab.guest.succeed(f"echo 'a private key' | patronus secret set {SECRET}", timeout_s=LOOK_S)
    lab.guest.succeed(f"echo '{PASSWORD}' | patronus user add {ADMINISTRATOR} --role admin", timeout_s=LOOK_S)
    add = f"token add {{}} --account {ADMINISTRATOR} --role viewer"
    token, revoked = (_said(lab, add.format(name)) for name in ("stays", "goes"))
    lab.guest.succeed(f"patronus token revoke {revoked['id']}", timeout_s=LOOK_S)
    address = lab.lease()
    code, said = ask(lab, "POST", "/session", {"name": ADMINISTRATOR, "password": PASSWORD})
    assert code in (200, 201), said
    kept = Kept(address, token["token"], revoked["token"], json.loads(said)["token"], _history(lab))
    assert _may_come_in(lab, kept.session)
    lab.guest.succeed(f"patronus session end --account {ADMINISTRATOR}", timeout_s=LOOK_S)
    _lets_in_whom_it_let_in(lab, kept)
    return kept


def has_all(lab: Lab, kept: Kept) -> None:
    """Configuration, leases, secrets, revocations, blocks and history lie where no slot reaches."""
    assert BLOCKED in lab.guest.succeed("nft list ruleset")
    assert lab.guest.succeed(f"cat {FILE}") == "kept\n"
    assert status(lab)["source"].startswith("https://"), "its configuration is read"
    leased = [one["address"] for one in _said(lab, "leases")["leases"]]
    assert kept.address in leased, leased
    assert SECRET in [one["name"] for one in _said(lab, "secret list")["secrets"]]
    assert _said(lab, "secret status")["state"] == "open"
    now = _history(lab)
    assert now[: len(kept.history)] == kept.history, now
    assert len(now) > len(kept.history), "the source of updates was named since"
    assert lab.lease() == kept.address
    _lets_in_whom_it_let_in(lab, kept)


def is_held_by_secure_boot(lab: Lab, version: str) -> None:
    """The router itself says so, signed."""
    said = json.loads(_said(lab, "attest")["statement"])
    assert (said["version"], said["secure_boot"], said["lockdown"]) == (version, True, "integrity"), said


def _said(lab: Lab, words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lab.guest.succeed(f"patronus --json {words}", timeout_s=LOOK_S))
    return found


def _history(lab: Lab) -> list[dict[str, Any]]:
    """Return the generations, the oldest first."""
    found = _said(lab, "config log --count 100")["generations"]
    return [{name: one[name] for name in ENTRY} for one in reversed(found)]


def _lets_in_whom_it_let_in(lab: Lab, kept: Kept) -> None:
    opened = [_may_come_in(lab, one) for one in (kept.token, kept.revoked, kept.session)]
    assert opened == [True, False, False], opened


def _may_come_in(lab: Lab, token: str) -> bool:
    """Return whether the REST interface takes a token, from a host of the LAN."""
    argv = ["curl", "--silent", "--insecure", "--max-time", "90", "--output", "/dev/null"]
    argv += ["--write-out", "%{http_code}", "--header", f"Authorization: Bearer {token}"]
    code = lab.client.succeed([*argv, f"{BASE}/system/status"], timeout_s=100)
    assert code in ("200", "401"), code
    return code == "200"
