# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs as Varlink interface descriptions, so that ``varlinkctl`` lists and calls every one.

Pure. Source: varlink.org, "Interface Definition Format". What that language cannot say (unions, names
that are no identifiers) becomes ``object`` or ``string``; the daemon checks the real model all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from patronus.core.verb import Verb

FIELD = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*")
BASIC = {"string": "string", "integer": "int", "number": "float", "boolean": "bool"}

Schema = dict[str, Any]

SERVICE = """# The Varlink service interface
interface org.varlink.service

method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: []string)

method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)

error MethodNotFound (method: string)

error InvalidParameter (parameter: string)
"""

ERRORS = """
error Failed (message: string)

error InvalidConfiguration (message: string, problems: []object)

error InvalidRequest (message: string)

error Conflict (message: string, clashes: []object)

error NotFound (message: string)

error NotAuthenticated (message: string)

error SecondFactorNeeded (message: string, challenge: string)

error NotPermitted (message: string)

error TooManyRequests (message: string, retry_after_s: float)

error KernelError (message: string)

error StorageError (message: string)

error Unavailable (message: string)
"""


def interfaces(verbs: Iterable[Verb[Any, Any]]) -> dict[str, str]:
    """Return interface name → its description, for the verbs and the service interface itself."""
    described = {"org.varlink.service": SERVICE}
    by_interface = sorted(verbs, key=lambda verb: verb.method)
    for name, group in groupby(by_interface, key=lambda verb: verb.interface):
        methods = "\n".join(_method(verb) for verb in group)
        described[name] = f"interface {name}\n\n{methods}{ERRORS}"
    return described


def _method(verb: Verb[Any, Any]) -> str:
    given = verb.parameters.model_json_schema()
    fields = [*_fields(given, given.get("$defs", {})), "session: ?string", "origin: ?string", "draft: ?bool"]
    result = verb.result.model_json_schema(mode="serialization")
    returned = ", ".join(_fields(result, result.get("$defs", {})))
    return f"# {verb.summary}\nmethod {verb.method.rpartition('.')[2]}({', '.join(fields)}) -> ({returned})\n"


def _fields(schema: Schema, definitions: dict[str, Schema], seen: tuple[str, ...] = ()) -> list[str]:
    required = schema.get("required", ())
    fields = []
    for name, value in schema.get("properties", {}).items():
        kind = _type(value, definitions, seen)
        optional = "" if name in required or kind.startswith("?") else "?"
        fields.append(f"{name}: {optional}{kind}")
    return fields


def _type(schema: Schema, definitions: dict[str, Schema], seen: tuple[str, ...]) -> str:
    if reference := schema.get("$ref"):
        name = str(reference).rpartition("/")[2]
        return "object" if name in seen else _type(definitions[name], definitions, (*seen, name))
    if union := schema.get("anyOf"):
        return _union(union, definitions, seen)
    kind = schema.get("type")
    if kind == "array":
        return "[]" + _type(schema.get("items", {}), definitions, seen).removeprefix("?")
    if kind == "object":
        return _object(schema, definitions, seen)
    return BASIC.get(str(kind), "object")


def _union(union: list[Schema], definitions: dict[str, Schema], seen: tuple[str, ...]) -> str:
    kinds = [_type(item, definitions, seen) for item in union if item.get("type") != "null"]
    optional = "?" if len(kinds) < len(union) else ""
    if any(kind.startswith("?") for kind in kinds):
        optional, kinds = "?", [kind.removeprefix("?") for kind in kinds]
    return optional + (kinds[0] if len(set(kinds)) == 1 else "object")


def _object(schema: Schema, definitions: dict[str, Schema], seen: tuple[str, ...]) -> str:
    properties = schema.get("properties")
    if properties and all(FIELD.fullmatch(name) for name in properties):
        return f"({', '.join(_fields(schema, definitions, seen))})"
    extra = schema.get("additionalProperties")
    if not properties and isinstance(extra, dict) and extra:
        return "[string]" + _type(extra, definitions, seen).removeprefix("?")
    return "object"
