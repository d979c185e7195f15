# SPDX-License-Identifier: GPL-2.0-or-later
"""Https and nothing else: certificates are checked, no proxy is asked, and no detour leads to plain http."""

from __future__ import annotations

import ssl
import urllib.request
from http.client import HTTPMessage
from typing import IO
from urllib.parse import urlsplit

from patronus.core.errors import Unavailable


class _NoDetours(urllib.request.HTTPRedirectHandler):
    """Follows a server to another place by https alone."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the request for the other place. Raises Unavailable."""
        if urlsplit(newurl).scheme != "https":
            raise Unavailable(f"the server leads to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def opener(ca: str | None = None) -> urllib.request.OpenerDirector:
    """Return what opens https URLs; a server's certificate is of ``ca`` (PEM), else of a known authority."""
    context = ssl.create_default_context(cadata=ca) if ca else ssl.create_default_context()
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), _NoDetours()
    )
