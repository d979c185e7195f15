# SPDX-License-Identifier: GPL-2.0-or-later
"""The REST routes, from the daemon's own description of its verbs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from patronus.core.errors import InvalidRequest, NotFound
from patronus.core.role import Role

RESERVED = frozenset({"session", "origin"})
"""Parameters that the web server alone may give the daemon."""
_BOOLEANS = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


class MethodNotAllowed(Exception):
    """The path exists, for other methods."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = sorted(allowed)
        super().__init__(f"this path takes {', '.join(self.allowed)}")


@dataclass(frozen=True)
class Route:
    """One verb as REST: ``method`` and ``path`` with its parameters in braces, and the verb's description."""

    method: str
    path: str
    verb: Mapping[str, Any]

    @property
    def role(self) -> Role:
        """Return the least role that may call."""
        return Role[str(self.verb["role"]).upper()]

    @property
    def properties(self) -> Mapping[str, Any]:
        """Return parameter name → JSON schema."""
        properties: Mapping[str, Any] = self.verb["parameters"].get("properties", {})
        return properties

    @cached_property
    def path_names(self) -> tuple[str, ...]:
        """Return the names of the parameters in the path, in order."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    @cached_property
    def listed(self) -> str | None:
        """Return the name of the list of items that a GET answers with, where there is just one."""
        properties = self.verb["result"].get("properties", {})
        lists = [name for name, value in properties.items() if "$ref" in value.get("items", {})]
        alone = self.method == "GET" and len(lists) == 1 and not {"limit", "cursor"} & set(self.properties)
        return lists[0] if alone else None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Return the expression for the path; its last parameter may hold slashes, as a prefix does."""
        parts = re.split(r"({\w+})", self.path)
        last = len(parts) - 2 if self.path.endswith("}") else -1
        return re.compile("".join(_part(part, greedy=number == last) for number, part in enumerate(parts)))

    def read_text(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Return parameters that came as text (path, query) in the types that the verb wants."""
        return {name: _typed(name, text, self.properties.get(name, {})) for name, text in given.items()}


@dataclass(frozen=True)
class RouteTable:
    """All routes; the most particular path first."""

    routes: tuple[Route, ...]

    @classmethod
    def of(cls, verbs: Iterable[Mapping[str, Any]]) -> RouteTable:
        """Return the table of the verbs that have a REST form."""
        routes = []
        for verb in verbs:
            if verb.get("route"):
                method, _, path = str(verb["route"]).partition(" ")
                routes.append(Route(method, path, verb))
        return cls(
            tuple(sorted(routes, key=lambda route: (route.path.count("{"), -len(route.path), route.method)))
        )

    def match(self, method: str, path: str) -> tuple[Route, dict[str, Any]]:
        """Return the route of a request, and what its path gives. Raises NotFound, MethodNotAllowed."""
        wanted = "GET" if method == "HEAD" else method
        others = set()
        for route in self.routes:
            found = route.pattern.fullmatch(path)
            if found and route.method == wanted:
                return route, route.read_text(dict(zip(route.path_names, found.groups(), strict=True)))
            if found:
                others.add(route.method)
        if others:
            raise MethodNotAllowed(others)
        raise NotFound(f"there is nothing at {path}")

    def is_open(self, method: str, path: str) -> bool:
        """Return whether a request needs no session; one that has no route needs one."""
        try:
            return self.match(method, path)[0].role is Role.NONE
        except (NotFound, MethodNotAllowed, InvalidRequest):
            return False


def _part(part: str, *, greedy: bool) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    return "(.+)" if greedy else "([^/]+)"


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    kinds = {str(option.get("type")) for option in schema.get("anyOf", ())}
    return kinds | {str(schema.get("type"))}


def _typed(name: str, text: str, schema: Mapping[str, Any]) -> Any:
    kinds = _kinds(schema)
    if "string" in kinds:
        return text
    if "boolean" in kinds:
        if text.lower() not in _BOOLEANS:
            raise InvalidRequest(f"{name}: {text!r} is neither true nor false")
        return _BOOLEANS[text.lower()]
    for kind, convert, pattern in (
        ("integer", int, r"-?[0-9]{1,18}"),
        ("number", float, r"-?[0-9]{1,18}(\.[0-9]{1,9})?"),
    ):
        if kind in kinds:
            if not re.fullmatch(pattern, text):
                raise InvalidRequest(f"{name}: {text!r} is no {kind}")
            return convert(text)
    return [text] if "array" in kinds else text
