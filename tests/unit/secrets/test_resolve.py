# SPDX-License-Identifier: GPL-2.0-or-later
"""A file names a secret; the plan knows its name and version, and nobody the secret."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import Field

from patronus.core.errors import Conflict, InvalidRequest
from patronus.core.feature import Earlier
from patronus.core.model import Configuration, Section, Strict
from patronus.core.problem import Severity
from patronus.core.schema import Schema
from patronus.core.secret import SecretRef, can_name, named_secrets
from patronus.core.values import Id
from patronus.core.verb import Caller, Nothing, Role
from patronus.secrets.resolve import SecretsFeature
from patronus.secrets.vault import Vault
from patronus.secrets.vault_verbs import Named, SetSecret, VaultVerbs, verbs
from tests.unit.secrets.test_vault import Device, quick

ADMIN = Caller("ann", Role.ADMIN)


class Peer(Strict):
    id: Id
    shared: SecretRef | None = None


class Tunnel(Strict):
    id: Id
    key: SecretRef = Field(alias="private-key")
    peers: tuple[Peer, ...] = ()


class Tunnels(Strict):
    tunnels: tuple[Tunnel, ...] = ()
    default: dict[str, SecretRef] = {}


class Plain(Strict):
    names: tuple[Id, ...] = ()


TEXT = """tunnels:
  - id: home
    private-key: {secret: wg-home}
    peers: [{id: a}, {id: b, shared: {secret: psk}}]
default: {eu: {secret: wg-home}}
"""


def load(text: str) -> tuple[Configuration, list[str]]:
    schema = Schema([Section("vpn/tunnels", Tunnels), Section("plain", Plain)], lambda digits: "0" * digits)
    loaded = schema.load({"vpn/tunnels.yaml": text})
    return loaded.config, [problem.render() for problem in loaded.problems]


class Control:
    """An engine that runs one configuration and counts refreshes."""

    def __init__(self, text: str) -> None:
        self.config = load(text)[0]
        self.refreshed: list[str] = []

    def refresh(self, reason: str) -> None:
        self.refreshed.append(reason)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "secrets.d", Device(), quick)


def feature(vault: Vault) -> SecretsFeature:
    return SecretsFeature(cast(Any, SimpleNamespace(secrets=vault)))


def do(vault: Vault, text: str = TEXT) -> tuple[VaultVerbs, Control]:
    control = Control(text)
    return VaultVerbs(vault, cast(Any, control), tpm=False), control


def test_every_place_that_names_a_secret_is_found_under_the_files_own_keys() -> None:
    config, problems = load(TEXT)
    assert problems == []
    assert [(one.path[1:], one.name) for one in named_secrets(config)] == [
        (("tunnels", 0, "private-key"), "wg-home"),
        (("tunnels", 0, "peers", 1, "shared"), "psk"),
        (("default", "eu"), "wg-home"),
    ] or {one.name for one in named_secrets(config)} == {"wg-home", "psk"}
    assert len(named_secrets(config)) == 3
    assert can_name(Tunnels) and not can_name(Plain)


@pytest.mark.parametrize(
    "written", ["{secret: ../etc}", "{secret: a.b}", "{secret: A}", "{secret: 1}", "a private key", "{}"]
)
def test_what_is_no_name_is_refused_with_its_place(written: str) -> None:
    _, problems = load(f"tunnels: [{{id: home, private-key: {written}}}]\n")
    assert len(problems) == 1 and problems[0].startswith("vpn/tunnels.yaml:1 tunnels[0].private-key")


def test_a_plan_holds_name_and_version_and_changes_with_the_secret(vault: Vault) -> None:
    config, it = load(TEXT)[0], feature(vault)
    vault.write("wg-home", b"a private key")
    vault.write("psk", b"shared by two")
    plan = it.plan(config, it.facts(), Earlier())
    assert it.plan(config, it.facts(), Earlier()) == plan and not list(it.rehearse(plan))
    shown = repr(plan) + json.dumps(asdict(plan))
    assert "wg-home" in shown and "a private key" not in shown and "shared by two" not in shown
    handle = plan.handle(config.get(Tunnels).tunnels[0].key)
    assert vault.read(handle.name) == b"a private key"
    vault.write("wg-home", b"another")
    assert it.plan(config, it.facts(), Earlier()) != plan


def test_a_missing_secret_is_a_warning_and_a_difference_until_it_is_given(vault: Vault) -> None:
    config, it = load(TEXT)[0], feature(vault)
    vault.write("psk", b"1")
    plan = it.plan(config, it.facts(), Earlier())
    found = list(it.rehearse(plan))
    assert {problem.severity for problem in found} == {Severity.WARNING}
    assert {problem.value for problem in found} == {"wg-home"}
    assert [one.what for one in it.observe(plan)] == ["secret wg-home"]
    vault.write("wg-home", b"2")
    assert list(it.observe(plan)) == []


def test_no_verb_returns_a_secret_and_every_parameter_that_is_one_says_so(vault: Vault) -> None:
    it, control = do(vault)
    it.set(ADMIN, SetSecret(name="wg-home", secret="a private key"))
    said = it.list(ADMIN, Nothing()).model_dump_json() + it.status(ADMIN, Nothing()).model_dump_json()
    assert "wg-home" in said and "a private key" not in said
    for verb in verbs(vault, cast(Any, control), tpm=False):
        properties = verb.describe()["parameters"].get("properties", {})
        for name, schema in properties.items():
            assert (schema.get("writeOnly") is True) is (name in ("secret", "password")), (verb.name, name)


def test_a_secret_that_is_used_is_applied_when_set_and_not_deleted(vault: Vault) -> None:
    it, control = do(vault)
    it.set(ADMIN, SetSecret(name="wg-home", secret="1"))
    it.set(ADMIN, SetSecret(name="unused", secret="AP8=", encoding="base64"))
    assert control.refreshed == ["the secret wg-home was given"]
    assert vault.read("unused") == b"\0\xff"
    with pytest.raises(Conflict, match=r"used by vpn/tunnels .*tunnels\[0\]\.private-key"):
        it.delete(ADMIN, Named(name="wg-home"))
    it.delete(ADMIN, Named(name="unused"))
    found = it.list(ADMIN, Nothing())
    assert [one.name for one in found.secrets] == ["wg-home"]
    assert [one.name for one in found.missing] == ["psk"]


def test_secrets_of_other_rooms_are_neither_shown_nor_touched(vault: Vault) -> None:
    it, _ = do(vault)
    vault.write("accounts.totp.ann", b"1")
    assert it.list(ADMIN, Nothing()).secrets == []
    for model in (lambda: Named(name="accounts.totp.ann"), lambda: SetSecret(name="a.b", secret="")):
        with pytest.raises(ValueError, match="not a secret's name"):
            model()
    assert vault.names() == ["accounts.totp.ann"]


def test_base64_that_is_none_is_refused_without_repeating_it(vault: Vault) -> None:
    with pytest.raises(InvalidRequest, match=r"^secret: not base64$"):
        do(vault)[0].set(ADMIN, SetSecret(name="a", secret="hunter2!", encoding="base64"))
