# SPDX-License-Identifier: GPL-2.0-or-later
"""The file of accounts comes back as it was written; what else is read is refused."""

from __future__ import annotations

import json
from pathlib import Path
from string import ascii_lowercase, digits
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from patronus.core.errors import Conflict, NotFound, StorageError
from patronus.core.verb import Role
from patronus.secrets.accounts import AccountStore, parse_register, read_register
from patronus.secrets.register import (
    Account,
    ApiToken,
    CustomRole,
    Pattern,
    Register,
    SecondFactor,
)

NAMES = st.builds(
    str.__add__, st.sampled_from(ascii_lowercase), st.text(f"{ascii_lowercase}{digits}._-", max_size=31)
)
TEXT = st.text(max_size=20)
FACTORS = st.none() | st.builds(
    SecondFactor, last_step=st.integers(0, 2**40), recovery=st.lists(TEXT, max_size=3).map(tuple)
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def registers(draw: st.DrawFn) -> Register:
    own = [
        CustomRole(
            name=f"r-{name}", base=draw(st.sampled_from(["none", "viewer", "operator"])), verbs=("dns.*",)
        )
        for name in draw(st.lists(NAMES.map(lambda name: name[:20]), unique=True, max_size=3))
    ]
    roles = st.sampled_from(["viewer", "operator", "admin", *(role.name for role in own)])
    accounts = [
        Account(name=name, role=draw(roles), password=draw(TEXT), disabled=draw(st.booleans()),
                second_factor=draw(FACTORS), sources=tuple(draw(st.lists(TEXT, max_size=3))))
        for name in draw(st.lists(NAMES, unique=True, max_size=4))
    ]  # fmt: skip
    tokens = [
        ApiToken(identifier=str(number), digest=draw(TEXT), name="t", account=account.name, role=draw(roles),
                 created=0.0, expires=draw(st.floats(0, 1e12)))
        for number, account in enumerate(accounts)
    ]  # fmt: skip
    return Register(
        accounts=tuple(accounts), roles=tuple(own), tokens=tuple(tokens), set_up=draw(st.booleans())
    )


@settings(max_examples=50)
@given(registers())
def test_a_register_comes_back_as_it_was_written(register: Register) -> None:
    assert parse_register(json.dumps(register.model_dump(mode="json")).encode()) == register


@settings(max_examples=100)
@given(register=registers(), data=st.data())
def test_one_damage_anywhere_is_refused_or_is_a_register_all_the_same(
    register: Register, data: st.DataObject
) -> None:
    whole: Any = register.model_dump(mode="json")
    place, target = data.draw(st.sampled_from(sorted(whole))), whole
    target[place] = data.draw(ANYTHING)
    check(json.dumps(whole).encode())


@given(st.binary(max_size=200) | ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_nonsense_is_refused_and_nothing_else_happens(text: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        parse_register(text)


def check(text: bytes) -> None:
    """Read a text; what is taken has whole accounts, with roles that exist."""
    try:
        found = parse_register(text)
    except ValueError:
        return
    roles = [account.role for account in found.accounts] + [token.role for token in found.tokens]
    assert all(found.grant(role) is not None for role in roles)


def test_the_first_versions_file_is_read_and_its_code_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "accounts.json"
    old = {"accounts": [{"name": "anna", "role": "admin", "password": "$argon2id$x"}], "set_up": True}
    for code in (None, {"digest": "d", "boot_id": "b"}):
        file.write_text(json.dumps({**old, "code": code}))
        assert AccountStore(file).complaint is None
        assert read_register(file).account("anna").role == "admin"
    file.write_text(json.dumps({**old, "surprise": 1}))
    with pytest.raises(StorageError, match=r"accounts\.json is damaged: surprise"):
        read_register(file)


@pytest.mark.parametrize(
    "damage",
    [
        {"tokens": [{"account": "nobody"}]},
        {"tokens": [{"role": "king"}]},
        {"accounts": [{"name": "anna"}, {"name": "anna"}]},
        {"roles": [{"name": "admin"}]},
        {"roles": [{"verbs": ["dns.[a-z]*"]}]},
        {"roles": [{"base": "admin"}]},
    ],
)
def test_what_does_not_hold_together_is_no_register(damage: dict[str, Any]) -> None:
    whole = {
        "accounts": [{"name": "anna", "role": "admin", "password": "x"}],
        "roles": [{"name": "keeper", "base": "none", "verbs": ["dns.*"]}],
        "tokens": [{"identifier": "i", "digest": "d", "name": "t", "account": "anna", "role": "keeper",
                    "created": 0, "expires": 1}],
        "set_up": True,
    }  # fmt: skip
    assert parse_register(json.dumps({**whole, "schema_version": 2}).encode()).find("anna")
    key = next(iter(damage))
    whole[key] = [{**whole[key][0], **part} for part in damage[key]]  # type: ignore[index]
    with pytest.raises(ValidationError):
        parse_register(json.dumps({**whole, "schema_version": 2}).encode())


@pytest.mark.parametrize("good", ["*", "dns.*", "dns.FlushCache", "firewall.List*", "my-plugin.*"])
def test_a_pattern_that_names_verbs_is_taken(good: str) -> None:
    assert TypeAdapter(Pattern).validate_python(good) == good


@pytest.mark.parametrize(
    "bad", ["", "dns", "dns.", "*.List", "dns.?lush", "dns.[F]*", "d*.List", "dns.*x", "dns.*\n"]
)
def test_a_pattern_that_could_surprise_is_not(bad: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Pattern).validate_python(bad)


def test_a_role_that_somebody_has_stays() -> None:
    anna = Account(name="anna", role="admin", password="x")
    keeper = CustomRole(name="keeper", base="viewer", verbs=("dns.*",))
    register = Register().with_new(anna).with_role(keeper)
    register = register.with_new(Account(name="kim", role="keeper", password="x"))
    with pytest.raises(Conflict, match="held by kim"):
        register.without_role("keeper")
    assert register.without("kim").without_role("keeper").grant("keeper") is None
    with pytest.raises(NotFound):
        register.without_role("admin")
    changed = register.with_role(keeper.model_copy(update={"base": "operator"}))
    assert changed.wanted("keeper").base is Role.OPERATOR
