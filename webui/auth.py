# SPDX-License-Identifier: GPL-2.0-or-later
"""The gate: strangers see set-up, log-in and static files alone; a change must come from our own page.

The session cookie is ``__Host-`` (RFC 6265bis section 4.1.3.2), Secure, HttpOnly and SameSite=Strict. The
CSRF token is an HMAC under the session token: it needs no memory here, and who could make it has the session.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Response, g, request

from patronus.core.errors import NotAuthenticated, NotPermitted
from patronus.core.role import Grant, Role
from webui.daemon import daemon

COOKIE = "__Host-patronus"
CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"
OPEN_ENDPOINTS = frozenset(
    {"static", "account.log_in", "account.log_in_code", "account.set_up", "asset.htmx"}
)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
API = "/api/v1/"


@dataclass(frozen=True)
class Visitor:
    """Who is logged in."""

    name: str
    role: Role
    grants: tuple[Grant, ...]
    second_factor: bool
    recovery_codes: int

    @property
    def role_name(self) -> str:
        """Return the name of the visitor's role, a custom one too."""
        return " and ".join(grant.name for grant in self.grants) or self.role.name.lower()


def guard() -> None:
    """Run before every request: find the visitor, refuse strangers and forged requests."""
    _refuse_foreign_page()
    bearer = _bearer()
    cookie = None if bearer else request.cookies.get(COOKIE)
    if cookie and request.method not in SAFE_METHODS and not _is_open():
        _check_csrf(cookie)
    if _is_open():
        return
    g.token = bearer or cookie
    if g.token is None:
        raise NotAuthenticated("log in first")
    found = daemon().call("accounts.WhoAmI")
    grants = tuple(
        Grant(one["name"], Role[one["base"].upper()], tuple(one["verbs"])) for one in found["grants"]
    )
    g.visitor = Visitor(
        found["name"], Role[found["base"].upper()], grants, found["second_factor"], found["recovery_codes"]
    )


def visitor() -> Visitor | None:
    """Return who is logged in, if anyone."""
    found: Visitor | None = g.get("visitor")
    return found


def can(role: str) -> bool:
    """Return whether the visitor has at least this role."""
    found = visitor()
    return found is not None and found.role >= Role[role.upper()]


def may(verb: str) -> bool:
    """Return whether the visitor may call a verb: the daemon decides, this only spares them a refusal."""
    found = visitor()
    described = daemon().verbs().get(verb) if found is not None else None
    if found is None or described is None:
        return False
    least, flags = Role[str(described["role"]).upper()], (described["own"], described["reserved"])
    if not found.grants:
        return found.role >= least
    return all(grant.covers(verb, least, *flags) for grant in found.grants)


def csrf_token(session: str | None = None) -> str:
    """Return the token for forms of this session."""
    secret = session or g.get("token") or ""
    return hmac.new(secret.encode(), b"patronus form", hashlib.sha256).hexdigest()


def remember(response: Response, token: str) -> None:
    """Give the browser its session; it ends with the browser or in the daemon, whichever is first."""
    response.set_cookie(COOKIE, token, secure=True, httponly=True, samesite="Strict", path="/")


def forget(response: Response) -> None:
    """Take the session from the browser."""
    response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="Strict", path="/")


def _is_open() -> bool:
    if request.endpoint in OPEN_ENDPOINTS:
        return True
    if not request.path.startswith(API):
        return False
    return daemon().table().is_open(request.method, request.path[len(API) - 1 :])


def _bearer() -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _check_csrf(session: str) -> None:
    given = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
    if not hmac.compare_digest(given.encode(), csrf_token(session).encode()):
        raise NotPermitted("this form is not from a page of this session; reload the page and try again")


def _refuse_foreign_page() -> None:
    """Refuse what a page of another site sends (Fetch Metadata; without it, RFC 6454 section 7)."""
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    ours = site in ("same-origin", "none") if site else not origin or urlsplit(origin).netloc == request.host
    if not ours:
        raise NotPermitted("this request came from a page of another site")
