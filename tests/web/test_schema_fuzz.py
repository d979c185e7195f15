# SPDX-License-Identifier: GPL-2.0-or-later
"""REST is what its OpenAPI document says: schemathesis asks what the document allows, and what it forbids.

What it draws is fixed by a seed; how often, by PATRONUS_FUZZ_EXAMPLES (for each operation and kind of data).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from requests.adapters import HTTPAdapter
from schemathesis import DataGenerationMethod, GenerationConfig
from schemathesis.checks import (
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.models import APIOperation, Case
from schemathesis.parameters import ParameterSet
from schemathesis.specs.openapi.negative import mutations
from schemathesis.types import NotSet

from tests.web.conftest import Machine, Visitor
from tests.web.test_api import NO_FUZZ
from webui.server import limit_request_line

SEED = 20261122
EXAMPLES = int(os.environ.get("PATRONUS_FUZZ_EXAMPLES", "8"))
LACKING = "Operation not supported"
OWN_TOKEN = GenerationConfig(with_security_parameters=False)
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)


class AnyName(HTTPAdapter):
    """Trusts the router's own certificate under whatever name it is asked."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, assert_hostname=False, **options)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def session(machine: Machine, admin: Visitor) -> Iterator[requests.Session]:
    """Return connections to the real server, with the administrator's token."""
    with requests.Session() as session:
        session.mount("https://", AnyName())
        session.verify = str(admin.folder / "tls.crt")
        session.headers["Authorization"] = f"Bearer {admin.bearer}"
        yield session


@pytest.fixture(scope="module")
def operations(machine: Machine, admin: Visitor) -> list[APIOperation[Any, Any]]:
    """Return what the server's own document describes and may be asked at random."""
    schemathesis.experimental.OPEN_API_3_1.enable()
    mutations.DEPENDENCIES.clear()  # exclusiveMinimum needed a minimum in OpenAPI 3.0; in 3.1 it stands alone
    document = admin.ask("GET", "/api/v1/openapi.json").json()
    schema = schemathesis.from_dict(document, base_url=f"{machine.url}/api/v1", generation_config=OWN_TOKEN)
    found = [result.ok() for result in schema.get_all_operations()]
    return [one for one in found if one.definition.raw["operationId"] not in NO_FUZZ]


def left_out(case: Case) -> bool:
    """Return whether the case sends no body where the document lets one stay away: that is no mistake."""
    return isinstance(case.body, NotSet) and not any(body.is_required for body in case.operation.body)


def is_read(case: Case) -> bool:
    """Return whether the server reads a line so long; it refuses longer ones itself, not as JSON."""
    asked = case.as_requests_kwargs()
    line = requests.Request(asked["method"], asked["url"], params=asked.get("params")).prepare().url
    return line is not None and len(line) < limit_request_line


def is_lacking(response: Any) -> bool:
    """Return whether the build machine's kernel lacks a kind of link, which the router's has."""
    refused = "urn:patronus:error:KernelError" in response.text
    return response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR and refused and LACKING in response.text


def ask_all(
    operations: list[APIOperation[Any, Any]], session: requests.Session, kind: DataGenerationMethod
) -> int:
    """Ask each operation with drawn data; return how many answers were 2xx. Fails with all that is wrong."""
    good, wrong = 0, []
    for operation in operations:

        @hypothesis.seed(SEED)
        @hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(operation.as_strategy(data_generation_method=kind))
        def ask(case: Case) -> None:
            nonlocal good
            hypothesis.assume(is_read(case))
            response = case.call(session=session, verify=session.verify, timeout=60)
            hypothesis.assume(not is_lacking(response))
            good += response.ok
            refusable = kind is DataGenerationMethod.negative and not left_out(case)
            checks = (*CHECKS, negative_data_rejection) if refusable else CHECKS
            case.validate_response(response, checks=checks)

        try:
            ask()
        except (AssertionError, hypothesis.errors.HypothesisException) as error:
            wrong.append(f"{operation.verbose_name}: {error}")
    assert not wrong, "\n\n".join(wrong)
    return good


def test_what_the_document_allows_is_answered_as_it_says(
    operations: list[APIOperation[Any, Any]], session: requests.Session
) -> None:
    assert len(operations) > 30
    assert ask_all(operations, session, DataGenerationMethod.positive) > 30


def test_what_the_document_forbids_is_refused(
    operations: list[APIOperation[Any, Any]], session: requests.Session
) -> None:
    # Names that no header can have are refused by the server itself: before any route, and not as JSON.
    takers = [replace(one, headers=ParameterSet()) for one in operations if one.body or one.query]
    session.headers["If-Match"] = "*"
    assert len(takers) > 15
    ask_all(takers, session, DataGenerationMethod.negative)


def test_what_it_once_broke_on_is_refused(admin: Visitor) -> None:
    assert admin.ask("POST", "/api/v1/config/check", {"files": {"": ""}}).status < 500
    assert admin.ask("PUT", "/api/v1/config", {"files": {"": "a: 1"}}, If_Match="*").status in (400, 422)
    assert admin.ask("GET", "/api/v1/dns/lookup?name=%C2%91y").status == 400
