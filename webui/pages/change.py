# SPDX-License-Identifier: GPL-2.0-or-later
"""What the pages share that change the configuration: call, say what came of it, and where to go then."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from flask import Response, flash, make_response, redirect, render_template, request

from patronus.core.errors import Conflict, PatronusError
from webui.daemon import daemon
from webui.problem_details import headers_of, status_of


def apply(verb: str, parameters: dict[str, Any], said: str) -> None:
    """Call a verb and keep ``said``, with any warnings, for the next page. Raises the error tree."""
    result = daemon().call(verb, parameters)
    flash("Put into your draft; nothing is committed yet." if result.get("draft") else said)
    say_warnings(result)


def say_warnings(result: Mapping[str, Any]) -> None:
    """Keep what a person should know of a change for the next page."""
    for warning in result.get("warnings") or ():
        flash(warning["text"], "warning")


def see(target: str) -> Response:
    """Lead the browser to a page with GET, so that reloading repeats nothing."""
    return make_response(redirect(target, HTTPStatus.SEE_OTHER))


def page(template: str, error: PatronusError | None = None, **values: Any) -> Response:
    """Fill a template; with an error, the page shows it and has its status."""
    text = render_template(template, error=error, **values)
    if error is None:
        return make_response(text)
    return make_response(text, status_of(error), headers_of(error))


def own_target(wanted: str | None) -> str | None:
    """Return a path that came with the request if it leads to a page of ours."""
    if not wanted or not wanted.startswith("/") or any(sign in wanted for sign in "\\\r\n"):
        return None
    parts = urlsplit(wanted)
    return None if parts.netloc or parts.scheme or wanted.startswith("//") else wanted


def base_of_form(error: PatronusError | None) -> Any:
    """Return the generation that a form is made from: the visitor's own while it is refused, else what runs.

    After a conflict it is what runs: the page shows what others did, and what is sent then is meant.
    """
    seen = request.form.get("base") if error and not isinstance(error, Conflict) else None
    return seen or daemon().call("system.Status")["generation"]
