# SPDX-License-Identifier: GPL-2.0-or-later
"""What was done on this router, by whom, from where, and with what outcome."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, render_template, request

from webui.daemon import daemon

audit = Blueprint("audit", __name__, url_prefix="/audit")


@audit.get("")
def show() -> str:
    """List the audit records, newest first, with what the visitor asked for."""
    given = {name: request.args.get(name, "").strip() for name in ("user", "verb")}
    wanted: dict[str, Any] = {name: text[:128] for name, text in given.items() if text}
    before = request.args.get("before", "")
    if re.fullmatch(r"[1-9]\d{0,11}", before):
        wanted["before"] = int(before)
    found = daemon().call("audit.Show", wanted)
    return render_template(
        "audit.html",
        records=found["records"],
        before=found["before"],
        given=given,
        head=daemon().call("audit.Head"),
    )


@audit.get("/verify")
def verify() -> str:
    """Follow the whole chain, and say what is broken."""
    return render_template("audit_verify.html", found=daemon().call("audit.Verify"))
