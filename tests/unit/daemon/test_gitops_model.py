# SPDX-License-Identifier: GPL-2.0-or-later
"""The section gitops: what can be written in it, and what is refused before anything is fetched."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from patronus.core.model import Configuration
from patronus.core.problem import Severity
from patronus.daemon.gitops.check import Programs, check
from patronus.daemon.gitops.model import GitOps

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOtaVjSamIF+tnGXksEImXOiKiZXwHMEg6M0Al3nRAPj"
SSH = "ssh://git@git.example:2222/net/router.git"
LOGIN = {"password": {"secret": "git"}}
HTTPS = "https://git.example/net/router.git"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"url": HTTPS, "branch": "release/1.0", "folder": "sites/home"},
        {"url": SSH, "known_hosts": [KEY], "signers": [f"ann@home.example {KEY}"]},
        {"url": HTTPS, "interval": "1h", "confirm": "30s", "mode": "apply", "on_drift": "restore"},
        {"url": HTTPS, "login": {"user": "router@home.example", "password": {"secret": "git"}}},
        {"url": HTTPS, "login": LOGIN},
        {"url": HTTPS, "ca": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"},
    ],
)
def test_what_can_be_written(given: dict[str, Any]) -> None:
    GitOps.model_validate(given)


@pytest.mark.parametrize(
    "given",
    [
        {"url": "http://git.example/router.git"},
        {"url": "git://git.example/router.git"},
        {"url": "file:///etc"},
        {"url": "https://ann:secret@git.example/router.git"},
        {"url": "https://ann@git.example/router.git"},
        {"url": "ssh://git.example/router.git"},
        {"url": "ssh://-oProxyCommand=x@git.example/router.git"},
        {"url": "https://git.example/router.git?x=y"},
        {"url": "https://git.example/"},
        {"url": HTTPS, "login": {"password": "glpat-geheim"}},
        {"url": HTTPS, "login": {"user": "router"}},
        {"url": HTTPS, "login": {"user": "ann:bob", "password": {"secret": "git"}}},
        {"url": HTTPS, "login": {"user": "ann\r\nX: y", "password": {"secret": "git"}}},
        {"branch": "../main"},
        {"branch": "-x"},
        {"branch": "a..b"},
        {"branch": "a.lock"},
        {"branch": "a b"},
        {"folder": "../etc"},
        {"folder": "/etc"},
        {"folder": "a/./b"},
        {"interval": "10s"},
        {"confirm": "1s"},
        {"signers": [KEY]},
        {"signers": [f"ann,bob {KEY}"]},
        {"signers": [f"* {KEY}"]},
        {"signers": [f"ann {KEY}\n* {KEY}"]},
        {"signers": [f"ann cert-authority {KEY}"]},
        {"known_hosts": [f"* {KEY}"]},
        {"known_hosts": [f"@revoked {KEY}"]},
        {"ca": "/etc/ssl/ca.pem"},
        {"ca": "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"},
        {"mode": "force"},
        {"password": "x"},
    ],
)
def test_what_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GitOps.model_validate(given)


@pytest.mark.parametrize(
    ("given", "path", "severity"),
    [
        ({"url": SSH}, "known_hosts", Severity.ERROR),
        ({"url": HTTPS, "known_hosts": [KEY]}, "known_hosts", Severity.ERROR),
        (
            {"url": SSH, "known_hosts": [KEY], "login": {"password": {"secret": "git"}}},
            "login",
            Severity.ERROR,
        ),
        ({"url": HTTPS, "mode": "apply"}, "signers", Severity.WARNING),
        ({"url": HTTPS}, None, None),
        ({"url": HTTPS, "mode": "apply", "signers": [f"ann {KEY}"]}, None, None),
    ],
)
def test_what_does_not_fit_together(
    given: dict[str, Any], path: str | None, severity: Severity | None
) -> None:
    found = list(check(Configuration({"gitops": GitOps.model_validate(given)})))
    assert [(one.path[1], one.severity) for one in found] == ([(path, severity)] if path else [])


@pytest.mark.parametrize(
    ("programs", "given", "missing"),
    [
        (Programs(), {"url": SSH, "known_hosts": [KEY]}, None),
        (Programs(git=False), {"url": HTTPS}, "python3-dulwich"),
        (Programs(git=False), {}, None),
        (Programs(ssh=False), {"url": SSH, "known_hosts": [KEY]}, "openssh-client"),
        (Programs(ssh=False, keygen=False), {"url": HTTPS}, None),
        (Programs(keygen=False), {"url": HTTPS, "signers": [f"ann {KEY}"]}, "openssh-client"),
    ],
)
def test_what_an_image_lacks_is_named(programs: Programs, given: dict[str, Any], missing: str | None) -> None:
    assert programs.missing(GitOps.model_validate(given)) == missing
