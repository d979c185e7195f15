# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the Flask application."""

from __future__ import annotations

import secrets
from http import HTTPStatus
from pathlib import Path

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    g,
    make_response,
    render_template,
    request,
    send_from_directory,
)
from werkzeug.exceptions import HTTPException

from patronus.client import SOCKET
from patronus.core.errors import InvalidRequest, NotAuthenticated, NotFound, PatronusError
from webui import auth, body, events, pages, plugins
from webui.api import api, problem
from webui.daemon import Daemon, daemon, end_connection
from webui.menu import menu
from webui.pages import account, words
from webui.problem_details import headers_of, status_of, title_of
from webui.routes import MethodNotAllowed

JAVASCRIPT = Path("/usr/share/javascript")
"""Where Debian's libjs-htmx keeps its file; without it every page works by plain links and forms."""
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

asset = Blueprint("asset", __name__)


def create_app(socket: Path | str = SOCKET, javascript: Path | str = JAVASCRIPT) -> Flask:
    """Return the application. ``socket`` is the daemon's; ``javascript`` the folder of Debian's libraries."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=secrets.token_bytes(32),
        SESSION_COOKIE_NAME="__Host-notes",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        MAX_CONTENT_LENGTH=body.LIMIT,
        MAX_FORM_MEMORY_SIZE=body.LIMIT,
        JAVASCRIPT=Path(javascript),
    )
    app.extensions["patronus"] = Daemon(Path(socket))
    app.extensions["patronus-streams"] = events.make_streams()
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(words.FILTERS)
    app.before_request(auth.guard)
    app.before_request(pages.draft.look)
    app.after_request(_protect)
    app.teardown_request(end_connection)
    app.context_processor(_surroundings)
    app.register_error_handler(PatronusError, _refused)
    app.register_error_handler(MethodNotAllowed, _method_not_allowed)
    app.register_error_handler(HTTPException, _http_error)
    for blueprint in (asset, events.events, api, *pages.BLUEPRINTS):
        app.register_blueprint(blueprint)
    app.extensions["patronus-plugins"] = plugins.register(app)
    return app


@asset.get("/static/htmx.js")
def htmx() -> Response:
    """Serve Debian's htmx."""
    return send_from_directory(_htmx_folder(), "htmx.min.js", mimetype="text/javascript", max_age=3600)


def _htmx_folder() -> Path:
    folder: Path = current_app.config["JAVASCRIPT"] / "htmx"
    return folder


def _protect(response: Response) -> Response:
    response.headers.update(SECURITY_HEADERS)
    if request.endpoint not in ("static", "asset.htmx"):
        response.headers["Cache-Control"] = "no-store"
    return response


def _surroundings() -> dict[str, object]:
    """Give every template the visitor, the menu and the change that waits for confirmation."""
    visitor = auth.visitor()
    pending = daemon().call("config.Pending") if auth.may("config.Pending") else {}
    return {
        "visitor": visitor,
        "can": auth.can,
        "may": auth.may,
        "csrf": auth.csrf_token(),
        "menu": menu(request.blueprint) if visitor else (),
        "draft": g.get("draft"),
        "pending": pending if pending.get("remaining_s") is not None else None,
        "has_htmx": _htmx_folder().joinpath("htmx.min.js").exists(),
    }


def _refused(error: PatronusError, status: int | None = None) -> Response:
    if request.path.startswith(auth.API):
        return problem(error, status)
    if isinstance(error, NotAuthenticated):
        return account.ask_to_log_in(error)
    text = render_template("error.html", title=title_of(error), error=error)
    return make_response(text, status or status_of(error), headers_of(error))


def _method_not_allowed(error: MethodNotAllowed) -> Response:
    response = problem(InvalidRequest(str(error)), HTTPStatus.METHOD_NOT_ALLOWED)
    response.headers["Allow"] = ", ".join(error.allowed)
    return response


def _http_error(error: HTTPException) -> Response:
    if error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        body.pass_over(request.environ["wsgi.input"])
    found = (
        NotFound("this page does not exist")
        if error.code == HTTPStatus.NOT_FOUND
        else InvalidRequest(error.name)
    )
    return _refused(found, error.code or int(HTTPStatus.INTERNAL_SERVER_ERROR))
