"""What can be said of values and compiled schemas without looking at an instance.

Knows: types, values, equality. Does not know: compiling, engines.
"""

from __future__ import annotations

import math
from typing import Any

from aigc.types import JSON

SAFE_INTEGER = 2**53 - 1
"""Largest integer that every JSON reader takes exactly (RFC 8259 section 6)."""

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
"""JSON schema's names of the types."""


def portable(value: Any) -> bool:
    """Whether every engine writes the value as one that is equal to it."""
    if isinstance(value, dict):
        return all(portable(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return all(portable(part) for part in value)
    if isinstance(value, str):
        return not any(0xD800 <= ord(letter) < 0xE000 for letter in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool) or abs(value) <= SAFE_INTEGER


def _kinds(node: JSON) -> set[str]:
    if "enum" in node:
        kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
        return {kinds.get(type(value), "null") for value in node["enum"]}
    return {"number" if node["type"] == "integer" else node["type"]} if "type" in node else set(TYPES)


def disjoint(a: JSON, b: JSON) -> bool:
    """Whether no value can match two compiled schemas, as far as types, values and required constants tell."""
    if not _kinds(a) & _kinds(b):
        return True
    if "enum" in a and "enum" in b:
        return not any(x == y for x in a["enum"] for y in b["enum"])
    shared = set(a.get("required", ())) & set(b.get("required", ()))
    return any(
        disjoint(a["properties"][name], b["properties"][name])
        for name in shared
        if "enum" in a["properties"][name] and "enum" in b["properties"][name]
    )
