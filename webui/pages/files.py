# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration's files as they are written: look, edit, check, and take them as one change.

What no other page has a form for is set here; comments stay. With a draft the files are the draft's.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from flask import Blueprint, Response, g, render_template, request, url_for

from patronus.core.errors import InvalidConfiguration, InvalidRequest, NotFound, PatronusError
from webui.daemon import daemon
from webui.file_fields import fields_of
from webui.pages import forms
from webui.pages.change import apply, page, see

files = Blueprint("files", __name__, url_prefix="/files")

DEEDS = ("save", "check", "remove")


@files.get("")
def show() -> str:
    """List the files that there are, and those that could be."""
    texts, schemas = daemon().call("config.Show")["files"], daemon().call("config.Schema")["schemas"]
    there = {_section(name): name for name in texts}
    drafted = {_section(name) for name in g.draft["files"]} if g.draft else set()
    rows = [
        {
            "section": section,
            "name": there.get(section) or schemas[section]["title"],
            "words": schemas.get(section, {}).get("description", "Nobody here reads this file."),
            "lines": len(texts[there[section]].splitlines()) if section in there else None,
            "drafted": section in drafted,
        }
        for section in sorted({*schemas, *there})
    ]
    return render_template("files.html", rows=rows)


@files.get("/<path:section>")
def edit(section: str) -> Response:
    """Show a file to edit, and what it may hold."""
    name, text, generation = _find(section)
    return _page(section, name, text, generation)


@files.post("/<path:section>")
def decide(section: str) -> Response:
    """Check what was written, take it, or remove the file."""
    form = request.form
    deed = form.get("deed")
    if deed not in DEEDS or (deed != "remove" and "text" not in form):
        raise InvalidRequest(f"a form has a text, and says what is done: {', '.join(DEEDS)}")
    name, stands, _ = _find(section)
    text = stands if deed == "remove" else form["text"].replace("\r\n", "\n")
    base = forms.number(form.get("base", ""))
    try:
        if deed == "check":
            report = daemon().call("config.Check", {"files": {name: text}})
            return _page(section, name, text, base, report=report)
        wanted = None if deed == "remove" else text
        change = {"files": {name: wanted}, "base": base, "comment": form.get("comment", "").strip()}
        apply("config.Load", change, f"{name} is {'gone' if wanted is None else 'in force'}.")
    except PatronusError as error:
        return _page(section, name, text, base, error)
    return see(url_for("files.show") if wanted is None else url_for("files.edit", section=section))


def _find(section: str) -> tuple[str, str, int]:
    """Return the section's file, its text, and the generation that this is. Raises NotFound."""
    shown = daemon().call("config.Show")
    for name, text in shown["files"].items():
        if _section(name) == section:
            return name, text, shown["generation"]
    schema = daemon().call("config.Schema")["schemas"].get(section)
    if schema is None:
        raise NotFound(f"no file of the configuration is called {section}")
    return schema["title"], "", shown["generation"]


def _section(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _page(
    section: str,
    name: str,
    text: str,
    base: int | str | None,
    error: PatronusError | None = None,
    report: dict[str, Any] | None = None,
) -> Response:
    """Fill the page; ``report`` is what a check found."""
    schema = daemon().call("config.Schema")["schemas"].get(section)
    found = [one.as_data() for one in error.problems] if isinstance(error, InvalidConfiguration) else []
    return page(
        "file.html",
        error,
        section=section,
        name=name,
        text=text,
        base=base,
        words=schema["description"] if schema else "",
        fields=fields_of(schema) if schema else [],
        report=report,
        problems=report["problems"] if report else found,
    )
