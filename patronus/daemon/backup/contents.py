# SPDX-License-Identifier: GPL-2.0-or-later
"""What a backup holds, as JSON that is compressed before it is encrypted. Pure."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from datetime import UTC, datetime
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from patronus.core.errors import InvalidRequest
from patronus.core.late import Late

LARGEST = 64 * 1024 * 1024
"""Bytes of a backup's content: a configuration of 10,000 rules has 3 MB."""


class Contents(Late):
    """One router at one time."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    hostname: str = Field(max_length=64)
    time: float = Field(ge=0, lt=1e11, description="seconds since the epoch")
    image_version: str = Field(max_length=64)
    schema_version: int = Field(ge=1, description="the configuration's format")
    files: dict[str, str] = Field(description="file name → text")
    secrets: dict[str, str] = Field(description="name → value in base64")
    leases: list[dict[str, Any]]

    def values(self) -> dict[str, bytes]:
        """Return secret name → value. Raises InvalidRequest."""
        try:
            return {name: base64.b64decode(text, validate=True) for name, text in self.secrets.items()}
        except binascii.Error as error:
            raise InvalidRequest("the backup holds a secret that is not base64") from error

    def origin(self) -> str:
        """Return in words which router this was, and when."""
        return f"{self.hostname}, {datetime.fromtimestamp(self.time, UTC):%Y-%m-%d %H:%M} UTC"

    def file_name(self) -> str:
        """Return a name for the file."""
        host = re.sub(r"[^A-Za-z0-9-]", "", self.hostname) or "router"
        return f"{host}-{datetime.fromtimestamp(self.time, UTC):%Y%m%d-%H%M}.patronus-backup"


def as_base64(values: dict[str, bytes]) -> dict[str, str]:
    """Return secrets as ``Contents`` holds them."""
    return {name: base64.b64encode(value).decode() for name, value in values.items()}


def pack(contents: Contents) -> bytes:
    """Return the bytes to encrypt."""
    return zlib.compress(contents.model_dump_json().encode(errors="surrogatepass"))


def unpack(data: bytes) -> Contents:
    """Return what ``pack`` was given. Raises InvalidRequest, also where it would fill the memory."""
    reader = zlib.decompressobj()
    try:
        text = reader.decompress(data, LARGEST)
    except zlib.error as error:
        raise InvalidRequest("the backup's content cannot be read") from error
    if reader.unconsumed_tail or not reader.eof:
        raise InvalidRequest(f"the backup's content is not whole, or larger than {LARGEST} bytes")
    try:
        return Contents.model_validate_json(text)
    except ValidationError as error:
        places = ", ".join(sorted({str(item["loc"][0]) for item in error.errors() if item["loc"]}))
        raise InvalidRequest(f"the backup's content is not as it should be: {places or 'not JSON'}") from None
