# SPDX-License-Identifier: GPL-2.0-or-later
"""Models that build their validators when they are first used, by whichever thread that is.

The daemon knows some three hundred models, and a boot needs a few of them. pydantic takes the old schema off
the class while it builds: a second thread would then describe the class that this one derives from.
"""

from __future__ import annotations

import threading
from typing import Any, Self

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import GenerateJsonSchema

_building = threading.RLock()


class Late(BaseModel):
    """Base of the configuration's models, and of what verbs take and give."""

    model_config = ConfigDict(defer_build=True)

    @classmethod
    def model_rebuild(cls, *, _parent_namespace_depth: int = 2, **options: Any) -> bool | None:
        """Build what is not built yet, one thread at a time; see ``BaseModel.model_rebuild``."""
        with _building:
            return super().model_rebuild(_parent_namespace_depth=_parent_namespace_depth + 1, **options)

    @classmethod
    def model_json_schema(cls, *given: Any, **options: Any) -> dict[str, Any]:
        """Return the schema of the model once it is whole; see ``BaseModel.model_json_schema``."""
        cls.model_rebuild()
        return super().model_json_schema(*given, **{"schema_generator": _Described, **options})

    @classmethod
    def unsaid(cls) -> Self:
        """Return what stands where nothing is said: the defaults, for which no validator has to be built."""
        return super().model_construct()


class _Described(GenerateJsonSchema):
    """Writes schemas, defaults that nothing has built yet among them."""

    def encode_default(self, dft: Any) -> Any:
        """Return a default as JSON-ready data."""
        for one in dft if isinstance(dft, tuple) else (dft,):
            if isinstance(one, Late):
                type(one).model_rebuild()
        return super().encode_default(dft)
