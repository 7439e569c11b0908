"""The smallest instance of a compiled schema, the same every time: what the echo engine answers under a constraint.

Knows: the common language of `aigc.engines.json_schema`. Does not know: engines, tokens.
"""

from __future__ import annotations

from typing import Any

from aigc.engines.pattern import example_of
from aigc.errors import InvalidSchema
from aigc.types import JSON

_MAX_DEPTH = 64


def example(schema: JSON) -> Any:
    """An instance that the schema accepts, with nothing optional in it.

    Raises: InvalidSchema: every instance is endless (a node that requires itself).
    """
    found = _build(schema, schema.get("$defs", {}), 0)
    if found is _ENDLESS:
        raise InvalidSchema("the JSON schema has no finite instance: a part of it requires itself")
    return found


_ENDLESS = object()


def _build(node: JSON, definitions: JSON, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return _ENDLESS
    if "$ref" in node:
        return _build(definitions[node["$ref"].rsplit("/", 1)[1]], definitions, depth + 1)
    if "anyOf" in node:
        built = (_build(branch, definitions, depth + 1) for branch in node["anyOf"])
        return next((value for value in built if value is not _ENDLESS), _ENDLESS)
    if "enum" in node:
        return node["enum"][0]
    kind = node.get("type", "null")
    if kind == "integer":
        return min(max(0, node.get("minimum", 0)), node.get("maximum", 0))
    if kind == "string":
        return example_of(node["pattern"]) if "pattern" in node else ""
    if kind == "array":
        first = node.get("prefixItems", [])
        nodes = [*first, *[node.get("items") or {}] * (node.get("minItems", 0) - len(first))]
        values = [_build(part, definitions, depth + 1) for part in nodes[: node.get("minItems", 0)]]
        return _ENDLESS if any(value is _ENDLESS for value in values) else values
    if kind == "object":
        named = {name: _build(node["properties"][name], definitions, depth + 1) for name in node.get("required", ())}
        return _ENDLESS if any(value is _ENDLESS for value in named.values()) else named
    return {"null": None, "boolean": False}.get(kind, 0)
