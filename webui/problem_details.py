# SPDX-License-Identifier: GPL-2.0-or-later
"""The error tree as HTTP: a status, and problem details (RFC 9457). Pure."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Any

from patronus.core.errors import (
    Conflict,
    InvalidConfiguration,
    InvalidRequest,
    KernelError,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    PatronusError,
    SecondFactorNeeded,
    StorageError,
    TooManyRequests,
    Unavailable,
)


class PreconditionFailed(Conflict):
    """The generation that ``If-Match`` names is no longer the running one (RFC 9110 section 13.1.1)."""


class PreconditionRequired(InvalidRequest):
    """The change must say what it is based on (RFC 6585 section 3)."""


class UnsupportedMediaType(InvalidRequest):
    """The body is written in a form that is not read here (RFC 9110 section 15.5.16)."""


MEDIA_TYPE = "application/problem+json"
STATUS: dict[type[PatronusError], HTTPStatus] = {
    InvalidConfiguration: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    Conflict: HTTPStatus.CONFLICT,
    PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    PreconditionRequired: HTTPStatus.PRECONDITION_REQUIRED,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    NotFound: HTTPStatus.NOT_FOUND,
    NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    SecondFactorNeeded: HTTPStatus.UNAUTHORIZED,
    NotPermitted: HTTPStatus.FORBIDDEN,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    KernelError: HTTPStatus.INTERNAL_SERVER_ERROR,
    StorageError: HTTPStatus.INSUFFICIENT_STORAGE,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
TITLES = {
    "InvalidConfiguration": "The configuration has problems",
    "InvalidRequest": "The request is not understood",
    "Conflict": "Somebody else was faster",
    "NotFound": "There is no such thing",
    "NotAuthenticated": "Log in first",
    "SecondFactorNeeded": "A code is wanted as well",
    "NotPermitted": "Your role does not allow this",
    "TooManyRequests": "Too many tries",
    "KernelError": "The kernel refused",
    "StorageError": "The disk refused",
    "Unavailable": "The router's daemon does not answer",
}


def status_of(error: PatronusError) -> HTTPStatus:
    """Return the status for an error."""
    return STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)


def title_of(error: PatronusError) -> str:
    """Return what happened in a few words."""
    return TITLES.get(error.code, "Something failed")


def headers_of(error: PatronusError) -> dict[str, str]:
    """Return the headers that belong to an error (RFC 9110 sections 11.6.1 and 10.2.3)."""
    if isinstance(error, NotAuthenticated | SecondFactorNeeded):
        return {"WWW-Authenticate": 'Bearer realm="patronus"'}
    if isinstance(error, TooManyRequests):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after_s)))}
    return {"Retry-After": "2"} if isinstance(error, Unavailable) else {}


def details(error: PatronusError, status: int | None = None) -> dict[str, Any]:
    """Return the problem details object; ``status`` where HTTP has a nearer one than the error."""
    given = error.parameters()
    message = given.pop("message", str(error))
    return {
        "type": f"urn:patronus:error:{error.code}",
        "title": title_of(error),
        "status": int(status_of(error) if status is None else status),
        "detail": message,
        **given,
    }
