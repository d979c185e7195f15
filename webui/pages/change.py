# SPDX-License-Identifier: GPL-2.0-or-later
"""What the pages share that change the configuration: call, say what came of it, and where to go then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from flask import Response, flash, make_response, redirect, render_template, request

from patronus.core.errors import Conflict, NotFound, PatronusError
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


def moved(verb: str, order: Sequence[str], one: str, said: str) -> None:
    """Move what the form names one place up or down, or before another, or to the end.

    Beyond the ends there is no place. Raises NotFound, and the error tree.
    """
    if one not in order:
        raise NotFound(f"there is no {one} any more")
    before, way = request.form.get("before"), request.form.get("way")
    place = len(order) if way == "end" else order.index(one) + (-1 if way == "up" else 1)
    if before:
        apply(verb, {"id": one, "before": before}, said)
    elif 0 <= place < len(order) or way == "end":
        apply(verb, {"id": one, "index": place}, said)


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
