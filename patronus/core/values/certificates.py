# SPDX-License-Identifier: GPL-2.0-or-later
"""Certificates in PEM form, as values of the configuration. Pure."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import PlainValidator

from patronus.core.values import metadata
from patronus.core.values.refusal import Refused, text_of

LONGEST = 65536
_CERTIFICATES = re.compile(r"\s*(-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+")


def parse_certificates(value: Any) -> str:
    """Return one or more certificates in PEM form (RFC 7468). Raises Refused."""
    allowed = "-----BEGIN CERTIFICATE----- …"
    text = text_of(value, "a certificate in PEM form", allowed)
    if len(text) > LONGEST or not _CERTIFICATES.fullmatch(text):
        raise Refused("this is not one or more certificates in PEM form", allowed)
    return text


Certificates = Annotated[
    str,
    PlainValidator(parse_certificates),
    metadata.text(
        "certificates in PEM form", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    ),
]
"""What a server's certificate must come from."""
